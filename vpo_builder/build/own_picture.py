"""Reads one photograph of one's own with its masks, or says why it is left out.

A picture of which anything cannot be used is left out whole, since an object that is not read
could be a repeat.
"""

import hashlib
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from vpo_builder.classes import spelt_as_wanted
from vpo_builder.dataset.media_files import UNDECODABLE, fault_of
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.dataset.untrusted import LARGEST_AREA, LARGEST_SIDE
from vpo_builder.records import Reason, Rejection
from vpo_builder.rendering.mask import segmentation_of
from vpo_builder.rendering.published_picture import orientation
from vpo_builder.runtime.regular_files import read_regular

PICTURES = (".jpg", ".jpeg", ".png")
_OBJECT = re.compile(r"(.+?)[ _-]*(?:[0-9]{1,9}|\([0-9]{1,9}\))?", re.DOTALL)
"""A category, perhaps with a number behind it, as in dog_2, dog 2 and dog (2)."""
_ONE_CHANNEL = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")

Pixels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OwnPicture:
    """A picture and its masks: the one at `index`, or one for each of the `objects`.

    `categories` are those of an index mask's values; of `wanted` ones alone objects are kept.
    """

    picture: Path
    index: Path | None
    objects: tuple[Path, ...]
    categories: Mapping[int, str]
    wanted: Collection[str]


@dataclass(frozen=True)
class OwnObject:
    """An object by its name in the picture, with its category, pixels and COCO's segmentation."""

    name: str
    category: str
    area: int
    segmentation: bytes


@dataclass(frozen=True)
class Shown:
    """A picture's size and objects, or why it cannot be used; the hash is of its masks."""

    size: tuple[int, int] = (0, 0)
    objects: tuple[OwnObject, ...] = ()
    sha256: str = ""
    rejection: Rejection | None = None


class _UnusableError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read_own_picture(task: OwnPicture) -> Shown:
    """Return what a picture shows, or why it is left out."""
    try:
        size = _size(task.picture)
        data = {path.name: _bytes(path) for path in _masks(task)}
        objects = tuple(
            item for name, content in data.items() for item in _objects(task, name, content, size)
        )
    except _UnusableError as error:
        return Shown(rejection=Rejection("image", task.picture.name, error.reason, str(error)))
    if not objects:
        why = "no pixel of any class: 0 is the background, and 255 is ignored"
        return Shown(rejection=Rejection("image", task.picture.name, Reason.MASK_EMPTY, why))
    hashes = [(name, hashlib.sha256(content).hexdigest()) for name, content in data.items()]
    digest = hashlib.sha256(msgspec.json.encode(hashes))
    kept = tuple(item for item in objects if item.category in task.wanted)
    return Shown(size, kept, digest.hexdigest())


def _size(picture: Path) -> tuple[int, int]:
    """Return the size of a picture whose pixels lie as they are seen."""
    if picture.suffix.lower() not in PICTURES:
        raise _UnusableError(Reason.IMAGE_CORRUPT, "expected a jpg or a png: convert it")
    try:
        with Image.open(io.BytesIO(read_regular(picture))) as image:
            size, turned = image.size, orientation(image)
    except UNDECODABLE as error:
        raise _UnusableError(Reason.IMAGE_CORRUPT, fault_of(error)) from None
    if max(size) > LARGEST_SIDE or size[0] * size[1] > LARGEST_AREA:
        raise _UnusableError(Reason.IMAGE_CORRUPT, f"{size[0]}x{size[1]} pixels are too many")
    if turned not in (0, 1):
        why = f"Exif asks for orientation {turned}: turn the pixels, and draw masks on those"
        raise _UnusableError(Reason.IMAGE_TURNED, why)
    return size


def _masks(task: OwnPicture) -> Sequence[Path]:
    if task.index is not None and task.objects:
        why = f"both {task.index.name} and a folder of that name: keep one of them"
        raise _UnusableError(Reason.MASK_CORRUPT, why)
    if task.index is None and not task.objects:
        raise _UnusableError(Reason.MASK_MISSING, f"no {task.picture.stem}.png, and no such folder")
    return task.objects if task.index is None else (task.index,)


def _bytes(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise _UnusableError(Reason.MASK_CORRUPT, f"{path.name}: {fault_of(error)}") from None


def _objects(
    task: OwnPicture, name: str, content: bytes, size: tuple[int, int]
) -> Iterator[OwnObject]:
    """Yield the objects of a mask: one of each class, or the one that it is named by."""
    pixels = _pixels(name, content, size)
    if task.index is None:
        stem = name.rpartition(".")[0]
        match = _OBJECT.fullmatch(stem)
        if not pixels.any():
            raise _UnusableError(Reason.MASK_EMPTY, f"{name}: no pixel")
        category = spelt_as_wanted(stem, task.wanted)
        if category not in task.wanted:
            category = spelt_as_wanted(match.group(1) if match else stem, task.wanted)
        yield _object(stem, category, pixels > 0)
        return
    held = [value for value in np.unique(pixels).tolist() if value not in (0, IGNORE)]
    unknown = [value for value in held if value not in task.categories]
    if unknown:
        why = f"{name}: value {unknown[0]} is of no class: name it in values"
        raise _UnusableError(Reason.MASK_OF_NO_CLASS, why)
    for value in held:
        yield _object(task.categories[value], task.categories[value], pixels == value)


def _object(name: str, category: str, held: npt.NDArray[np.bool_]) -> OwnObject:
    return OwnObject(name, category, int(held.sum()), segmentation_of(held))


def _pixels(name: str, content: bytes, size: tuple[int, int]) -> Pixels:
    """Return a mask's values; those of 16 bits are values too."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.format != "PNG":
                why = f"{name}: a {image.format}, which changes values: expected a PNG"
                raise _UnusableError(Reason.MASK_CORRUPT, why)
            if image.size != size:
                why = f"{name}: {image.width}x{image.height}, its picture {size[0]}x{size[1]}"
                raise _UnusableError(Reason.MASK_SIZE_DIFFERS, why)
            if image.mode not in _ONE_CHANNEL:
                why = f"{name}: colours ({image.mode}): expected one channel or a palette"
                raise _UnusableError(Reason.MASK_CORRUPT, why)
            return np.asarray(image).astype(np.int64)
    except UNDECODABLE as error:
        raise _UnusableError(Reason.MASK_CORRUPT, f"{name}: {fault_of(error)}") from None
