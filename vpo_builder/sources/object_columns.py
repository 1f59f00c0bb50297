"""Annotations as columns: rules look at half a million at once, and few are ever drawn."""

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vpo_builder.records import ObjectMask
from vpo_builder.sources.side_files import Blob, Column, ends_of

PIECE = 4096
"""Outlines that are written at once, about 1.5 MB."""
DTYPES = {
    **dict.fromkeys(("number", "image", "category"), "<i8"),
    "area": "<f8",
    "crowd": "|b1",
    "outline_bytes": "<i8",
    "outlines": "|u1",
}
"""The columns of a side file, in the order of the fields, and their outlines as one blob."""


@dataclass(frozen=True, eq=False)
class ObjectColumns:
    """Annotations, each a row of all columns: the i-th is `columns[i]`, made when asked for.

    `area` is NaN where the list gives none; `outline` gives an annotation's segmentation, undecoded
    json, and `outline_bytes` its length.
    """

    number: NDArray[np.int64]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    outline_bytes: NDArray[np.int64]
    outline: Callable[[int], msgspec.Raw]

    @classmethod
    def of(cls, rows: "Iterable[ObjectMask]") -> "ObjectColumns":
        """Return rows as columns."""
        if isinstance(rows, ObjectColumns):
            return rows
        rows = tuple(rows)
        size = len(rows)
        outlines = [row.segmentation for row in rows]
        number, image, category = (
            np.fromiter(map(attrgetter(name), rows), np.int64, size)
            for name in ("id", "image_id", "category_id")
        )
        area = np.fromiter(map(attrgetter("area"), rows), np.float64, size)  # None becomes NaN
        crowd = np.fromiter(map(attrgetter("iscrowd"), rows), np.bool_, size)
        lengths = np.fromiter(map(len, outlines), np.int64, size)
        return cls(number, image, category, area, crowd, lengths, outlines.__getitem__)

    @classmethod
    def joined(cls, parts: "Sequence[ObjectColumns]") -> "ObjectColumns":
        """Return the annotations of several lists, one list after the other."""
        starts = list(itertools.accumulate(map(len, parts), initial=0))

        def outline(place: int) -> msgspec.Raw:
            part = bisect_right(starts, place) - 1
            return parts[part].outline(place - starts[part])

        def column(name: str) -> NDArray[Any]:
            none = np.empty(0, DTYPES[name])
            return np.concatenate([none, *(getattr(part, name) for part in parts)])

        columns = {name: column(name) for name in DTYPES if name != "outlines"}
        return cls(**columns, outline=outline)

    @classmethod
    def of_kept(cls, kept: Sequence[NDArray[Any]]) -> "ObjectColumns":
        """Return what `kept` gave; raise ValueError if the columns do not fit each other."""
        *columns, lengths, blob = kept
        if any(len(column) != len(lengths) for column in columns):
            raise ValueError("columns of different lengths")
        ends = ends_of(lengths, blob)

        def outline(place: int) -> msgspec.Raw:
            return msgspec.Raw(blob[ends[place] - lengths[place] : ends[place]].tobytes())

        number, image, category, area, crowd = columns
        return cls(number, image, category, area, crowd, lengths, outline)

    def to_keep(self) -> dict[str, Column]:
        """Return the columns as a side file has them."""
        blob = Blob(int(self.outline_bytes.sum()), self._pieces())
        return {name: getattr(self, name) for name in DTYPES if name != "outlines"} | {
            "outlines": blob
        }

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self), PIECE):
            places = range(start, min(start + PIECE, len(self)))
            yield b"".join(map(self.outline, places))

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, place: int) -> ObjectMask:
        return next(self.at(np.array([place])))

    def __iter__(self) -> Iterator[ObjectMask]:
        return self.at(np.arange(len(self)))

    def at(self, places: NDArray[np.int64]) -> Iterator[ObjectMask]:
        """Yield the annotations at some places."""
        areas = (None if math.isnan(area) else area for area in self.area[places].tolist())
        numbers = (column[places].tolist() for column in (self.number, self.image, self.category))
        crowd = self.crowd[places].astype(int).tolist()
        return map(ObjectMask, *numbers, areas, crowd, map(self.outline, places.tolist()))
