"""Puts lists of masks side by side: each keeps its own tables, and no id means two things."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as changed
from operator import attrgetter
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from vpo_builder.dataset.untrusted import LARGEST_ID
from vpo_builder.planning.filtering import EMPTY_OUTLINE
from vpo_builder.records import ObjectMask, Photo
from vpo_builder.rendering.mask import BrokenMaskError, segmentation_area
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.coco import CocoPart
from vpo_builder.sources.object_columns import ObjectColumns


def side_by_side(parts: Sequence[CocoPart]) -> tuple[CocoPart, ...]:
    """Return the parts with ids that mean one category, and an area for every object.

    Categories are told by the names that each list gives its own ids; the first list's ids stay.
    Raises InputError for an id of an image or an annotation that stands in two lists, and for a
    list without any outline.
    """
    for first, other in itertools.combinations(parts, 2):
        ours, theirs = map(_photo_numbers, (first, other))
        if np.intersect1d(ours, theirs, assume_unique=True).size:
            _refuse_shared_ids("image", first, first.photos, other, other.photos)
        ours, theirs = (ObjectColumns.of(part.objects).number for part in (first, other))
        if np.intersect1d(ours, theirs, assume_unique=True).size:
            _refuse_shared_ids("annotation", first, first.objects, other, other.objects)
    number_of: dict[str, int] = {}
    for part in parts:
        for number, name in sorted(part.category_names.items()):
            taken = number_of.values() if part is not parts[0] else ()
            number_of.setdefault(name, number if number not in taken else max(taken) + 1)
    return tuple(_with_areas(_renumbered(part, number_of)) for part in parts)


def with_added_ids(part: CocoPart, to_images: int, to_annotations: int) -> CocoPart:
    """Return a part with numbers added to the ids of its images and of its annotations."""
    if not to_images and not to_annotations:
        return part
    photos = tuple(replace(photo, id=photo.id + to_images) for photo in part.photos)
    objects = ObjectColumns.of(part.objects)
    number, image = objects.number + to_annotations, objects.image + to_images
    objects = changed(objects, number=number, image=image)
    numbers = [photo.id for photo in photos]
    for kind, largest in (
        ("image", max(numbers, default=0)),
        ("annotation", number.max(initial=0)),
    ):
        if largest > LARGEST_ID:
            raise InputError(
                f"{part.path}: {kind} id {largest} is above {LARGEST_ID}: give a smaller "
                f"add_to_{kind}_ids"
            )
    return part.changed(photos=photos, objects=objects)


def annotated_in_part(part: CocoPart, class_of: Mapping[str, str]) -> Iterator[int]:
    """Yield the annotations beside which others of their class may be in sight, unannotated.

    LVIS says so of single categories, and looks for a few in each picture: of a class of several
    categories each must have been found or looked for in vain. `class_of` maps names to classes.
    """
    photos = {
        photo.id: photo
        for photo in part.photos
        if photo.not_exhaustive_category_ids or photo.neg_category_ids is not None
    }
    if not photos:
        return
    names = part.category_names
    numbers = {number: class_of[name] for number, name in names.items() if name in class_of}
    of_class: dict[str, set[int]] = defaultdict(set)
    for number, name in numbers.items():
        of_class[name].add(number)
    found: dict[tuple[int, str], list[ObjectMask]] = defaultdict(list)
    for row in part.objects:
        if row.image_id in photos:
            found[row.image_id, numbers[row.category_id]].append(row)
    for (image, name), rows in found.items():
        photo, here = photos[image], {row.category_id for row in rows}
        unknown = of_class[name].intersection(photo.not_exhaustive_category_ids or ())
        if photo.neg_category_ids is not None:
            unknown |= of_class[name] - here - set(photo.neg_category_ids)
        if unknown:
            yield from (row.id for row in rows)


def _photo_numbers(part: CocoPart) -> NDArray[np.int64]:
    return np.fromiter(map(attrgetter("id"), part.photos), np.int64, len(part.photos))


def _refuse_shared_ids(
    kind: str, first: CocoPart, rows: Iterable[Any], other: CocoPart, others: Iterable[Any]
) -> None:
    of_first = {row.id: row for row in rows}
    shared = {row.id: row for row in others if row.id in of_first}
    if not shared:
        return
    number = min(shared)
    start = f"{first.path} and {other.path}: {kind} id {number} stands in both ({len(shared)} do): "
    if kind == "image" and _file(of_first[number]) == _file(shared[number]):
        raise InputError(f"{start}both list {_file(shared[number])}: leave one of the lists out")
    free = max(of_first) + 1
    raise InputError(
        f"{start}expected ids that differ: number one file's {kind}s from {free} on, or list it by "
        f"--images with add_to_{kind}_ids = {free}"
    )


def _file(photo: Photo) -> str:
    return photo.file_name.rpartition("/")[2]


def _renumbered(part: CocoPart, number_of: dict[str, int]) -> CocoPart:
    names = part.category_names
    change = {
        number: number_of[name]
        for number, name in names.items()
        if number_of.get(name, number) != number
    }
    if not change:
        return part
    objects = ObjectColumns.of(part.objects)
    category = [change.get(number, number) for number in objects.category.tolist()]
    objects = changed(objects, category=np.array(category, np.int64))
    kept = {number: name for name, number in number_of.items() if name in names.values()}
    return part.changed(objects=objects, category_names=kept)


def _with_areas(part: CocoPart) -> CocoPart:
    objects = ObjectColumns.of(part.objects)
    missing = np.flatnonzero(~(objects.area >= 1))  # no area, or one that no mask can have
    if missing.size:
        sizes = {photo.id: (photo.height, photo.width) for photo in part.photos}
        area = objects.area.copy()
        area[missing] = [_area(row, sizes.get(row.image_id)) for row in objects.at(missing)]
        objects = changed(objects, area=area)
    outlined = (objects.area != 0) & (objects.outline_bytes > EMPTY_OUTLINE)
    if len(objects) and not outlined.any():
        raise InputError(
            f"{part.path}: none of its {len(objects)} annotations of sounding categories has an "
            f"area and an outline, the first being {objects.number.min()}: expected "
            "segmentation to be polygons or run lengths"
        )
    return part.changed(objects=objects)


def _area(row: ObjectMask, size: tuple[int, int] | None) -> float:
    """Return the pixels of an object's mask.

    Those of the whole image where it cannot be read: it is looked at later, and the reason told.
    """
    if size is None or memoryview(row.segmentation).nbytes <= EMPTY_OUTLINE:
        return 0.0
    try:
        return float(segmentation_area(bytes(row.segmentation), *size))
    except BrokenMaskError:
        return float(size[0] * size[1]) if row.area is None else row.area
