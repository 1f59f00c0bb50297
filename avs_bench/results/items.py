"""The counts of many pictures or videos in a few columns: a tenth of what as many objects hold."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import overload

import msgspec
import numpy as np

from avs_bench.metrics.record import Counts


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """The counts of one picture, of one video ("video"), or of a picture's sounds ("listening").

    `unit` is what scores are resampled by; `groups` maps a kind to the names of the item's groups
    of that kind. `counts` is the record's vector without its zeros: place, count, place, count.
    """

    item_id: str
    unit: str
    groups: dict[str, tuple[str, ...]]
    counts: tuple[int, ...]


class Items(Sequence[ScoredItem]):
    """Items that are made as they are asked for: item n has `told[starts[n] : starts[n + 1]]`.

    `ids`, `units` and `groups` of every item; equal ones are one object. No dataclass, which
    msgspec would write as its columns.
    """

    __slots__ = ("groups", "ids", "starts", "told", "units")

    def __init__(
        self,
        ids: tuple[str, ...],
        units: tuple[str, ...],
        groups: tuple[dict[str, tuple[str, ...]], ...],
        starts: Counts,
        told: Counts,
    ) -> None:
        self.ids, self.units, self.groups = ids, units, groups
        self.starts, self.told = starts, told

    @classmethod
    def of(cls, items: Sequence[ScoredItem]) -> "Items":
        """Return items as columns; raise ValueError for a count that no int64 holds."""
        if isinstance(items, Items):
            return items
        starts = np.cumsum([0, *(len(item.counts) for item in items)])
        counts = chain.from_iterable(item.counts for item in items)
        try:
            told = np.fromiter(counts, np.int64, int(starts[-1]))
        except OverflowError:
            odd = next(i for i in items if not all(-(2**63) <= n < 2**63 for n in i.counts))
            raise ValueError(f"item {odd.item_id!r} has counts that are no counts") from None
        same: dict[tuple[tuple[str, tuple[str, ...]], ...], dict[str, tuple[str, ...]]] = {}
        return cls(
            tuple(sys.intern(item.item_id) for item in items),
            tuple(sys.intern(item.unit) for item in items),
            tuple(same.setdefault(tuple(item.groups.items()), item.groups) for item in items),
            starts,
            told,
        )

    def take(self, places: Sequence[int]) -> "Items":
        """Return the items at places, in their order."""
        at = np.asarray(places, np.int64)
        lengths = np.diff(self.starts)[at]
        starts = np.cumsum([0, *lengths])
        where = np.arange(starts[-1]) + np.repeat(self.starts[at] - starts[:-1], lengths)
        ids = tuple(map(self.ids.__getitem__, places))
        units = tuple(map(self.units.__getitem__, places))
        groups = tuple(map(self.groups.__getitem__, places))
        return Items(ids, units, groups, starts, self.told[where])

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> ScoredItem: ...
    @overload
    def __getitem__(self, at: slice) -> "Items": ...
    def __getitem__(self, at: int | slice) -> "ScoredItem | Items":
        places = range(len(self))[at]
        if isinstance(places, range):
            return self.take(places)
        return next(iter(self.take([places])))

    def __iter__(self) -> Iterator[ScoredItem]:
        spans = pairwise(self.starts.tolist())
        for name, unit, groups, span in zip(self.ids, self.units, self.groups, spans, strict=True):
            yield ScoredItem(name, unit, groups, tuple(self.told[slice(*span)].tolist()))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Items)
            and (self.ids, self.units, self.groups) == (other.ids, other.units, other.groups)
            and np.array_equal(self.starts, other.starts)
            and np.array_equal(self.told, other.told)
        )

    def __hash__(self) -> int:
        return hash((self.ids, self.units))


def encoded(value: object) -> bytes:
    """Return the json of what holds `Items`, which are written as the list that they are."""
    return msgspec.json.encode(value, enc_hook=as_list)


def as_list(value: object) -> object:
    """Tell msgspec what `Items` are, as its `enc_hook`."""
    if isinstance(value, Items):
        return list(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in a file")
