"""Reads photographs and masks of one's own: a folder of pictures, and a folder of PNGs.

`pictures/street.jpg` has its masks in `masks/street.png`, in which a pixel's value is its class,
or in `masks/street/`, a PNG for each object, named by its category: `dog.png`, `dog_2.png`. The
first cannot tell two objects of a class apart: it says that there is one. A picture of which
anything cannot be used is left out whole, since an object that is not read could be a repeat.
"""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from vpo_builder.dataset.media_files import UNDECODABLE
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.dataset.untrusted import LARGEST_AREA, LARGEST_SIDE
from vpo_builder.records import ObjectMask, Photo, Reason, Rejection
from vpo_builder.rendering.mask import segmentation_of
from vpo_builder.rendering.published_picture import orientation
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.stateless_hash import text_key
from vpo_builder.runtime.threads import in_threads
from vpo_builder.sources.coco import CocoPart, License
from vpo_builder.sources.image_sources import ImageSource

PICTURES = (".jpg", ".jpeg", ".png")
FIRST_ID, IDS = 10**9, 10**11
"""Ids are hashes of names from FIRST_ID on, above COCO's, and leave room for what is added."""
_OBJECT = re.compile(r"(.+?)(?:[_-][0-9]{1,9})?", re.DOTALL)
_ONE_CHANNEL = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")

Pixels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Task:
    picture: Path
    index: Path | None
    objects: tuple[Path, ...]
    categories: Mapping[int, str]
    wanted: Container[str]


@dataclass(frozen=True)
class _Object:
    name: str
    category: str
    area: int
    segmentation: bytes


@dataclass(frozen=True)
class _Outcome:
    """A picture's size and objects, or why it cannot be used; the hash is of its masks."""

    size: tuple[int, int] = (0, 0)
    objects: tuple[_Object, ...] = ()
    sha256: str = ""
    rejection: Rejection | None = None


class _UnusableError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read_own_masks(
    source: ImageSource, values: Mapping[str, int], wanted: Container[str]
) -> CocoPart:
    """Return the pictures of a folder with their objects of the `wanted` categories.

    `values` gives the pixel value of each category in masks that hold classes. Ids are hashes of
    names, so that another picture changes none. Raises InputError where there is no folder of
    pictures, and for two pictures of one name.
    """
    if source.captions:
        raise InputError(
            f"images {source.name!r}: captions: pictures of a folder have no ids by which captions "
            "could name them: leave it out, and name persons' masks male, female or baby"
        )
    tasks = _tasks(source, {value: name for name, value in values.items()}, wanted)
    outcomes = list(in_threads(_read, tasks, None, "masks"))
    whole = [(task, out) for task, out in zip(tasks, outcomes, strict=True) if not out.rejection]
    rejections = tuple(out.rejection for out in outcomes if out.rejection)
    if not whole:
        first = "".join(f", the first being {r.record}: {r.detail}" for r in rejections[:1])
        raise InputError(f"{source.pictures}: none of {len(tasks)} pictures can be used{first}")
    ids = _Ids(source.add_to_image_ids)
    photos = [Photo(ids.of(task.picture.stem), *out.size, task.picture.name) for task, out in whole]
    found = [
        (photo, task.picture.stem, item)
        for photo, (task, out) in zip(photos, whole, strict=True)
        for item in out.objects
    ]
    names = sorted({item.category for _, _, item in found})
    ids = _Ids(source.add_to_annotation_ids)
    objects = [
        ObjectMask(
            ids.of(f"{stem}/{item.name}"),
            photo.id,
            names.index(item.category) + 1,
            float(item.area),
            0,
            msgspec.Raw(item.segmentation),
        )
        for photo, stem, item in found
    ]
    return CocoPart(
        source.masks,
        tuple(sorted(photos, key=lambda photo: photo.id)),
        tuple(objects),
        dict(enumerate(names, start=1)),
        (),
        source.pictures,
        _sha256(tasks, outcomes),
        License(0, source.licence, source.licence_url),
        rejections,
    )


class _Ids:
    """Numbers for names: a hash, and where two names have one, the next that is free."""

    def __init__(self, add: int) -> None:
        self._add, self._taken = add, set[int]()

    def of(self, name: str) -> int:
        number = text_key(name) % (IDS - FIRST_ID)
        while number in self._taken:
            number = (number + 1) % (IDS - FIRST_ID)
        self._taken.add(number)
        return FIRST_ID + number + self._add


def _sha256(tasks: Sequence[_Task], outcomes: Sequence[_Outcome]) -> str:
    """Return the hash of every picture's name and size and of every mask's bytes."""
    lines = [
        (task.picture.name, out.size, out.sha256, out.rejection and out.rejection.reason)
        for task, out in zip(tasks, outcomes, strict=True)
    ]
    return hashlib.sha256(msgspec.json.encode(lines)).hexdigest()


def _tasks(
    source: ImageSource, categories: Mapping[int, str], wanted: Container[str]
) -> list[_Task]:
    files = _files(source.pictures)
    stems = Counter(path.stem for path in files)
    for stem, count in stems.items():
        if count > 1:
            raise InputError(
                f"{source.pictures}: {count} pictures are called {stem!r}, and share its masks: "
                "rename them"
            )
    tasks = []
    for picture in files:
        index, folder = source.masks / f"{picture.stem}.png", source.masks / picture.stem
        objects = _files(folder) if folder.is_dir() else []
        tasks.append(
            _Task(picture, index if index.exists() else None, tuple(objects), categories, wanted)
        )
    return tasks


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted; hidden ones are left alone."""
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if not path.name.startswith((".", "Thumbs.db")) and not path.is_dir()
        )
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}: expected a folder") from None


def _read(task: _Task) -> _Outcome:
    """Return what a picture shows, or why it is left out."""
    try:
        size = _size(task.picture)
        data = {path.name: _bytes(path) for path in _masks(task)}
        objects = tuple(
            item for name, content in data.items() for item in _objects(task, name, content, size)
        )
    except _UnusableError as error:
        return _Outcome(rejection=Rejection("image", task.picture.name, error.reason, str(error)))
    if not objects:
        why = "no pixel of any class"
        return _Outcome(rejection=Rejection("image", task.picture.name, Reason.MASK_EMPTY, why))
    hashes = [(name, hashlib.sha256(content).hexdigest()) for name, content in data.items()]
    digest = hashlib.sha256(msgspec.json.encode(hashes))
    kept = tuple(item for item in objects if item.category in task.wanted)
    return _Outcome(size, kept, digest.hexdigest())


def _size(picture: Path) -> tuple[int, int]:
    """Return the size of a picture whose pixels lie as they are seen."""
    if picture.suffix.lower() not in PICTURES:
        raise _UnusableError(Reason.IMAGE_CORRUPT, "expected a jpg or a png: convert it")
    try:
        with Image.open(io.BytesIO(read_regular(picture))) as image:
            size, turned = image.size, orientation(image)
    except UNDECODABLE as error:
        raise _UnusableError(Reason.IMAGE_CORRUPT, _told(error)) from None
    if max(size) > LARGEST_SIDE or size[0] * size[1] > LARGEST_AREA:
        raise _UnusableError(Reason.IMAGE_CORRUPT, f"{size[0]}x{size[1]} pixels are too many")
    if turned not in (0, 1):
        why = f"Exif asks for orientation {turned}: turn the pixels, and draw masks on those"
        raise _UnusableError(Reason.IMAGE_TURNED, why)
    return size


def _masks(task: _Task) -> Sequence[Path]:
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
        raise _UnusableError(Reason.MASK_CORRUPT, f"{path.name}: {_told(error)}") from None


def _objects(task: _Task, name: str, content: bytes, size: tuple[int, int]) -> Iterator[_Object]:
    """Yield the objects of a mask: one of each class, or the one that it is named by."""
    pixels = _pixels(name, content, size)
    if task.index is None:
        stem = name.rpartition(".")[0]
        match = _OBJECT.fullmatch(stem)
        if not pixels.any():
            raise _UnusableError(Reason.MASK_EMPTY, f"{name}: no pixel")
        yield _object(stem, match.group(1) if match else stem, pixels > 0)
        return
    held = [value for value in np.unique(pixels).tolist() if value not in (0, IGNORE)]
    unknown = [value for value in held if value not in task.categories]
    if unknown:
        why = f"{name}: value {unknown[0]} is of no class: name it in values"
        raise _UnusableError(Reason.MASK_OF_NO_CLASS, why)
    for value in held:
        yield _object(task.categories[value], task.categories[value], pixels == value)


def _object(name: str, category: str, held: npt.NDArray[np.bool_]) -> _Object:
    return _Object(name, category, int(held.sum()), segmentation_of(held))


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
        raise _UnusableError(Reason.MASK_CORRUPT, f"{name}: {_told(error)}") from None


def _told(error: BaseException) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error) or type(error).__name__).splitlines()[0]
