"""How far a figure can be trusted: intervals over images, spread over seeds, two runs compared.

The unit that is resampled is the image or the video, never the pixel or the sample: pixels of one
image, and samples that share a picture, are not independent. Scores come as one record per unit,
`{unit id: record}`; `by_unit` makes that of samples. Records add up as vectors, so resamples of a
set are a matrix product (`units`), one for all figures that are asked for.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 14 (BCa intervals, see
`intervals`) and 15 (permutation test). Models of several seeds: `model_comparison`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.figure import Figure
from avs_bench.metrics.intervals import bca_ends, kept_by_jackknife
from avs_bench.metrics.record import Record, Scores
from avs_bench.metrics.resampling import coins_of, once_a_kind, resamples_of
from avs_bench.metrics.units import Units
from vpo_builder.runtime.errors import InputError

R = TypeVar("R", bound=Record)

RESAMPLES = 2000
"""Enough for the second digit of a 95 % interval's ends; more than 1000 is the usual advice."""

NO_ENDS = "no interval: resamples of so few pictures or videos do not tell it"


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
    return intervals_of(Units.of_records(scores), [figure], resamples, level, seed)[0]


def intervals_of(
    units: Units[R],
    figures: Sequence[Callable[[R], Figure]],
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """`bootstrap` of several figures at once: the units are drawn and added up for all of them."""
    count = len(units.ids)

    def values(weights: NDArray[Any]) -> Scores:
        return units.values(figures, units.sums(weights))

    drawn_of_each = map(once_a_kind(values), resamples_of(count, resamples, seed))
    resampled = np.concatenate([*drawn_of_each], axis=1)
    left_out = values(kept_by_jackknife(count))
    intervals = []
    for figure, drawn, rest in zip(figures, resampled, left_out, strict=True):
        whole = figure(units.whole)
        low, high = bca_ends(drawn, whole.value, rest, level)
        intervals.append(Interval(whole, low, high, level, count, resamples))
    return intervals


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
    sides = Units.of_records(first), Units.of_records(second)
    return comparisons_of(*sides, [figure], resamples, level, seed)[0]


def comparisons_of(
    first: Units[R],
    second: Units[R],
    figures: Sequence[Callable[[R], Figure]],
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> list[Comparison]:
    """`compare` of several figures at once: the units are drawn and added up for all of them."""
    refuse_other_units([first, second])
    count = len(first.ids)

    def differences(mine: Scores, theirs: Scores) -> Scores:
        return first.values(figures, mine) - first.values(figures, theirs)

    def of_both(weights: NDArray[Any]) -> Scores:
        return differences(first.sums(weights), second.sums(weights))

    def swapped(kept: Scores) -> Scores:
        mine, theirs = first.sums(kept), second.sums(kept)
        return differences(mine + (totals[1] - theirs), totals[0] - mine + theirs)

    totals = [side.sums(np.ones((1, count))) for side in (first, second)]
    drawn_of_each = map(once_a_kind(of_both), resamples_of(count, resamples, seed))
    swapped_of_each = map(once_a_kind(swapped), coins_of(count, resamples, seed))
    resampled = np.concatenate([*drawn_of_each], axis=1)
    permuted = np.concatenate([*swapped_of_each], axis=1)
    left_out = of_both(kept_by_jackknife(count))
    comparisons = []
    for figure, drawn, shuffled, rest in zip(figures, resampled, permuted, left_out, strict=True):
        mine, theirs = figure(first.whole), figure(second.whole)
        difference = mine.value - theirs.value
        low, high = bca_ends(drawn, difference, rest, level)
        # ties count as extreme, whatever the order in which they were summed
        extreme = int(np.count_nonzero(np.abs(shuffled) >= abs(difference) - 1e-12))
        p_value = math.nan if math.isnan(difference) else (1 + extreme) / (1 + resamples)
        doubt = (difference, low, high, p_value, level, count, resamples)
        comparisons.append(Comparison(mine, theirs, *doubt))
    return comparisons


def refuse_other_units(scores: Sequence[Units[R]]) -> None:
    """Raise InputError when the unit ids are not the same in all scores."""
    for other in scores[1:]:
        odd = sorted(set(scores[0].ids) ^ set(other.ids))
        if odd:
            raise InputError(
                f"comparison: expected scores of the same units, {len(odd)} are in one set only "
                f"(first: {odd[0]}); evaluate both on one subset of one manifest"
            )
