"""Which units a resample has, and which of them two runs swap; many at a time, and none twice."""

from collections.abc import Callable, Iterator

import numpy as np

from avs_bench.metrics.record import Scores

FEW_UNITS = 10
"""Up to here 2000 resamples repeat each other: 8 units are drawn in 6435 ways, 10 kept in 1024."""

_WEIGHTS_AT_A_TIME = 1 << 20


def once_a_kind(values: Callable[[Scores], Scores]) -> Callable[[Scores], Scores]:
    """Let values [figures, rows] of weights [rows, units] be computed once for rows that are alike.

    Of few units most are.
    """

    def of(weights: Scores) -> Scores:
        if weights.shape[1] > FEW_UNITS:
            return values(weights)
        kinds, places = np.unique(weights, axis=0, return_inverse=True)
        return values(kinds)[:, places.ravel()]

    return of


def resamples_of(units: int, resamples: int, seed: int) -> Iterator[Scores]:
    """How often each unit is drawn, [some resamples, units] at a time."""
    random = np.random.default_rng([seed, 0])
    for rows in _blocks(units, resamples):
        drawn = random.integers(0, units, (rows, units))
        drawn += np.arange(rows)[:, None] * units
        times = np.bincount(drawn.ravel(), minlength=rows * units)
        yield times.reshape(rows, units).astype(np.float64)


def coins_of(units: int, resamples: int, seed: int) -> Iterator[Scores]:
    """0 or 1 for each unit: whether the two runs keep their sides."""
    random = np.random.default_rng([seed, 1])
    for rows in _blocks(units, resamples):
        yield random.integers(0, 2, (rows, units)).astype(np.float64)


def _blocks(units: int, resamples: int) -> Iterator[int]:
    rows = max(1, _WEIGHTS_AT_A_TIME // units)
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)
