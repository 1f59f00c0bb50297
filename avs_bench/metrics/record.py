"""What a score is made of: a frozen record of integers that adds up exactly."""

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vpo_builder.runtime.errors import InputError

Counts = NDArray[np.int64]
Scores = NDArray[np.float64]

SAME: Mapping[str, Any] = {"adds": False}
"""Field metadata: two records add only if this field is the same in both, and the sum keeps it."""

UNITS_PER_ONE = 2**40
"""Sums of scores in [0, 1] are kept as integers of 2^-40.

Floating-point sums depend on the order in their last bits; these do not, so a figure is the same
on one process and on eight. The rounding, 5e-13 per term, is far below float32's; an int64 holds
eight million terms.
"""


def to_units(scores: NDArray[Any]) -> Counts:
    """Scores in [0, 1] as whole units of 2^-40."""
    return np.rint(np.asarray(scores, np.float64) * UNITS_PER_ONE).astype(np.int64)


def from_units(units: Any) -> Scores:
    """The sum of scores that `units` stands for."""
    return np.asarray(units) / UNITS_PER_ONE


# Every subclass is a dataclass, which the base cannot say to mypy: hence its four ignores.
class Record:
    """Base of the frozen dataclasses of counts: addition, equality by value, a flat vector.

    Every field is an int or an int64 array whose shape `shapes` names. Arrays are copied and
    made read-only. `a + b` and `sum(records)` add field by field, which never depends on the order.
    """

    __slots__ = ()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        for name, shape in self.shapes().items():
            counts = np.array(getattr(self, name), dtype=np.int64)
            if counts.shape != shape:
                raise InputError(
                    f"{type(self).__name__}.{name}: expected shape {list(shape)}, "
                    f"got {list(counts.shape)}; one entry per class, background included"
                )
            if (counts < 0).any():
                raise InputError(
                    f"{type(self).__name__}.{name}: expected counts, got {int(counts.min())}; "
                    "records are made by `of` and by adding"
                )
            counts.flags.writeable = False
            object.__setattr__(self, name, counts)

    def __add__(self, other: object) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        for field in _fields(self, adds=False):
            mine, theirs = getattr(self, field), getattr(other, field)
            if mine != theirs:
                raise InputError(
                    f"{type(self).__name__}: records with {field} {mine} and {theirs} do not add; "
                    "score both with one class table"
                )
        sums = {
            field: getattr(self, field) + getattr(other, field)
            for field in _fields(self, adds=True)
        }
        return dataclasses.replace(self, **sums)  # type: ignore[type-var]

    def __radd__(self, other: object) -> Self:
        # sum() starts from the integer 0
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __reduce__(self) -> tuple[Any, ...]:
        # through the constructor, so that a copy from another process is read-only too
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return type(self), tuple(getattr(self, field.name) for field in fields)

    def _identity(self) -> tuple[Any, ...]:
        kept = (getattr(self, field) for field in _fields(self, adds=False))
        return (*kept, self.vector().tobytes())

    def vector(self) -> Counts:
        """All counts as one flat int64 vector, in the order of the fields.

        Vectors add like their records, so that a bootstrap is a matrix product.
        """
        parts = [np.ravel(getattr(self, field)) for field in _fields(self, adds=True)]
        return np.concatenate(parts).astype(np.int64)

    def with_vector(self, vector: NDArray[Any]) -> Self:
        """A record like this one that holds the counts of `vector`."""
        held = np.array(vector, dtype=np.int64)
        held.flags.writeable = False
        shapes, start = self.shapes(), 0
        counts: dict[str, Any] = {}
        for field in _fields(self, adds=True):
            shape = shapes.get(field, ())
            stop = start + math.prod(shape)
            part = held[start:stop].reshape(shape)
            counts[field] = part if shape else int(part)
            start = stop
        if (held < 0).any():
            return dataclasses.replace(self, **counts)  # type: ignore[type-var]  # says which it is
        # A bootstrap makes thousands: what `__post_init__` asks for is so already.
        made = object.__new__(type(self))
        for field in _fields(self, adds=False):
            counts[field] = getattr(self, field)
        for field, value in counts.items():
            object.__setattr__(made, field, value)
        return made


def _fields(record: Record, adds: bool) -> tuple[str, ...]:
    kind: Any = type(record)
    return _fields_of(kind, adds)


@cache
def _fields_of(kind: Any, adds: bool) -> tuple[str, ...]:
    fields = dataclasses.fields(kind)
    return tuple(field.name for field in fields if field.metadata.get("adds", True) == adds)
