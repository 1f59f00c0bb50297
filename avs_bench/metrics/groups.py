"""Scores of parts of a set: by subset, number of sources, size of the object, any other label."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import numpy as np

from avs_bench.metrics.arrays import as_labels
from avs_bench.metrics.counting import ratio
from avs_bench.metrics.figure import Figure
from avs_bench.metrics.record import Record
from vpo_builder.dataset.schema import IGNORE

R = TypeVar("R", bound=Record)

Group = tuple[str, str]
"""A kind and a name: ("sources", "2"), ("subset", "v1s"), ("listening", "some-silent")."""

OVERALL: Group = ("all", "all")

SIZE_BANDS: tuple[tuple[str, float], ...] = (("small", 0.03), ("medium", 0.15), ("large", 1.0))
"""Band and the largest share of the picture in it.

3 % is 96² pixels of 640 × 480, COCO's bound between medium and large: what COCO calls small is
below the smallest sounding object of VPO (0.5 %). 15 % is our choice, about the mean VPO object.
"""


@dataclass(frozen=True, slots=True)
class Grouped(Generic[R]):
    """One record per group, and one for everything; adds group by group.

    `sum(Grouped.of(record, sources=2, subset="v1s") for …)` sorts a set any number of ways in one
    pass, and sums of several processes add up to the same.
    """

    records: Mapping[Group, R]

    def __post_init__(self) -> None:
        ordered = dict(sorted(self.records.items()))
        object.__setattr__(self, "records", MappingProxyType(ordered))

    def __reduce__(self) -> tuple[Any, ...]:
        # a read-only view cannot be pickled, and processes hand these to each other
        return type(self), (dict(self.records),)

    @classmethod
    def of(cls, record: R, **groups: str | int | Iterable[str]) -> "Grouped[R]":
        """The record of one image or video under each group that it belongs to.

        A value is a name, a number, or several names where groups of a kind overlap; none at all
        leaves the record out of that kind.
        """
        keys = [(kind, name) for kind, value in groups.items() for name in _names(value)]
        return cls(dict.fromkeys([OVERALL, *keys], record))

    def __add__(self, other: object) -> "Grouped[R]":
        if not isinstance(other, Grouped):
            return NotImplemented
        sums = dict(self.records)
        for group, record in other.records.items():
            sums[group] = sums[group] + record if group in sums else record
        return Grouped(sums)

    def __radd__(self, other: object) -> "Grouped[R]":
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __getitem__(self, group: Group) -> R:
        return self.records[group]

    @property
    def overall(self) -> R:
        """The record of everything."""
        return self.records[OVERALL]

    def kind(self, kind: str) -> dict[str, R]:
        """The records of one kind by name, sorted."""
        return {name: record for (k, name), record in self.records.items() if k == kind}

    def figures(self, figure: Callable[[R], Figure]) -> dict[Group, Figure]:
        """One figure for every group, such as `grouped.figures(miou_dataset)`."""
        return {group: figure(record) for group, record in self.records.items()}


def _names(value: str | int | Iterable[str]) -> list[str]:
    return [str(value)] if isinstance(value, str | int) else sorted(set(value))


def size_band(target: Any, ignore: int = IGNORE) -> str:
    """Band of the share of a picture that sounds: "none", or a name of SIZE_BANDS.

    `target`: class indices of one picture, 0 background; pixels labelled `ignore` are no part of
    the picture.
    """
    labels = as_labels(target, "target")
    counted = int(np.count_nonzero(labels != ignore))
    sounding = int(np.count_nonzero((labels != 0) & (labels != ignore)))
    share = float(ratio(sounding, counted, empty=0.0))
    if share == 0:
        return "none"
    return next(name for name, largest in SIZE_BANDS if share <= largest)
