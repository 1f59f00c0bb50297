"""Reads COCO 2017's captions (`annotations/captions_{train,val}2017.json`)."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Annotated

import msgspec
import numpy as np

from vpo_builder.dataset.untrusted import LARGEST_ID
from vpo_builder.sources.json_files import JsonFile

_Id = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


class _Caption(msgspec.Struct, frozen=True, gc=False):
    id: _Id
    image_id: _Id
    caption: str


class _Captions(msgspec.Struct, frozen=True):
    annotations: list[_Caption]


class Captions:
    """The captions of a part's images, gathered when asked for: most never are."""

    def __init__(self, rows: Sequence[_Caption]) -> None:
        numbers, images = (
            np.fromiter(map(attrgetter(name), rows), np.int64, len(rows))
            for name in ("id", "image_id")
        )
        order = np.lexsort((numbers, images))
        starts = np.flatnonzero(np.diff(images[order], prepend=-1))
        self._rows, self._order = rows, order
        self._place = {image: place for place, image in enumerate(images[order[starts]].tolist())}
        self._bounds = [*starts.tolist(), len(rows)]

    def of(self, image_id: int) -> tuple[str, ...]:
        """Return an image's captions in the order of their ids, none if it has none."""
        place = self._place.get(image_id)
        if place is None:
            return ()
        span = slice(self._bounds[place], self._bounds[place + 1])
        return tuple([self._rows[row].caption for row in self._order[span].tolist()])


def read_captions(files: Iterable[JsonFile]) -> tuple[Captions, dict[str, str]]:
    """Return a part's captions, which may lie in several files, and each file's name and sha256."""
    told = {file.path.name: file.decode(_Captions) for file in files}
    rows = [row for captions, _ in told.values() for row in captions.annotations]
    return Captions(rows), {name: sha256 for name, (_, sha256) in told.items()}
