"""Reads COCO 2017's instance annotations (`annotations/instances_{train,val}2017.json`)."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from vpo_builder.dataset.untrusted import LARGEST_AREA, LARGEST_ID, LARGEST_SIDE
from vpo_builder.records import ObjectMask, Photo
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.json_files import JsonFile

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}"
FILE_NAME = re.compile(rf"(?:{_NAME}/){{0,4}}{_NAME}\.(?i:jpg|jpeg|png)", re.ASCII)
"""The name of an image's file, perhaps with folders; none of them is `.` or `..`."""


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


@dataclass(frozen=True)
class CocoPart:
    """train2017 or val2017: its photos, the annotations of the wanted categories, its folder.

    `path` is the json's, `images` the folder in which the photos lie.
    """

    path: Path
    photos: tuple[Photo, ...]
    objects: tuple[ObjectMask, ...]
    category_names: dict[int, str]
    licenses: tuple[License, ...]
    images: Path
    sha256: str

    def changed(self, **fields: Any) -> "CocoPart":
        """Return a part with other fields."""
        return replace(self, **fields)

    def image_path(self, photo: Photo) -> Path:
        """Return where a photo's file lies, or should lie if there is none.

        Some producers write the part's folder, or the folders of their own machine, before the
        name.
        """
        place = self.images / photo.file_name
        if "/" not in photo.file_name or place.is_file():
            return place
        others = (self.images.parent / photo.file_name, self.images / place.name)
        return next((other for other in others if other.is_file()), place)


def read_coco(file: JsonFile, images: Path, wanted: Iterable[str]) -> CocoPart:
    """Return a part with the objects of the `wanted` categories; its images lie in `images`.

    Photos come sorted by id, objects in the order of the file. Raises InputError naming the file
    for a missing folder, a json that is cut short or of another shape, a repeated id, and a file
    name that is a path.
    """
    path = file.path
    instances, sha256 = file.decode(_Instances)
    _refuse_two_meanings("category", instances.categories, path)
    _refuse_two_meanings("licence", instances.licenses or [], path)
    names = {category.id: category.name for category in instances.categories}
    _check_categories(names, wanted, path)
    keep = {number for number, name in names.items() if name in set(wanted)}
    photos = sorted(instances.images, key=attrgetter("id"))
    objects = [row for row in instances.annotations if row.category_id in keep]
    _check_ids(photos, objects, path)
    licenses = tuple(instances.licenses or ())
    return CocoPart(path, tuple(photos), tuple(objects), names, licenses, images, sha256)


def _refuse_two_meanings(kind: str, rows: Sequence[_Category | License], path: Path) -> None:
    rows_of: dict[int, _Category | License] = {}
    for row in rows:
        if rows_of.setdefault(row.id, row) != row:
            raise InputError(f"{path}: {kind} id {row.id} stands there twice and differs")


def _check_categories(names: dict[int, str], wanted: Iterable[str], path: Path) -> None:
    absent = sorted(set(wanted) - set(names.values()))
    if absent:
        raise InputError(
            f"{path}: no category named {', '.join(absent)}: expected COCO 2017's 80 categories"
        )


def _check_ids(photos: list[Photo], objects: list[ObjectMask], path: Path) -> None:
    for photo in photos:
        if not 0 <= photo.id <= LARGEST_ID:
            raise InputError(f"{path}: image id {photo.id} is outside [0, {LARGEST_ID}]")
        if not FILE_NAME.fullmatch(photo.file_name):
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
