"""Two models compared over their training seeds and over the pictures at once.

A seed is to a model what a reader is to a way of imaging in radiology: several of each look at
the same cases, and what is asked is whether the ways differ, whoever reads and whatever the cases.
The test is theirs (Obuchowski and Rockette, Communications in Statistics 24, 1995; degrees of
freedom as Hillis, Statistics in Medicine 26, 2007): the variance of a difference of means over
seeds is that of the seeds, by the spread of the figures, and that of the pictures, by how the
figures of different seeds move together when pictures are left out. A bootstrap of three seeds
would not do: it makes their variance a third too small and knows nothing of so few being few.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from avs_bench.metrics.figure import Figure
from avs_bench.metrics.intervals import kept_by_jackknife
from avs_bench.metrics.record import Record, Scores
from avs_bench.metrics.student import quantile, two_sided_p
from avs_bench.metrics.uncertainty import (
    NO_ENDS,
    RESAMPLES,
    Spread,
    comparisons_of,
    over_seeds,
    refuse_other_units,
)
from avs_bench.metrics.units import Units

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """First minus second: the difference of one figure's means over seeds, on the same units.

    `low`, `high`: its interval at confidence `level`. `p_value`: two-sided, of the hypothesis that
    the models are equally good. With one run on both sides they are those of `compare`, and speak
    of these two runs alone. NaN where nothing can be known.
    """

    first: Spread
    second: Spread
    difference: float
    low: float
    high: float
    p_value: float
    level: float
    units: int

    @property
    def missing(self) -> str:
        """Why there is no difference, or no interval; empty if both are there."""
        if math.isnan(self.difference):
            return self.first.note or self.second.note
        return NO_ENDS if math.isnan(self.low) else ""


@dataclass(frozen=True, slots=True)
class _Side:
    """A figure of each run, [runs], and with each group of units left out, [groups, runs]."""

    spread: Spread
    values: Scores
    left_out: Scores


def compare_models(
    first: Sequence[Mapping[str, R]],
    second: Sequence[Mapping[str, R]],
    figure: Callable[[R], Figure],
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> ModelComparison:
    """Difference of `figure` between two models, each given by the scores of its seeds.

    The seeds of the two are taken for independent draws, also if they have the same numbers.
    Raises InputError when the unit ids are not the same everywhere.
    """
    one, other = ([Units.of_records(scores) for scores in side] for side in (first, second))
    return model_comparisons_of(one, other, [figure], resamples, level)[0]


def model_comparisons_of(
    first: Sequence[Units[R]],
    second: Sequence[Units[R]],
    figures: Sequence[Callable[[R], Figure]],
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> list[ModelComparison]:
    """`compare_models` of several figures at once."""
    if len(first) == len(second) == 1:
        return _of_single_runs(first[0], second[0], figures, resamples, level)
    refuse_other_units([*first, *second])
    sides = zip(_sides(first, figures), _sides(second, figures), strict=True)
    units = len(first[0].ids)
    return [
        _tested((mine.spread, theirs.spread), [mine, theirs], units, level)
        for mine, theirs in sides
    ]


def compare_conditions(
    first: Sequence[Mapping[str, R]],
    second: Sequence[Mapping[str, R]],
    figure: Callable[[R], Figure],
    level: float = 0.95,
) -> ModelComparison:
    """Difference of `figure` for one model between two conditions, such as a sound and silence.

    `first[i]` and `second[i]` are the scores of one seed under both.
    """
    one, other = ([Units.of_records(scores) for scores in side] for side in (first, second))
    return comparison_of_conditions(one, other, figure, level)


def comparison_of_conditions(
    first: Sequence[Units[R]],
    second: Sequence[Units[R]],
    figure: Callable[[R], Figure],
    level: float = 0.95,
) -> ModelComparison:
    """`compare_conditions` of scores whose units are stacked."""
    if len(first) == 1:
        return _of_single_runs(first[0], second[0], [figure], RESAMPLES, level)[0]
    refuse_other_units([*first, *second])
    (a,), (b,) = _sides(first, [figure]), _sides(second, [figure])
    differences = replace(a, values=a.values - b.values, left_out=a.left_out - b.left_out)
    return _tested((a.spread, b.spread), [differences], len(first[0].ids), level)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values corrected for their number: a bound on the chance of any false finding.

    Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
    Statistics 6 (1979). NaN stays what it is and is not counted.
    """
    order = sorted(
        (place for place, p in enumerate(p_values) if not math.isnan(p)),
        key=lambda place: p_values[place],
    )
    corrected, largest = list(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = largest
    return tuple(corrected)


def _of_single_runs(
    first: Units[R],
    second: Units[R],
    figures: Sequence[Callable[[R], Figure]],
    resamples: int,
    level: float,
) -> list[ModelComparison]:
    found = []
    for one in comparisons_of(first, second, figures, resamples, level):
        spreads = over_seeds([one.first]), over_seeds([one.second])
        doubt = (one.difference, one.low, one.high, one.p_value)
        found.append(ModelComparison(*spreads, *doubt, level, one.units))
    return found


def _sides(runs: Sequence[Units[R]], figures: Sequence[Callable[[R], Figure]]) -> list[_Side]:
    """Return the side of each figure."""
    left_out = np.stack(
        [one.values(figures, one.sums(kept_by_jackknife(len(one.ids)))) for one in runs], axis=-1
    )
    sides = []
    for figure, columns in zip(figures, left_out, strict=True):
        found = [figure(one.whole) for one in runs]
        sides.append(_Side(over_seeds(found), np.array([one.value for one in found]), columns))
    return sides


def _tested(
    spreads: tuple[Spread, ...], sides: Sequence[_Side], units: int, level: float
) -> ModelComparison:
    """Test the first side minus the second, or a side alone against 0."""
    means = [float(side.values.mean()) for side in sides]
    difference = means[0] - sum(means[1:])
    variance, freedom = _variance(sides)
    if math.isnan(difference) or math.isnan(variance):
        doubt = (math.nan, math.nan, math.nan)
    elif variance == 0:
        doubt = (difference, difference, float(difference == 0))
    else:
        error = math.sqrt(variance)
        reach = quantile(level, freedom) * error
        p = two_sided_p(difference / error, freedom)
        doubt = (difference - reach, difference + reach, p)
    return ModelComparison(spreads[0], spreads[1], difference, *doubt, level, units)


def _variance(sides: Sequence[_Side]) -> tuple[float, float]:
    """Return the variance of the difference and its degrees of freedom (Satterthwaite).

    All sides are taken to have seeds of one variance, as in a t-test: of three seeds on each side
    its estimate has four degrees of freedom.
    """
    left_out = np.concatenate([side.left_out for side in sides], axis=1)
    left_out = left_out[~np.isnan(left_out).any(axis=1)]
    groups = len(left_out)
    if groups < 2:
        return math.nan, math.nan
    apart = left_out - left_out.mean(axis=0)
    covariance = (groups - 1) / groups * apart.T @ apart
    counts = [side.values.size for side in sides]
    seed_freedom = sum(counts) - len(counts)
    squares = sum(float(((side.values - side.values.mean()) ** 2).sum()) for side in sides)
    of_seeds = squares / seed_freedom * sum(1 / count for count in counts)
    of_pictures = max(0.0, _shared(covariance, counts))
    total = of_seeds + of_pictures
    parts = of_seeds**2 / seed_freedom + of_pictures**2 / (groups - 1)
    return total, total**2 / parts if parts else math.inf


def _shared(covariance: Scores, counts: Sequence[int]) -> float:
    """Return what the pictures, which all seeds share, add to the variance of the difference.

    The covariance of different seeds of a model, less that of seeds of different models. A single
    run has its whole variance in the place of the former.
    """
    ends = np.cumsum(counts)
    blocks = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
    within = 0.0
    for block, count in zip(blocks, counts, strict=True):
        own = covariance[block, block]
        pairs = own.sum() - np.trace(own)
        within += float(pairs / (count * (count - 1)) if count > 1 else own[0, 0])
    across = 2 * float(covariance[blocks[0], blocks[1]].mean()) if len(blocks) > 1 else 0.0
    return within - across
