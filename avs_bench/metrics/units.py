"""The counts of every picture or video of a set without their zeros: what resampling adds up.

A picture has a few of the classes, and so a few of all the pairs of classes that are counted.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.figure import Figure
from avs_bench.metrics.record import Counts, Record, Scores
from vpo_builder.runtime.errors import InputError

R = TypeVar("R", bound=Record)

UNITS_AT_A_TIME = 128
"""Units that become a dense matrix at once: small, and with few of the columns."""

AT_A_TIME = 1 << 18
"""Multiplications of one product: OpenBLAS shares what has more among threads.

They spin while they wait for each other, which took fifteen times the processor time on two cores
that had other work. 65,536 · 4 is `SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD` of its
interface/gemm.c.
"""


@dataclass(frozen=True, eq=False)
class Units(Generic[R]):
    """Counts by unit: `counts[n]` stands at `places[n]` of the vector of unit `ids[rows[n]]`.

    `ids` are sorted, and so are `rows`; a place may come several times in a unit. `blank` is the
    record of nothing.
    """

    ids: tuple[str, ...]
    rows: Counts
    places: Counts
    counts: Counts
    blank: R

    @classmethod
    def of(cls, sparse: Iterable[tuple[str, Sequence[int]]], blank: R) -> "Units[R]":
        """Return the counts of (unit id, [place, count, place, count, …]) in any order."""
        ordered = sorted(sparse, key=lambda one: one[0])
        lengths = np.array([len(told) for _, told in ordered], np.int64)
        told = np.fromiter(chain.from_iterable(told for _, told in ordered), np.int64)
        return cls.of_sorted([unit for unit, _ in ordered], lengths, told, blank)

    @classmethod
    def of_sorted(cls, units: Sequence[str], lengths: Counts, told: Counts, blank: R) -> "Units[R]":
        """Return the same of sorted unit ids, each with so many of the numbers in `told`."""
        numbers = {unit: number for number, unit in enumerate(dict.fromkeys(units))}
        rows = np.repeat(np.array([numbers[unit] for unit in units], np.int64), lengths // 2)
        return cls(tuple(numbers), rows, told[::2], told[1::2], blank)

    @classmethod
    def of_records(cls, scores: Mapping[str, R]) -> "Units[R]":
        """Return the counts of a record for each unit; raise InputError for none at all."""
        records = list(scores.values())
        if not records:
            raise InputError("bootstrap: expected scores of at least one image or video, got none")
        blank = records[0].with_vector(np.zeros_like(records[0].vector()))
        return cls.of(zip(scores, map(_sparse, records), strict=True), blank)

    @cached_property
    def whole(self) -> R:
        """The record of all units."""
        total = np.zeros_like(self.blank.vector())
        np.add.at(total, self.places, self.counts)
        return self.blank.with_vector(total)

    def sums(self, weights: NDArray[Any]) -> Scores:
        """Return [rows, counts]: the vectors of all units, added by weights [rows, units]."""
        sums = np.zeros((len(weights), self.blank.vector().size))
        for part in self._parts:
            vectors = part.vectors()
            step = max(1, AT_A_TIME // max(1, vectors.size))
            for start in range(0, len(weights), step):
                rows = slice(start, start + step)
                sums[rows, part.columns] += weights[rows, part.units] @ vectors
        return sums

    @cached_property
    def _parts(self) -> list["_Part"]:
        starts = range(0, len(self.ids) + UNITS_AT_A_TIME, UNITS_AT_A_TIME)
        ends = np.searchsorted(self.rows, starts)
        parts = []
        for start, (first, last) in zip(starts[:-1], pairwise(ends.tolist()), strict=True):
            units = slice(start, min(start + UNITS_AT_A_TIME, len(self.ids)))
            columns, where = np.unique(self.places[first:last], return_inverse=True)
            at = (self.rows[first:last] - start) * len(columns) + where
            parts.append(_Part(units, columns, at, self.counts[first:last].astype(np.float64)))
        return parts

    def values(self, figures: Sequence[Callable[[R], Figure]], sums: Scores) -> Scores:
        """Return [figures, rows]: each figure of each row of sums [rows, counts]."""
        records = map(self.blank.with_vector, np.rint(sums))
        values = [[figure(record).value for figure in figures] for record in records]
        return np.array(values).reshape(len(sums), len(figures)).T


@dataclass(frozen=True, eq=False)
class _Part:
    """Some units and the columns that they have: `counts[n]` stands at `at[n]` of their matrix."""

    units: slice
    columns: Counts
    at: Counts
    counts: Scores

    def vectors(self) -> Scores:
        """Return the matrix [units, columns], which would be too much to keep of all units."""
        shape = (self.units.stop - self.units.start, len(self.columns))
        flat = np.bincount(self.at, weights=self.counts, minlength=math.prod(shape))
        return flat.astype(np.float64, copy=False).reshape(shape)


def _sparse(record: Record) -> list[int]:
    vector = record.vector()
    places = np.flatnonzero(vector)
    flat: list[int] = np.stack([places, vector[places]], axis=1).ravel().tolist()
    return flat
