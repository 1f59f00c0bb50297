"""The ends of a bootstrap interval, corrected for bias and skewness (BCa).

Percentiles of resamples were wrong here for means over classes. A class that only a few pictures
have is absent from many resamples (from 37 % of them, if one picture has it), and the mean over
the classes that are left is not the mean over all: of 228 pictures of 22 classes, plain
percentiles held the true F1 in 66 % of trials that should have been 95 %, and put the figure
itself at their edge. BCa asks how many resamples lie below the figure and moves the percentiles
by that (Efron, Better Bootstrap Confidence Intervals, JASA 1987; Efron and Tibshirani 1993,
chapter 14). `python benchmarks/bench_intervals.py` measures the coverage of both.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.record import Scores

NORMAL = NormalDist()
JACKKNIFE_GROUPS = 200
"""Units are left out in so many groups at most; the skewness needs no more."""
TIE = 1e-9
"""Shares of resamples so near are equal, whichever way they were rounded."""


def bca_ends(
    resampled: Scores, figure: float, jackknifed: Scores, level: float
) -> tuple[float, float]:
    """Return both ends of the interval at confidence `level`.

    `resampled` [R] are the figure's values on resamples and `jackknifed` [G] its values with one
    group of units left out; resamples without a value (NaN) are passed over. Both ends are NaN
    where the resamples cannot tell: none has a value, the figure lies beyond all of them, or so
    near to their edge that the corrected percentiles pass it and both ends lie beside it.
    """
    known = np.sort(resampled[~np.isnan(resampled)])
    if not known.size or math.isnan(figure):
        return math.nan, math.nan
    below, above = (np.searchsorted(known, figure, side) for side in ("left", "right"))
    share = (below + above) / (2 * known.size)  # ties count half
    if not 0 < share < 1:
        return math.nan, math.nan
    bias, skewness = NORMAL.inv_cdf(share), _acceleration(jackknifed)
    low, high = (_corrected(bias, skewness, (1 + side * level) / 2) for side in (-1, 1))
    if low > above / known.size + TIE or high < below / known.size - TIE:
        return math.nan, math.nan
    ends = np.quantile(known, [low, high])
    return min(float(ends[0]), figure), max(float(ends[1]), figure)  # the quantile interpolates


def kept_by_jackknife(units: int) -> NDArray[np.bool_]:
    """Return [groups, units], as weights: False for the units that a row leaves out, else True.

    Every unit is left out once, in a group with those that come a fixed number of units later.
    """
    groups = min(units, JACKKNIFE_GROUPS)
    of_unit = np.arange(units) % groups
    kept: NDArray[np.bool_] = of_unit != np.arange(groups)[:, None]
    return kept


def _acceleration(jackknifed: Scores) -> float:
    """Return a sixth of the skewness of the jackknife's values, 0 where they are all alike."""
    known = jackknifed[~np.isnan(jackknifed)]
    if not known.size:
        return 0.0
    spread = known.mean() - known
    scale = float((spread**2).sum()) ** 1.5
    return float((spread**3).sum()) / (6 * scale) if scale > 0 else 0.0


def _corrected(bias: float, skewness: float, share: float) -> float:
    """Return the share of the resamples below the end that is asked for."""
    shifted = bias + NORMAL.inv_cdf(share)
    return NORMAL.cdf(bias + shifted / (1 - skewness * shifted))
