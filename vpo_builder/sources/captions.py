"""Reads COCO 2017's captions (`annotations/captions_{train,val}2017.json`)."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

import msgspec
import numpy as np
from numpy.typing import NDArray

from vpo_builder.records import ListedId
from vpo_builder.sources.json_files import JsonFile
from vpo_builder.sources.side_files import Blob, Column, Kept, ends_of


class _Caption(msgspec.Struct, frozen=True, gc=False):
    id: ListedId
    image_id: ListedId
    caption: str


class _Captions(msgspec.Struct, frozen=True):
    annotations: list[_Caption]


class Captions:
    """The captions of a part's images, gathered when asked for: most never are.

    `images` are the image ids of all captions in the order of (image, caption id); `texts` gives
    the captions from one place to another in it.
    """

    def __init__(
        self, images: NDArray[np.int64], texts: Callable[[int, int], Iterable[str]]
    ) -> None:
        starts = np.flatnonzero(np.diff(images, prepend=-1))
        self._texts = texts
        self._place = {image: place for place, image in enumerate(images[starts].tolist())}
        self._bounds = [*starts.tolist(), len(images)]

    def of(self, image_id: int) -> tuple[str, ...]:
        """Return an image's captions in the order of their ids, none if it has none."""
        place = self._place.get(image_id)
        if place is None:
            return ()
        return tuple(self._texts(self._bounds[place], self._bounds[place + 1]))


def read_captions(files: Sequence[JsonFile]) -> tuple[Captions, dict[str, str]]:
    """Return a part's captions, which may lie in several files, and each file's name and sha256.

    Of several files nothing is kept: ids put their captions in one order.
    """
    if len(files) == 1 and (kept := files[0].kept) is not None:
        try:
            return _of_kept(kept), {files[0].path.name: kept.sha256}
        except ValueError as error:
            files[0].refuse_kept(error)
    told = {file.path.name: file.decode(_Captions) for file in files}
    rows = [row for captions, _ in told.values() for row in captions.annotations]
    numbers, images = (
        np.fromiter(map(attrgetter(name), rows), np.int64, len(rows)) for name in ("id", "image_id")
    )
    order = np.lexsort((numbers, images))
    images, places = images[order], order.tolist()
    if len(files) == 1:
        files[0].keep(lambda: _to_keep(images, [rows[place].caption for place in places]))
    captions = Captions(images, lambda a, b: [rows[place].caption for place in places[a:b]])
    return captions, {name: sha256 for name, (_, sha256) in told.items()}


def _to_keep(images: NDArray[np.int64], texts: Sequence[str]) -> dict[str, Column]:
    lengths = np.fromiter(map(len, map(str.encode, texts)), np.int64, len(texts))
    encoded = "".join(texts).encode()
    return {"image": images, "caption_bytes": lengths, "captions": Blob(len(encoded), [encoded])}


def _of_kept(kept: Kept) -> Captions:
    """Return the captions that were kept; raise ValueError if they do not fit each other."""
    images, lengths, blob = kept.checked(
        {"image": "<i8", "caption_bytes": "<i8", "captions": "|u1"}
    )
    if len(images) != len(lengths) or images.min(initial=0) < 0 or (np.diff(images) < 0).any():
        raise ValueError("captions without their images")
    bounds, text = np.append(0, ends_of(lengths, blob)), blob.data

    def texts(first: int, last: int) -> list[str]:
        cuts = itertools.pairwise(bounds[first : last + 1].tolist())
        return [str(text[start:end], "utf-8", "replace") for start, end in cuts]

    return Captions(images, texts)
