"""How far a figure can be trusted: intervals over images, spread over seeds, two runs compared.

The unit that is resampled is the image or the video, never the pixel or the sample: pixels of one
image, and samples that share a picture, are not independent. Scores come as one record per unit,
`{unit id: record}`; `by_unit` makes that of samples. Records add up as vectors, so all resamples
of a set are one matrix product, whatever the figure.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 14 (BCa intervals, see
`intervals`) and 15 (permutation test). Models of several seeds: `model_comparison`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from avs_bench.metrics.figure import Figure
from avs_bench.metrics.intervals import bca_ends, jackknife
from avs_bench.metrics.record import Record, Scores
from vpo_builder.runtime.errors import InputError

R = TypeVar("R", bound=Record)

RESAMPLES = 2000
"""Enough for the second digit of a 95 % interval's ends; more than 1000 is the usual advice."""

NO_ENDS = "no interval: resamples of so few pictures or videos do not tell it"

_WEIGHTS_AT_A_TIME = 1 << 22


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its bootstrap interval [low, high] at confidence `level`; NaN: none known."""

    figure: Figure
    low: float
    high: float
    level: float
    units: int
    resamples: int

    @property
    def missing(self) -> str:
        """Why there is no figure, or no interval; empty if both are there."""
        if math.isnan(self.figure.value):
            return self.figure.note
        return NO_ENDS if math.isnan(self.low) else ""

    def __str__(self) -> str:
        if math.isnan(self.figure.value):
            return f"{self.figure.name} – ({self.missing})"
        ends = f"[{100 * self.low:.2f}, {100 * self.high:.2f}] at {100 * self.level:g} %"
        doubt = f"({self.missing})" if self.missing else ends
        return f"{self.figure.name} {100 * self.figure.value:.2f} % {doubt} over {self.units} units"


@dataclass(frozen=True, slots=True)
class Comparison:
    """First minus second of one figure on the same units.

    `low`, `high`: paired bootstrap interval of the difference. `p_value`: two-sided
    paired permutation test of the hypothesis that the two are exchangeable, never below
    1 / (resamples + 1), and NaN where there is no difference.
    """

    first: Figure
    second: Figure
    difference: float
    low: float
    high: float
    p_value: float
    level: float
    units: int
    resamples: int

    @property
    def is_significant(self) -> bool:
        """Whether the p-value is below 1 − level."""
        return self.p_value < 1 - self.level


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation (n − 1) of one figure over runs that differ in seed."""

    name: str
    mean: float
    sd: float
    runs: int
    rules: str
    note: str = ""
    """Why there is no mean."""

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return f"{self.name} – ({self.note})"
        return f"{self.name} {100 * self.mean:.2f} ± {100 * self.sd:.2f} % ({self.runs} runs)"


def by_unit(scores: Iterable[tuple[str, R]]) -> dict[str, R]:
    """Sum of the records of each unit, from (unit id, record) pairs such as one per sample."""
    units: dict[str, R] = {}
    for unit, record in scores:
        units[unit] = units[unit] + record if unit in units else record
    return units


def over_seeds(figures: Sequence[Figure]) -> Spread:
    """One figure over runs; the standard deviation of a single run is NaN."""
    kinds = {(figure.name, figure.rules) for figure in figures}
    if len(kinds) != 1:
        raise InputError(
            f"mean over seeds: expected one figure with one set of rules, got {len(kinds)} "
            f"({', '.join(sorted(name for name, _ in kinds)) or 'none'}); average each on its own"
        )
    values = np.array([figure.value for figure in figures])
    sd = float(values.std(ddof=1)) if values.size > 1 else math.nan
    note = next((figure.note for figure in figures if math.isnan(figure.value)), "")
    return Spread(figures[0].name, float(values.mean()), sd, values.size, figures[0].rules, note)


def bootstrap(
    scores: Mapping[str, R],
    figure: Callable[[R], Figure],
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """BCa interval of `figure` under resampling of the units with replacement.

    Depends on the seed and the unit ids, not on their order.
    """
    vectors, whole = stacked(scores)

    def values(sums: Scores) -> Scores:
        return figure_values(figure, whole, sums)

    resampled = [values(weights @ vectors) for weights in _resamples(len(vectors), resamples, seed)]
    left_out = jackknife(vectors, vectors.sum(axis=0), values)
    low, high = bca_ends(np.concatenate(resampled), figure(whole).value, left_out, level)
    return Interval(figure(whole), low, high, level, len(vectors), resamples)


def compare(
    first: Mapping[str, R],
    second: Mapping[str, R],
    figure: Callable[[R], Figure],
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Difference of `figure` between two sets of scores of the same units, such as two runs.

    Raises InputError when the unit ids are not the same.
    """
    refuse_other_units([first, second])
    (a, whole), (b, other) = stacked(first), stacked(second)
    both = np.concatenate([a, b], axis=1)

    def differences(sums: Scores) -> Scores:
        mine, theirs = np.split(sums, 2, axis=1)
        return figure_values(figure, whole, mine) - figure_values(figure, whole, theirs)

    resampled = [differences(weights @ both) for weights in _resamples(len(a), resamples, seed)]
    swapped = [
        differences(np.concatenate([kept @ a + (1 - kept) @ b, (1 - kept) @ a + kept @ b], axis=1))
        for kept in _coins(len(a), resamples, seed)
    ]
    difference = figure(whole).value - figure(other).value
    left_out = jackknife(both, both.sum(axis=0), differences)
    low, high = bca_ends(np.concatenate(resampled), difference, left_out, level)
    # ties count as extreme, whatever the order in which they were summed
    extreme = int(np.count_nonzero(np.abs(np.concatenate(swapped)) >= abs(difference) - 1e-12))
    return Comparison(
        figure(whole),
        figure(other),
        difference,
        low,
        high,
        p_value=math.nan if math.isnan(difference) else (1 + extreme) / (1 + resamples),
        level=level,
        units=len(a),
        resamples=resamples,
    )


def refuse_other_units(scores: Sequence[Mapping[str, R]]) -> None:
    """Raise InputError when the unit ids are not the same in all scores."""
    for other in scores[1:]:
        odd = sorted(scores[0].keys() ^ other.keys())
        if odd:
            raise InputError(
                f"comparison: expected scores of the same units, {len(odd)} are in one set only "
                f"(first: {odd[0]}); evaluate both on one subset of one manifest"
            )


def stacked(scores: Mapping[str, R]) -> tuple[Scores, R]:
    """Vectors [units, counts] in the order of the ids, and the record of all units."""
    if not scores:
        raise InputError("bootstrap: expected scores of at least one image or video, got none")
    records = [scores[unit] for unit in sorted(scores)]
    vectors = np.stack([record.vector() for record in records])
    return vectors.astype(np.float64), records[0].with_vector(vectors.sum(axis=0))


def figure_values(figure: Callable[[R], Figure], like: R, sums: Scores) -> Scores:
    """The figure of each row of sums [resamples, counts]."""
    whole_numbers = np.rint(sums).astype(np.int64)
    return np.array([figure(like.with_vector(row)).value for row in whole_numbers])


def _resamples(units: int, resamples: int, seed: int) -> Iterator[Scores]:
    """How often each unit is drawn, [some resamples, units] at a time."""
    random = np.random.default_rng([seed, 0])
    for rows in _blocks(units, resamples):
        drawn = random.integers(0, units, (rows, units))
        drawn += np.arange(rows)[:, None] * units
        times = np.bincount(drawn.ravel(), minlength=rows * units)
        yield times.reshape(rows, units).astype(np.float64)


def _coins(units: int, resamples: int, seed: int) -> Iterator[Scores]:
    """0 or 1 for each unit: whether the two runs keep their sides."""
    random = np.random.default_rng([seed, 1])
    for rows in _blocks(units, resamples):
        yield random.integers(0, 2, (rows, units)).astype(np.float64)


def _blocks(units: int, resamples: int) -> Iterator[int]:
    rows = max(1, _WEIGHTS_AT_A_TIME // units)
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)
