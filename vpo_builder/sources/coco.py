"""Reads instance annotations of COCO's shape: COCO 2017's own, COCO-ReM's, LVIS's, anybody's."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec.structs import replace as replaced

from vpo_builder.classes import spelt_as_wanted
from vpo_builder.dataset.untrusted import LARGEST_AREA, LARGEST_ID, LARGEST_SIDE
from vpo_builder.records import ArchiveMember, ObjectMask, Photo, Rejection
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.archives import member_named
from vpo_builder.sources.coco_folders import names_of
from vpo_builder.sources.files_below import spellings
from vpo_builder.sources.json_files import JsonFile
from vpo_builder.sources.object_columns import DTYPES, ObjectColumns
from vpo_builder.sources.side_files import Blob, Column, Kept

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
    id: Annotated[int, msgspec.Meta(ge=-(10**18), le=10**18)]  # so that 64 bits hold it
    name: str


class _Instances(msgspec.Struct, frozen=True):
    images: list[Photo]
    annotations: list[ObjectMask]
    categories: list[_Category]
    licenses: list[License] | None = None


_Head = tuple[list[Photo], list[_Category], list[License]]
_HEAD = "head"
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
    objects: tuple[ObjectMask, ...] | ObjectColumns
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
        others = [self.images / name for name in spellings(photo.file_name)[1:]]
        if "/" in photo.file_name:
            others += [self.images.parent / photo.file_name, self.images / place.name]
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
    wanted: Collection[str],
    names: re.Pattern[str] = FILE_NAME,
) -> CocoPart:
    """Return a part with the objects of the `wanted` categories; its images lie in `images`.

    Photos come sorted by id, objects in the order of the file. Raises InputError naming the file
    for a missing folder, a json that is cut short or of another shape, a repeated id, and a file
    name that is not of `names`.
    """
    part = None if file.kept is None else _of_kept(file, file.kept, images, wanted, names)
    if part is not None:
        return part
    instances, sha256 = file.decode(_Instances)
    categories = [
        replaced(row, name=spelt_as_wanted(row.name, wanted)) for row in instances.categories
    ]
    _refuse_two_meanings("category", categories, file.path)
    _refuse_two_meanings("licence", instances.licenses or [], file.path)
    keep = {category.id for category in categories if category.name in wanted}
    photos = sorted(map(_with_file_name, instances.images), key=attrgetter("id"))
    objects = ObjectColumns.of(row for row in instances.annotations if row.category_id in keep)
    head = (photos, categories, instances.licenses or [])
    part = _part(head, objects, file.path, images, sha256)
    _check(part, names)
    file.keep(lambda: _to_keep(head, objects))
    return part


def wanted_of(wanted: Collection[str], names: re.Pattern[str] = FILE_NAME) -> tuple[str, ...]:
    """Return what `read_coco` wants of a list, as its side file is told apart by it."""
    return "coco", names.pattern, *sorted(wanted)


def _part(head: _Head, objects: ObjectColumns, path: Path, images: Path, sha256: str) -> CocoPart:
    photos, categories, licenses = head
    names = {category.id: category.name for category in categories}
    return CocoPart(path, tuple(photos), objects, names, tuple(licenses), images, sha256)


def _to_keep(head: _Head, objects: ObjectColumns) -> dict[str, Column]:
    encoded = msgspec.msgpack.encode(head)
    return {_HEAD: Blob(len(encoded), [encoded]), **objects.to_keep()}


def _of_kept(
    file: JsonFile, kept: Kept, images: Path, wanted: Collection[str], names: re.Pattern[str]
) -> CocoPart | None:
    """Return the part that was kept of a list, None, with a word, if it is not as it was written.

    It is checked like the list, since whoever may write there could have written anything.
    """
    try:
        encoded, *columns = kept.checked({_HEAD: "|u1", **DTYPES})
        head = msgspec.msgpack.decode(encoded.tobytes(), type=_Head)
        part = _part(head, ObjectColumns.of_kept(columns), file.path, images, kept.sha256)
        _check(part, names)
        numbers = [number for number, name in part.category_names.items() if name in wanted]
        if not np.isin(ObjectColumns.of(part.objects).category, numbers).all():
            raise ValueError("an annotation of another category")
    except (ValueError, msgspec.MsgspecError, InputError) as error:
        file.refuse_kept(error)
        return None
    return part


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


def _check(part: CocoPart, names: re.Pattern[str]) -> None:
    """Raise InputError for a photo of no plain name or size, and for an id that stands twice."""
    path, photos = part.path, part.photos
    if not all(map(names.fullmatch, map(attrgetter("file_name"), photos))):
        photo = next(photo for photo in photos if not names.fullmatch(photo.file_name))
        own = OWN_FILE_NAME.fullmatch(photo.file_name)
        raise InputError(
            f"{path}: image {photo.id}: file_name {photo.file_name!r} is not a plain file name "
            "such as 000000000139.jpg or .png, nor one below folders"
            f"{'; list it by --images, where names may have any letters' if own else ''}"
        )
    unfit = {size for size in set(map(attrgetter("width", "height"), photos)) if not _fits(*size)}
    if unfit:
        photo = next(photo for photo in photos if (photo.width, photo.height) in unfit)
        raise InputError(
            f"{path}: image {photo.id}: size {photo.width}x{photo.height}: expected sides in "
            f"[1, {LARGEST_SIDE}] and at most {LARGEST_AREA} pixels"
        )
    places: dict[str, int] = {}
    for photo in photos:
        other = places.setdefault(photo.file_name, photo.id)
        if other != photo.id:
            raise InputError(
                f"{path}: images {other} and {photo.id} are both {photo.file_name}: expected each "
                "picture once, with all of its annotations under one id"
            )
    of_photos = np.fromiter(map(attrgetter("id"), photos), np.int64, len(photos))
    for kind, ids in (("image", of_photos), ("annotation", ObjectColumns.of(part.objects).number)):
        ordered = np.sort(ids)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if twice.size:
            raise InputError(f"{path}: {kind} id {twice[0]} stands there twice: expected once")
        if ordered.size and not 0 <= ordered[0] <= ordered[-1] <= LARGEST_ID:
            raise InputError(f"{path}: {kind} ids are outside [0, {LARGEST_ID}]")


def _fits(width: int, height: int) -> bool:
    return 0 < min(width, height) <= max(width, height) <= LARGEST_SIDE and (
        width * height <= LARGEST_AREA
    )
