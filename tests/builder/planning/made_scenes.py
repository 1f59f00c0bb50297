"""Scenes and clips made by hand, as planning sees them."""

from pathlib import Path

import msgspec

from vpo_builder.records import Candidate, Candidates, Clip, ObjectMask, Photo, Scene

CLASSES = ("cat", "cow", "dog")


def candidate(image: int, place: int, category: str) -> Candidate:
    mask = ObjectMask(100 * image + place, image, 1, 50.0, 0, msgspec.Raw(b"[]"))
    return Candidate(mask, category)


def kept(image: int, *categories: str, subset: str = "train", repeated: bool = False) -> Candidates:
    objects = tuple(candidate(image, place, name) for place, name in enumerate(categories))
    return Candidates(Photo(image, 10, 10, "x.jpg"), subset, objects, repeated)  # type: ignore[arg-type]


def clips(count: int) -> list[Clip]:
    return [
        Clip(f"{name}{number:08d}_000000", name, "train", Path())
        for name in CLASSES
        for number in range(count)
    ]


def boxed(number: int, category: str, box: tuple[int, int, int, int] | None) -> Candidate:
    """Return an object whose outline is a box (left, top, right, bottom); of None it is broken."""
    left, top, right, bottom = box or (0, 0, 0, 0)
    corners = (left, top, right, top, right, bottom, left, bottom)
    outline = msgspec.json.encode([list(corners)] if box else [[1, 2, 3]])
    area = float((right - left) * (bottom - top))
    return Candidate(ObjectMask(number, 1, 1, area, 0, msgspec.Raw(outline)), category)


def photo(image: int = 1) -> Photo:
    return Photo(image, 10, 10, f"{image}.jpg")


def pictured(*sounding: Candidate, subset: str = "train", image: int = 1) -> Scene:
    return Scene(photo(image), subset, sounding, ())  # type: ignore[arg-type]


def pictures(*objects: Candidate, subset: str = "train", image: int = 1) -> Candidates:
    categories = [item.category for item in objects]
    repeated = len(set(categories)) < len(categories)
    return Candidates(photo(image), subset, objects, repeated)  # type: ignore[arg-type]
