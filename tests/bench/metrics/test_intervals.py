"""BCa ends: what they are in closed form, and that rare classes do not push them off the figure."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.metrics import Confusion, bootstrap, f1_dataset
from avs_bench.metrics.intervals import bca_ends, kept_by_jackknife

NORMAL_VALUES = np.random.default_rng(0).normal(size=20_000)
EVEN = np.array([-1.0, 1.0])


def test_without_bias_and_skewness_they_are_the_percentiles():
    low, high = bca_ends(NORMAL_VALUES, float(np.median(NORMAL_VALUES)), EVEN, 0.95)
    assert (low, high) == pytest.approx(np.quantile(NORMAL_VALUES, [0.025, 0.975]), abs=1e-3)


def test_resamples_that_lie_high_move_both_ends_down_twice_as_far():
    """Of a normal distribution with mean b and deviation 1 the ends are figure - b ± 1.96."""
    low, high = bca_ends(NORMAL_VALUES + 0.5, 0.0, EVEN, 0.95)
    assert (low, high) == pytest.approx((-0.5 - 1.96, -0.5 + 1.96), abs=0.06)


def test_a_long_tail_on_one_side_stretches_that_side():
    skewed = np.array([-3.0, 1, 1, 1])  # one group of units matters more, downwards
    low, high = bca_ends(NORMAL_VALUES, 0.0, -skewed, 0.95)
    assert low < -1.97
    assert high < 1.95


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_ends_are_efrons_formula_with_ties_counted_half_and_nothing_for_no_value(level):
    values = np.random.default_rng(1).gamma(2.0, size=400).round(1)
    left_out, figure = np.array([1.0, 1.2, 1.1, 2.0, 0.9]), float(np.sort(values)[150])
    normal, apart = NormalDist(), left_out.mean() - left_out
    below = (values < figure).sum() + (values == figure).sum() / 2
    bias = normal.inv_cdf(below / 400)
    skewness = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    shares = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        shifted = bias + normal.inv_cdf(tail)
        shares.append(normal.cdf(bias + shifted / (1 - skewness * shifted)))
    assert (values == figure).sum() > 1
    assert abs(skewness) > 0.05
    with_gaps = np.concatenate([[math.nan], values, [math.nan]])
    found = bca_ends(with_gaps, figure, np.append(left_out, math.nan), level)
    assert found == pytest.approx(np.quantile(values, shares), abs=1e-12)


def test_without_values_of_the_jackknife_the_interval_is_not_skewed():
    values, none = NORMAL_VALUES[:999], np.array([math.nan])
    assert bca_ends(values, 0.1, none, 0.9) == bca_ends(values, 0.1, EVEN, 0.9)
    assert bca_ends(values, 0.1, np.ones(3), 0.9) == bca_ends(values, 0.1, EVEN, 0.9)


@pytest.mark.filterwarnings("error")
def test_without_any_resample_or_figure_there_are_no_ends():
    assert all(map(math.isnan, bca_ends(np.array([math.nan]), 0.1, EVEN, 0.95)))
    assert all(map(math.isnan, bca_ends(NORMAL_VALUES, math.nan, EVEN, 0.95)))


def test_a_figure_beyond_all_resamples_has_no_interval():
    values = np.array([0.2, 0.3, 0.4])
    assert all(map(math.isnan, bca_ends(values, 0.1, EVEN, 0.95)))
    assert all(map(math.isnan, bca_ends(values, 0.5, EVEN, 0.95)))
    assert bca_ends(values, 0.2, EVEN, 0.95)[0] == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_ends_that_would_lie_beside_the_figure_are_none(sign):
    """Of a figure that two of a hundred resamples lie below the corrected high end is below too."""
    resampled = sign * np.array([0.2, 0.2, *[0.3] * 98])
    assert all(map(math.isnan, bca_ends(resampled, sign * 0.25, EVEN, 0.95)))
    third = sign * np.array([0.2, 0.2, 0.2, *[0.3] * 97])
    assert sorted(map(abs, bca_ends(third, sign * 0.25, EVEN, 0.95))) == pytest.approx([0.2, 0.3])


@pytest.mark.parametrize("sign", [1, -1])
def test_an_end_that_lies_at_the_figure_itself_is_one(sign):
    """Of a figure that nine of ten lie below the low end of four fifths is at nine tenths too."""
    resampled = sign * np.array([*[0.2] * 9, 0.3])
    ends = bca_ends(resampled, sign * 0.25, EVEN, 0.8)
    assert sorted(map(abs, ends)) == pytest.approx([0.21, 0.3], abs=1e-3)


VALUES = st.floats(-1, 1, width=16)


@given(st.lists(VALUES, min_size=1, max_size=60), VALUES, st.lists(VALUES, max_size=9))
def test_an_interval_holds_its_figure_whatever_was_resampled(resampled, figure, left_out):
    low, high = bca_ends(np.array(resampled), figure, np.array(left_out), 0.8)
    assert low <= figure <= high or (math.isnan(low) and math.isnan(high))


def test_the_jackknife_leaves_every_unit_out_once():
    vectors = np.arange(12.0).reshape(6, 2)
    sums = (kept_by_jackknife(6) @ vectors)[:, 0]
    assert sorted(sums) == sorted(30 - vectors[:, 0])
    sums = kept_by_jackknife(1001).sum(axis=1)
    assert len(sums) == 200
    assert (1001 - sums).sum() == 1001


def rare_classes() -> dict[str, Confusion]:
    """Forty pictures of a common class that is half right, one each of four that are missed."""
    scores = {}
    for index in range(44):
        matrix = np.zeros((6, 6), np.int64)
        matrix[0, 0] = 800
        rare = index - 38 if index >= 40 else 1
        matrix[rare, rare if rare == 1 else 0] = 50 + index
        matrix[1, 0] += 60
        scores[f"{index:02d}"] = Confusion(6, matrix)
    return scores


def test_classes_that_resamples_lose_do_not_put_the_figure_at_the_edge():
    scores = rare_classes()
    interval = bootstrap(scores, f1_dataset, resamples=1000)
    assert interval.low < interval.figure.value < interval.high
    random = np.random.default_rng(1)
    records = list(scores.values())
    resampled = [
        f1_dataset(sum(records[i] for i in random.integers(0, 44, 44))).value for _ in range(300)
    ]
    above = np.mean(np.array(resampled) > interval.figure.value)
    assert above > 0.8  # so much of a plain percentile interval would be
