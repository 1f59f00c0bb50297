"""Reads photographs and masks of one's own: a folder of pictures, and a folder of PNGs.

`pictures/street.jpg` has its masks in `masks/street.png`, in which a pixel's value is its class,
or in `masks/street/`, a PNG for each object, named by its category: `dog.png`, `dog_2.png`. The
first cannot tell two objects of a class apart: it says that there is one.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from vpo_builder.build.own_picture import OwnPicture, Shown, read_own_picture
from vpo_builder.classes import spelt_as_wanted
from vpo_builder.records import ObjectMask, Photo
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.stateless_hash import text_key
from vpo_builder.runtime.threads import in_threads
from vpo_builder.sources.coco import CocoPart, License
from vpo_builder.sources.files_below import seen_below
from vpo_builder.sources.image_sources import ImageSource

HIDDEN = (".", "Thumbs.db", "desktop.ini")
"""What names of files begin with that systems write on their own."""
FIRST_ID, IDS = 10**9, 10**11
"""Ids are hashes of names from FIRST_ID on, above COCO's, and leave room for what is added."""


def read_own_masks(
    source: ImageSource, values: Mapping[str, int], wanted: Collection[str]
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
    categories = {value: spelt_as_wanted(name, wanted) for name, value in values.items()}
    tasks = _tasks(source, categories, wanted)
    outcomes = list(in_threads(read_own_picture, tasks, None, "masks"))
    whole = [(task, out) for task, out in zip(tasks, outcomes, strict=True) if not out.rejection]
    rejections = tuple(out.rejection for out in outcomes if out.rejection)
    if not whole:
        first = "".join(f", the first being {r.record}: {r.detail}" for r in rejections[:1])
        seen = "" if tasks else f": {seen_below(source.pictures)}: expected pictures in it"
        count = len(tasks)
        raise InputError(f"{source.pictures}: none of {count} pictures can be used{seen}{first}")
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


def _sha256(tasks: Sequence[OwnPicture], outcomes: Sequence[Shown]) -> str:
    """Return the hash of every picture's name and size and of every mask's bytes."""
    lines = [
        (task.picture.name, out.size, out.sha256, out.rejection and out.rejection.reason)
        for task, out in zip(tasks, outcomes, strict=True)
    ]
    return hashlib.sha256(msgspec.json.encode(lines)).hexdigest()


def _tasks(
    source: ImageSource, categories: Mapping[int, str], wanted: Collection[str]
) -> list[OwnPicture]:
    files = _files(source.pictures)
    stems = Counter(_spelt(path.stem) for path in files)
    for stem, count in stems.items():
        if count > 1:
            raise InputError(
                f"{source.pictures}: {count} pictures are called {stem!r}, and share its masks: "
                "rename them"
            )
    listed = _listed(source.masks)
    folders = {_spelt(path.name): path for path in listed if path.is_dir()}
    masks = {_spelt(path.stem): path for path in listed if path.suffix.lower() == ".png"}
    tasks = []
    for picture in files:
        folder = folders.get(_spelt(picture.stem))
        objects = () if folder is None else tuple(_files(folder))
        index = masks.get(_spelt(picture.stem))
        tasks.append(OwnPicture(picture, index, objects, categories, wanted))
    return tasks


def _spelt(name: str) -> str:
    """Return a name with its accents in one way: pictures and masks may come from two systems."""
    return unicodedata.normalize("NFC", name)


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted; hidden ones are left alone."""
    return [path for path in _listed(folder) if not path.is_dir()]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(HIDDEN))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}: expected a folder") from None
