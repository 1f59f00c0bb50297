import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

from avs_bench.metrics import (
    Confusion,
    Figure,
    VideoScores,
    f_video,
    fdr_dataset,
    miou_dataset,
    pixel_accuracy_dataset,
    resampling,
)
from avs_bench.metrics.intervals import bca_ends
from avs_bench.metrics.uncertainty import (
    NO_ENDS,
    Interval,
    bootstrap,
    by_unit,
    compare,
    comparisons_of,
    intervals_of,
    over_seeds,
)
from avs_bench.metrics.units import Units
from vpo_builder.runtime.errors import InputError


def images(number, accuracy, seed, pixels=100, classes=3):
    """Confusions of images whose share of right pixels varies around `accuracy`."""
    random = np.random.default_rng(seed)
    scores = {}
    for index in range(number):
        target = random.integers(0, classes, pixels)
        right = random.random(pixels) < np.clip(accuracy + random.normal(0, 0.1), 0, 1)
        pred = np.where(right, target, (target + 1) % classes)
        scores[f"image-{index:04d}"] = Confusion.of(pred, target, classes)
    return scores


class TestBootstrap:
    def test_interval_is_that_of_a_mean_where_the_figure_is_a_mean(self):
        scores = images(400, 0.7, seed=0)
        shares = [float(pixel_accuracy_dataset(score)) for score in scores.values()]
        error = 1.96 * np.std(shares, ddof=1) / math.sqrt(len(shares))

        interval = bootstrap(scores, pixel_accuracy_dataset)

        assert interval.figure == pixel_accuracy_dataset(sum(scores.values()))
        assert interval.low == pytest.approx(np.mean(shares) - error, abs=0.1 * error)
        assert interval.high == pytest.approx(np.mean(shares) + error, abs=0.1 * error)
        assert (interval.units, interval.resamples, interval.level) == (400, 2000, 0.95)

    def test_95_of_100_intervals_hold_the_truth(self):
        intervals = [
            bootstrap(images(60, 0.7, seed), pixel_accuracy_dataset, resamples=200)
            for seed in range(100)
        ]
        held = sum(interval.low <= 0.7 <= interval.high for interval in intervals)
        assert 88 <= held <= 99

    def test_each_resample_is_a_sum_of_drawn_images(self):
        scores = dict(list(images(2, 0.6, seed=1).items()))
        a, b = scores.values()
        possible = [float(miou_dataset(record)) for record in (a + a, a + b, b + b)]
        interval = bootstrap(scores, miou_dataset, resamples=300, level=0.9)
        assert interval.low == pytest.approx(min(possible))
        assert interval.high == pytest.approx(max(possible))

    def test_depends_on_the_seed_and_not_on_the_order(self):
        scores = images(20, 0.7, seed=2)
        backwards = dict(reversed(scores.items()))
        interval = bootstrap(scores, fdr_dataset, resamples=200)
        assert bootstrap(backwards, fdr_dataset, resamples=200) == interval
        assert bootstrap(scores, fdr_dataset, resamples=200, seed=1) != interval

    def test_equal_images_leave_no_doubt(self):
        same = dict.fromkeys("abc", Confusion(2, [[3, 1], [0, 4]]))
        interval = bootstrap(same, miou_dataset, resamples=50)
        assert interval.low == interval.high == pytest.approx(interval.figure.value)

    def test_videos_resample_like_images(self):
        random = np.random.default_rng(3)
        target = random.random((6, 2, 8, 8)) < 0.4
        logits = random.normal(2 * target - 1, 2)
        scores = {str(i): VideoScores.of(logits[i], target[i]) for i in range(6)}
        interval = bootstrap(scores, f_video, resamples=100)
        assert interval.low < interval.figure.value < interval.high

    def test_a_figure_without_value_has_an_interval_without_value(self):
        interval = bootstrap({"a": Confusion.empty(3)}, fdr_dataset, resamples=20)
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)

    def test_samples_of_one_image_are_one_unit(self):
        record = Confusion(2, [[3, 1], [0, 4]])
        units = by_unit([("dog.jpg", record), ("cat.jpg", record), ("dog.jpg", record)])
        assert units == {"dog.jpg": record + record, "cat.jpg": record}

    def test_the_interval_is_that_of_a_loop_over_drawn_images(self, monkeypatch):
        scores = images(7, 0.7, seed=3)
        records = [scores[name] for name in sorted(scores)]
        drawn = np.random.default_rng([5, 0]).integers(0, 7, (40, 7))
        values = [float(miou_dataset(sum(records[i] for i in row))) for row in drawn]
        rest = [float(miou_dataset(sum(records[:i] + records[i + 1 :]))) for i in range(7)]
        whole = float(miou_dataset(sum(records)))
        expected = bca_ends(np.array(values), whole, np.array(rest), 0.9)
        for at_a_time in (1 << 22, 22, 1):
            monkeypatch.setattr(resampling, "_WEIGHTS_AT_A_TIME", at_a_time)
            found = bootstrap(scores, miou_dataset, resamples=40, level=0.9, seed=5)
            assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)

    def test_several_figures_are_each_as_it_is_alone_and_share_the_sums(self, monkeypatch):
        scores = images(9, 0.7, seed=3)
        others = images(9, 0.6, seed=4)
        figures = [miou_dataset, fdr_dataset, pixel_accuracy_dataset]
        alone = [bootstrap(scores, one, resamples=30) for one in figures]
        apart = [compare(scores, others, one, resamples=30) for one in figures]
        summed = []
        sums = Units.sums
        monkeypatch.setattr(Units, "sums", lambda *args: summed.append(1) or sums(*args))
        units = Units.of_records(scores), Units.of_records(others)
        assert intervals_of(units[0], figures, resamples=30) == alone
        assert len(summed) == 2  # once for the resamples, once for the jackknife
        assert comparisons_of(*units, figures, resamples=30) == apart
        assert len(summed) == 2 + 2 * 4  # two sides: resamples, jackknife, swaps and the whole

    def test_no_scores(self):
        with pytest.raises(InputError, match="at least one"):
            bootstrap({}, miou_dataset)


class TestComparison:
    def test_a_better_run_is_found_better(self):
        good, bad = images(100, 0.8, seed=0), images(100, 0.7, seed=1)
        comparison = compare(good, bad, miou_dataset, resamples=500)
        assert comparison.difference == pytest.approx(
            comparison.first.value - comparison.second.value
        )
        assert 0 < comparison.low < comparison.difference < comparison.high
        assert comparison.p_value == pytest.approx(1 / 501)
        assert comparison.is_significant

    def test_a_run_does_not_differ_from_itself(self):
        scores = images(30, 0.7, seed=0)
        comparison = compare(scores, scores, miou_dataset, resamples=100)
        assert (comparison.difference, comparison.low, comparison.high) == (0, 0, 0)
        assert comparison.p_value == 1
        assert not comparison.is_significant

    def test_equal_models_are_seldom_called_different(self):
        p_values = [
            compare(
                images(40, 0.7, 2 * seed),
                images(40, 0.7, 2 * seed + 1),
                pixel_accuracy_dataset,
                resamples=99,
            ).p_value
            for seed in range(100)
        ]
        assert sum(p <= 0.05 for p in p_values) <= 11
        assert 0.35 < np.mean(p_values) < 0.65

    def test_pairing_finds_what_the_spread_between_images_hides(self):
        easy_and_hard = range(200, 920, 18)
        first, second = (
            {
                str(i): Confusion(2, [[right + gain, 1000 - right], [0, 9]])
                for i, right in enumerate(easy_and_hard)
            }
            for gain in (20, 0)
        )
        comparison = compare(first, second, miou_dataset, resamples=300)
        alone = bootstrap(first, miou_dataset, resamples=300)
        assert comparison.low > 0
        assert comparison.is_significant
        assert alone.low < comparison.second.value < alone.high

    def test_swapping_the_runs_turns_the_sign(self):
        a, b = images(30, 0.75, seed=0), images(30, 0.7, seed=1)
        forth, back = (compare(x, y, miou_dataset, resamples=100) for x, y in ((a, b), (b, a)))
        assert (forth.difference, forth.low, forth.high) == pytest.approx(
            (-back.difference, -back.high, -back.low)
        )
        assert forth.p_value == back.p_value

    def test_it_is_that_of_loops_over_drawn_images_and_over_swapped_runs(self, monkeypatch):
        a, b = images(6, 0.75, seed=0), images(6, 0.6, seed=1)
        pairs = [(a[name], b[name]) for name in sorted(a)]

        def difference(chosen):
            first, second = (sum(side) for side in zip(*chosen, strict=True))
            return float(miou_dataset(first)) - float(miou_dataset(second))

        drawn = np.random.default_rng([2, 0]).integers(0, 6, (60, 6))
        resampled = [difference([pairs[i] for i in row]) for row in drawn]
        rest = [difference(pairs[:i] + pairs[i + 1 :]) for i in range(6)]
        ends = bca_ends(np.array(resampled), difference(pairs), np.array(rest), 0.8)
        kept = np.random.default_rng([2, 1]).integers(0, 2, (60, 6))
        swapped = [
            difference(
                [pair if keep else pair[::-1] for pair, keep in zip(pairs, row, strict=True)]
            )
            for row in kept
        ]
        extreme = sum(abs(one) >= abs(difference(pairs)) - 1e-12 for one in swapped)
        assert 0 < extreme < 60
        for at_a_time in (1 << 22, 15, 1):
            monkeypatch.setattr(resampling, "_WEIGHTS_AT_A_TIME", at_a_time)
            found = compare(a, b, miou_dataset, resamples=60, level=0.8, seed=2)
            assert (found.low, found.high) == pytest.approx(ends, abs=1e-12)
            assert found.p_value == (1 + extreme) / 61
        assert (found.units, found.resamples, found.level) == (6, 60, 0.8)
        assert found.first == miou_dataset(sum(a.values()))
        assert found.second == miou_dataset(sum(b.values()))

    def test_other_images_cannot_be_paired(self):
        a, b = images(3, 0.7, seed=0), images(4, 0.7, seed=0)
        with pytest.raises(InputError, match=r"1 are in one set only \(first: image-0003\)"):
            compare(a, b, miou_dataset)

    def test_of_nothing_with_something_is_no_finding(self):
        nothing = {f"image-{index:04d}": Confusion.empty(3) for index in range(20)}
        for first, second in ((nothing, images(20, 0.7, 1)), (images(20, 0.7, 1), nothing)):
            found = compare(first, second, miou_dataset, resamples=50)
            assert math.isnan(found.difference)
            assert math.isnan(found.p_value)
            assert not found.is_significant


class TestSeeds:
    def test_mean_and_sample_standard_deviation(self):
        figures = [Figure("miou_dataset", value, "rules") for value in (0.6, 0.62, 0.64)]
        spread = over_seeds(figures)
        assert (spread.mean, spread.sd) == pytest.approx((0.62, 0.02))
        assert (spread.name, spread.runs, spread.rules) == ("miou_dataset", 3, "rules")
        assert str(spread) == "miou_dataset 62.00 ± 2.00 % (3 runs)"

    def test_one_run_has_no_spread(self):
        with warnings.catch_warnings(action="error"):  # nor does numpy complain of it
            spread = over_seeds([Figure("miou_dataset", 0.6, "rules")])
        assert math.isnan(spread.sd)
        assert (spread.mean, spread.note) == (0.6, "")

    def test_two_runs_have_a_spread(self):
        spread = over_seeds([Figure("miou_dataset", value, "rules") for value in (0.6, 0.64)])
        assert (spread.sd, spread.note) == (pytest.approx(0.04 / math.sqrt(2)), "")

    def test_the_best_threshold_may_differ_between_seeds(self):
        random = np.random.default_rng(4)
        target = random.random((2, 8, 8)) < 0.4
        runs = [VideoScores.of(random.normal(2 * target - 1, 2), target) for _ in range(2)]
        figures = [f_video(run) for run in runs]
        assert figures[0].note != figures[1].note
        assert over_seeds(figures).runs == 2

    def test_figures_of_two_families_have_no_mean(self):
        figures = [Figure("miou_dataset", 0.6, ""), Figure("miou_frame", 0.7, "")]
        with pytest.raises(InputError, match="miou_dataset, miou_frame"):
            over_seeds(figures)
        with pytest.raises(InputError, match="none"):
            over_seeds([])


@pytest.mark.parametrize(("units", "computed"), [(10, 2), (11, 4)])
def test_resamples_of_ten_units_or_fewer_are_computed_once_a_kind(units, computed):
    weights, rows_of = np.ones((4, units)), []
    weights[1] = 2

    def totals(some):
        rows_of.append(len(some))
        return some.sum(axis=1)[None]

    assert resampling.once_a_kind(totals)(weights).tolist() == [[units, 2 * units, units, units]]
    assert rows_of == [computed]


def test_a_difference_at_the_bound_is_not_significant():
    at_bound = replace(compare(a := images(9, 0.7, seed=0), a, miou_dataset, 20), p_value=1 - 0.95)
    assert not at_bound.is_significant
    assert replace(at_bound, p_value=math.nextafter(1 - 0.95, 0)).is_significant


def test_the_seed_draws_intervals_and_permutations_anew():
    first, second = images(12, 0.70, seed=0), images(12, 0.74, seed=1)
    one, other = (compare(first, second, miou_dataset, 200, seed=s) for s in (0, 1))
    assert compare(first, second, miou_dataset, 200) == one
    assert (one.low, one.high) != (other.low, other.high)
    assert one.p_value != other.p_value


def test_an_interval_is_printed_in_per_cent_with_its_doubt():
    figure = Figure("miou_dataset", 0.625, "rules")
    interval = Interval(figure, 0.5, 0.75, 0.9, units=8, resamples=10)
    assert str(interval) == "miou_dataset 62.50 % [50.00, 75.00] at 90 % over 8 units"
    assert interval.missing == ""
    blurred = replace(interval, low=math.nan)
    assert str(blurred) == f"miou_dataset 62.50 % ({NO_ENDS}) over 8 units"
    nothing = replace(interval, figure=Figure("miou_dataset", math.nan, "rules", "no pixel"))
    assert str(nothing) == "miou_dataset – (no pixel)"


def test_a_spread_without_a_mean_says_why():
    figures = [Figure("f_video", math.nan, "rules", note) for note in ("no frame", "")]
    assert str(over_seeds(figures)) == "f_video – (no frame)"
    assert math.isnan(over_seeds(figures).sd)
