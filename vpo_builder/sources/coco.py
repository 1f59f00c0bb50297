"""Reads instance annotations of COCO's shape: COCO 2017's own, COCO-ReM's, LVIS's, anybody's."""

import math
import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from msgspec.structs import replace as replaced

from vpo_builder.dataset.untrusted import LARGEST_AREA, LARGEST_ID, LARGEST_SIDE
from vpo_builder.records import ArchiveMember, ObjectMask, Photo, Rejection
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.archives import member_named
from vpo_builder.sources.coco_folders import names_of
from vpo_builder.sources.json_files import JsonFile

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}"
FILE_NAME = re.compile(rf"(?:{_NAME}/){{0,4}}{_NAME}\.(?i:jpg|jpeg|png)", re.ASCII)
"""The name of an image's file, perhaps with folders; none of them is `.` or `..`."""
_OWN_NAME = r"(?!\.{1,2}/)[^/\\\x00-\x1f\x7f]{1,200}"
OWN_FILE_NAME = re.compile(
    rf"(?:{_OWN_NAME}/){{0,8}}[^/\\\x00-\x1f\x7f]{{1,200}}\.(?i:jpg|jpeg|png)"
)
"""The same of pictures that are never fetched: any letters, spaces and brackets are fine."""


class License(msgspec.Struct, frozen=True):
    """A row of COCO's `licenses`."""

    id: int
    name: str | None = ""
    url: str | None = ""


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str


class _Instances(msgspec.Struct, frozen=True):
    images: list[Photo]
    annotations: list[ObjectMask]
    categories: list[_Category]
    licenses: list[License] | None = None


UNKNOWN = License(0, "", "")


@dataclass(frozen=True)
class CocoPart:
    """A list such as train2017: its photos, the annotations of the wanted categories, its folder.

    `path` is the json's, or the folder's of masks; `images` the folder in which the photos lie;
    `licence` holds for photos of which `licenses` say nothing, `rejections` tell which were read
    and cannot be used. `elsewhere` are folders and zips in which the files may lie instead.
    """

    path: Path
    photos: tuple[Photo, ...]
    objects: tuple[ObjectMask, ...]
    category_names: dict[int, str]
    licenses: tuple[License, ...]
    images: Path
    sha256: str
    licence: License = UNKNOWN
    rejections: tuple[Rejection, ...] = ()
    elsewhere: tuple[Path, ...] = ()

    def changed(self, **fields: Any) -> "CocoPart":
        """Return a part with other fields."""
        return replace(self, **fields)

    def image_path(self, photo: Photo) -> Path | ArchiveMember:
        """Return where a photo's file lies, or should lie if there is none.

        Some producers write the part's folder, or the folders of their own machine, before the
        name, and some name the file of 2014 and give the address of that of 2017.
        """
        place = self.images / photo.file_name
        if place.is_file():
            return place
        others = []
        if "/" in photo.file_name:
            others = [self.images.parent / photo.file_name, self.images / place.name]
        address = _name_in(photo.coco_url or "")
        if address is not None:
            others += [self.images / address, self.images / address.name]
        for folder in (each for each in self.elsewhere if each.is_dir()):
            others += [folder / name for name in names_of(place.name)]
        found = next((other for other in others if other.is_file()), None)
        if found is not None:
            return found
        packed = (each for each in self.elsewhere if not each.is_dir())
        members = (member_named(each, name) for each in packed for name in names_of(place.name))
        return next(filter(None, members), place)


def read_coco(
    file: JsonFile,
    images: Path,
    wanted: Container[str],
    names: re.Pattern[str] = FILE_NAME,
) -> CocoPart:
    """Return a part with the objects of the `wanted` categories; its images lie in `images`.

    Photos come sorted by id, objects in the order of the file. Raises InputError naming the file
    for a missing folder, a json that is cut short or of another shape, a repeated id, and a file
    name that is not of `names`.
    """
    path = file.path
    instances, sha256 = file.decode(_Instances)
    _refuse_two_meanings("category", instances.categories, path)
    _refuse_two_meanings("licence", instances.licenses or [], path)
    categories = {category.id: category.name for category in instances.categories}
    keep = {number for number, name in categories.items() if name in wanted}
    photos = sorted(map(_with_file_name, instances.images), key=attrgetter("id"))
    objects = [row for row in instances.annotations if row.category_id in keep]
    _check_ids(photos, objects, path, names)
    licenses = tuple(instances.licenses or ())
    return CocoPart(path, tuple(photos), tuple(objects), categories, licenses, images, sha256)


def _with_file_name(photo: Photo) -> Photo:
    """Return a photo with its file's name and folder as its address has them, if it has no other.

    LVIS v1 gives `http://…/train2017/000000391895.jpg` alone.
    """
    address = None if photo.file_name else _name_in(photo.coco_url or "")
    return photo if address is None else replaced(photo, file_name=str(address))


def _name_in(url: str) -> PurePosixPath | None:
    """Return the name and folder of a picture by its address, None if it is not one of COCO's."""
    name = "/".join(url.rsplit("/", 2)[-2:])
    return PurePosixPath(name) if FILE_NAME.fullmatch(name) else None


def _refuse_two_meanings(kind: str, rows: Sequence[_Category | License], path: Path) -> None:
    rows_of: dict[int, _Category | License] = {}
    for row in rows:
        if rows_of.setdefault(row.id, row) != row:
            raise InputError(f"{path}: {kind} id {row.id} stands there twice and differs")


def _check_ids(
    photos: list[Photo], objects: list[ObjectMask], path: Path, names: re.Pattern[str]
) -> None:
    for photo in photos:
        if not 0 <= photo.id <= LARGEST_ID:
            raise InputError(f"{path}: image id {photo.id} is outside [0, {LARGEST_ID}]")
        if not names.fullmatch(photo.file_name):
            raise InputError(
                f"{path}: image {photo.id}: file_name {photo.file_name!r} is not a plain file "
                "name such as 000000000139.jpg, nor one below folders"
            )
        sides = (photo.width, photo.height)
        if not (min(sides) > 0 and max(sides) <= LARGEST_SIDE and math.prod(sides) <= LARGEST_AREA):
            raise InputError(
                f"{path}: image {photo.id}: size {photo.width}x{photo.height}: expected sides in "
                f"[1, {LARGEST_SIDE}] and at most {LARGEST_AREA} pixels"
            )
    for kind, rows in (("image", photos), ("annotation", objects)):
        ids = set(map(attrgetter("id"), rows))
        if len(ids) < len(rows):
            counts = Counter(row.id for row in rows)
            twice = min(number for number, count in counts.items() if count > 1)
            raise InputError(f"{path}: {kind} id {twice} stands there twice: expected once")
        if ids and not (min(ids) >= 0 and max(ids) <= LARGEST_ID):
            raise InputError(f"{path}: {kind} ids are outside [0, {LARGEST_ID}]")
