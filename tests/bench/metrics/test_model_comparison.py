import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.metrics import Confusion, compare, over_seeds, pixel_accuracy_dataset
from avs_bench.metrics.model_comparison import (
    compare_conditions,
    compare_models,
    comparison_of_conditions,
    holm,
    model_comparisons_of,
)
from avs_bench.metrics.student import quantile, two_sided_p
from avs_bench.metrics.units import Units
from vpo_builder.runtime.errors import InputError

PIXELS = 1000


def scores(random, difficulty, ability):
    """Return pictures {unit: counts}, those of the same difficulty for all runs."""
    right = np.clip(ability + difficulty + random.normal(0, 0.05, difficulty.size), 0, 1)
    hits = np.rint(PIXELS * right).astype(int)
    return {
        f"{unit:03d}": Confusion(2, [[hit, PIXELS - hit], [0, 0]]) for unit, hit in enumerate(hits)
    }


def model(random, difficulty, ability, seeds, spread):
    return [scores(random, difficulty, ability + random.normal(0, spread)) for _ in range(seeds)]


def p_values(trials, seeds, spread, better=0.0, pictures=40):
    found = []
    for trial in range(trials):
        random = np.random.default_rng([7, trial])
        difficulty = random.normal(0, 0.1, pictures)
        first = model(random, difficulty, 0.6 + better, seeds[0], spread)
        second = model(random, difficulty, 0.6, seeds[1], spread)
        found.append(compare_models(first, second, pixel_accuracy_dataset, resamples=99).p_value)
    return np.array(found)


def expected_variance(first, second, seeds):
    """Return Obuchowski and Rockette's variance of a difference and its degrees of freedom.

    `first` and `second` are the figures of each run with each picture left out, [runs][pictures],
    behind the runs' own figures: written from their definition, one covariance at a time.
    """

    def covariance(one, other):
        n = len(one)
        apart = [(x - np.mean(one)) * (y - np.mean(other)) for x, y in zip(one, other, strict=True)]
        return (n - 1) / n * sum(apart)

    def within(runs):
        pairs = [covariance(a, b) for i, a in enumerate(runs) for j, b in enumerate(runs) if i != j]
        return np.mean(pairs) if pairs else covariance(runs[0], runs[0])

    squares = sum(((values - np.mean(values)) ** 2).sum() for values in seeds)
    freedom = sum(map(len, seeds)) - len(seeds)
    of_seeds = squares / freedom * sum(1 / len(values) for values in seeds)
    of_pictures = within(first)
    if second:
        across = np.mean([covariance(a, b) for a in first for b in second])
        of_pictures += within(second) - 2 * across
    of_pictures = max(0, of_pictures)
    total = of_seeds + of_pictures
    pictures = len(first[0])
    return total, total**2 / (of_seeds**2 / freedom + of_pictures**2 / (pictures - 1))


def accuracy(pictures):
    return float(pixel_accuracy_dataset(sum(pictures)))


def left_out(run):
    pictures = [run[name] for name in sorted(run)]
    return [accuracy(pictures[:i] + pictures[i + 1 :]) for i in range(len(pictures))]


class TestModels:
    @pytest.mark.parametrize("seeds", [(3, 2), (1, 3), (2, 1)])
    @pytest.mark.parametrize("spread", [0.0, 0.03])
    def test_it_is_obuchowskis_and_rockettes_test(self, seeds, spread):
        random = np.random.default_rng(11)
        difficulty = random.normal(0, 0.1, 7)
        runs = [
            model(random, difficulty, 0.6 + 0.05 * side, seeds[side], spread) for side in (0, 1)
        ]
        figures = [np.array([accuracy(run.values()) for run in side]) for side in runs]
        variance, freedom = expected_variance(
            *([left_out(run) for run in side] for side in runs), figures
        )
        difference = figures[0].mean() - figures[1].mean()
        reach = quantile(0.9, freedom) * math.sqrt(variance)
        one = compare_models(*runs, pixel_accuracy_dataset, level=0.9)
        assert one.difference == pytest.approx(difference)
        assert (one.low, one.high) == pytest.approx((difference - reach, difference + reach))
        p = two_sided_p(difference / math.sqrt(variance), freedom)
        assert one.p_value == pytest.approx(p, rel=1e-6)
        assert (one.level, one.units) == (0.9, 7)
        assert (one.first.runs, one.second.runs) == seeds
        assert (one.first.mean, one.second.mean) == pytest.approx(
            (figures[0].mean(), figures[1].mean())
        )

    @pytest.mark.parametrize(
        ("seeds", "spread"), [((3, 3), 0.03), ((3, 3), 0.0), ((1, 3), 0.03), ((5, 2), 0.03)]
    )
    def test_equal_models_are_seldom_called_different(self, seeds, spread):
        assert (p_values(200, seeds, spread) < 0.05).mean() <= 0.09

    def test_one_lucky_seed_of_each_would_be_called_different_most_of_the_time(self):
        assert (p_values(60, (1, 1), 0.03) < 0.05).mean() > 0.4

    def test_better_models_are_found_better(self):
        assert (p_values(60, (3, 3), 0.01, better=0.05) < 0.05).mean() > 0.9

    def test_95_of_100_intervals_hold_the_true_difference(self):
        held = 0
        for trial in range(150):
            random = np.random.default_rng([8, trial])
            difficulty = random.normal(0, 0.1, 40)
            first = model(random, difficulty, 0.62, 3, 0.02)
            second = model(random, difficulty, 0.6, 3, 0.02)
            one = compare_models(first, second, pixel_accuracy_dataset)
            held += one.low <= 0.02 <= one.high
        assert 0.9 <= held / 150 <= 1

    def test_pictures_that_are_hard_for_all_cancel_as_in_a_paired_test(self):
        random = np.random.default_rng(0)
        difficulty = random.normal(0, 0.2, 30)
        first, second = (model(random, difficulty, 0.6, 3, 0.01) for _ in range(2))
        one = compare_models(first, second, pixel_accuracy_dataset)
        alone = over_seeds([pixel_accuracy_dataset(sum(run.values())) for run in first])
        assert one.first == alone
        assert one.high - one.low < 0.1  # 2 · 2 · 0.2 / √30 · √2 = 0.2, were they not paired

    def test_reading_the_models_the_other_way_round_turns_the_sign(self):
        random = np.random.default_rng(1)
        difficulty = random.normal(0, 0.1, 12)
        a, b = (model(random, difficulty, 0.6, seeds, 0.02) for seeds in (3, 2))
        forth, back = (compare_models(x, y, pixel_accuracy_dataset) for x, y in ((a, b), (b, a)))
        assert (forth.difference, forth.low, forth.high) == pytest.approx(
            (-back.difference, -back.high, -back.low)
        )
        assert forth.p_value == pytest.approx(back.p_value)

    def test_a_run_on_each_side_is_compared_as_such(self):
        random = np.random.default_rng(2)
        a, b = (scores(random, np.zeros(9), 0.6) for _ in range(2))
        plain = compare(a, b, pixel_accuracy_dataset, 50, level=0.5)
        one = compare_models([a], [b], pixel_accuracy_dataset, 50, level=0.5)
        assert (one.low, one.high, one.p_value) == (plain.low, plain.high, plain.p_value)
        assert (one.level, one.units) == (0.5, 9)

    def test_a_model_does_not_differ_from_itself(self):
        same = scores(np.random.default_rng(3), np.zeros(9), 0.6)
        one = compare_models([same, same], [same, same], pixel_accuracy_dataset)
        assert (one.difference, one.low, one.high, one.p_value) == (0, 0, 0, 1)

    def test_one_picture_tells_nothing(self):
        a, b, c, d = (scores(np.random.default_rng(s), np.zeros(1), 0.6) for s in range(4))
        one = compare_models([a, b], [c, d], pixel_accuracy_dataset)
        assert all(map(math.isnan, (one.low, one.high, one.p_value)))

    def test_two_pictures_tell_something(self):
        a, b, c, d = (scores(np.random.default_rng(s), np.zeros(2), 0.6) for s in range(4))
        one = compare_models([a, b], [c, d], pixel_accuracy_dataset)
        assert one.low < one.difference < one.high
        assert 0 < one.p_value < 1

    def test_other_pictures_cannot_be_paired(self):
        random = np.random.default_rng(4)
        a, b = scores(random, np.zeros(3), 0.6), scores(random, np.zeros(4), 0.6)
        with pytest.raises(InputError, match=r"1 are in one set only \(first: 003\)"):
            compare_models([a, a], [a, b], pixel_accuracy_dataset)


class TestConditions:
    def test_a_gain_that_every_seed_has_is_found_though_seeds_differ(self):
        random = np.random.default_rng(5)
        difficulty = random.normal(0, 0.1, 40)
        abilities = [0.5, 0.6, 0.7]
        heard, silent = (
            [scores(random, difficulty, ability + gain) for ability in abilities]
            for gain in (0.05, 0)
        )
        one = compare_conditions(heard, silent, pixel_accuracy_dataset)
        assert one.difference == pytest.approx(0.05, abs=0.02)
        assert 0 < one.low < one.difference
        assert one.p_value < 0.05
        assert compare_models(heard, silent, pixel_accuracy_dataset).p_value > 0.3

    def test_it_is_the_test_of_the_seeds_differences(self):
        random = np.random.default_rng(12)
        difficulty = random.normal(0, 0.1, 6)
        heard, silent = (model(random, difficulty, 0.6 + gain, 3, 0.03) for gain in (0.04, 0))
        pairs = list(zip(heard, silent, strict=True))
        rows = [np.subtract(left_out(a), left_out(b)) for a, b in pairs]
        gains = np.array([accuracy(a.values()) - accuracy(b.values()) for a, b in pairs])
        variance, freedom = expected_variance(rows, [], [gains])
        reach = quantile(0.8, freedom) * math.sqrt(variance)
        one = compare_conditions(heard, silent, pixel_accuracy_dataset, level=0.8)
        assert one.difference == pytest.approx(gains.mean())
        assert (one.low, one.high) == pytest.approx((gains.mean() - reach, gains.mean() + reach))
        assert (one.level, one.units) == (0.8, 6)

    def test_stacked_units_are_compared_at_95_of_100_too(self):
        random = np.random.default_rng(9)
        sides = [[scores(random, np.zeros(5), 0.6) for _ in range(2)] for _ in range(2)]
        stacked = [[Units.of_records(run) for run in runs] for runs in sides]
        assert comparison_of_conditions(*stacked, pixel_accuracy_dataset) == compare_conditions(
            *sides, pixel_accuracy_dataset, level=0.95
        )
        assert model_comparisons_of(*stacked, [pixel_accuracy_dataset]) == [
            compare_models(*sides, pixel_accuracy_dataset, level=0.95)
        ]

    def test_one_seed_is_compared_as_such(self):
        random = np.random.default_rng(6)
        a, b = (scores(random, np.zeros(9), 0.6) for _ in range(2))
        plain = compare(a, b, pixel_accuracy_dataset)
        assert compare_conditions([a], [b], pixel_accuracy_dataset).p_value == plain.p_value


class TestHolm:
    def test_the_smallest_counts_for_all_and_the_largest_for_itself(self):
        assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))

    def test_what_is_not_known_is_not_counted(self):
        corrected = holm([0.02, math.nan])
        assert corrected[0] == 0.02
        assert math.isnan(corrected[1])

    @given(st.lists(st.floats(0, 1), max_size=8))
    def test_order_is_kept_and_none_becomes_smaller_or_more_than_one(self, values):
        corrected = holm(values)
        pairs = sorted(zip(values, corrected, strict=True))
        assert all(p <= q <= 1 for p, q in pairs)
        assert [q for _, q in pairs] == sorted(corrected)


@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.7062047), (2, 4.3026527), (4, 2.7764451), (30, 2.0422725), (1e7, 1.9599642)],
)
def test_quantiles_are_those_of_the_tables(freedom, t):
    assert quantile(0.95, freedom) == pytest.approx(t, rel=1e-7)
    assert two_sided_p(t, freedom) == pytest.approx(0.05, rel=1e-6)
    assert two_sided_p(0, freedom) == 1
    assert two_sided_p(-t, freedom) == two_sided_p(t, freedom)


CLOSED = {
    1: lambda t: 1 - 2 / math.pi * math.atan(t),
    2: lambda t: 1 - t / math.sqrt(2 + t * t),
    4: lambda t: 1 - t / math.sqrt(4 + t * t) * (1 + 2 / (4 + t * t)),
}


@pytest.mark.parametrize("freedom", CLOSED)
@pytest.mark.parametrize("t", [1e-3, 0.2, 0.7, 1.0, 1.9, 5.0, 80.0])
def test_p_values_are_those_of_the_distributions_in_closed_form(freedom, t):
    expected = CLOSED[freedom](t)
    assert two_sided_p(t, freedom) == pytest.approx(expected, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("freedom", [0.7, 1, 3, 25.5])
def test_quantiles_invert_the_p_values_also_of_small_levels(freedom):
    for level in (0.01, 0.2, 0.5, 0.99):
        assert two_sided_p(quantile(level, freedom), freedom) == pytest.approx(1 - level, rel=1e-9)
    assert quantile(0.0, freedom) == pytest.approx(0, abs=1e-12)
    assert two_sided_p(math.inf, freedom) == 0
