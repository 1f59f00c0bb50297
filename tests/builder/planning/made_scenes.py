"""Scenes and clips made by hand, as planning sees them."""

from pathlib import Path

import msgspec

from vpo_builder.records import Candidate, Candidates, Clip, ObjectMask, Photo

CLASSES = ("cat", "cow", "dog")


def candidate(image: int, place: int, category: str) -> Candidate:
    mask = ObjectMask(100 * image + place, image, 1, 50.0, 0, msgspec.Raw(b"[]"))
    return Candidate(mask, category)


def kept(image: int, *categories: str, subset: str = "train", repeated: bool = False) -> Candidates:
    objects = tuple(candidate(image, place, name) for place, name in enumerate(categories))
    return Candidates(Photo(image, 10, 10, "x.jpg"), subset, objects, repeated)  # type: ignore[arg-type]


def clips(count: int) -> list[Clip]:
    return [
        Clip(f"{name}{number:08d}_000000", "", "", name, "train", Path())
        for name in CLASSES
        for number in range(count)
    ]
