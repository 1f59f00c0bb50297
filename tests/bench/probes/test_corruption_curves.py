"""Curves of corruptions and what is left of a score, against sums by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from avs_bench.metrics import Confusion
from avs_bench.probes.corruption_curves import (
    left_of_score,
    levels_of,
    names_of,
    robustness_of,
)
from avs_bench.probes.corruptions import CORRUPTIONS
from avs_bench.results.records import ProbedSet, ScoredSet, scored_item, scored_set
from tests.bench.report.made_results import result
from vpo_builder.runtime.errors import InputError

TARGET = np.repeat([[0, 1, 2]], 20, axis=0)  # 20 pixels of each class


def item(name: str, right: int):
    """Of each object's 20 pixels so many are found; the others are taken for background."""
    pred = TARGET.copy()
    pred[right:, 1:] = 0
    return scored_item(name, name, {}, Confusion.of(pred, TARGET, 3))


def scored(found: Sequence[int]) -> ScoredSet:
    return scored_set("dataset", 3, [item(f"p{n}", right) for n, right in enumerate(found)])


def miou(right: int) -> float:
    return (20 / (20 + 2 * (20 - right)) + 2 * right / 20) / 3


def probed(name: str, *found: int) -> ProbedSet:
    kept = scored(found)
    return ProbedSet(name, "?", "test", 0, kept, kept)


CLEAN = scored([20, 20, 20])


def robustness(*probes: ProbedSet, right: ScoredSet = CLEAN):
    return robustness_of(replace(result(right), classes=("background", "a", "b"), probes=probes))


def test_a_curve_begins_with_the_unchanged_and_has_the_score_of_each_level():
    (curve,) = robustness(probed("jpeg@3", 5, 5, 5), probed("jpeg@1", 10, 10, 10)).curves
    assert [point.level for point in curve.points] == [0, 1, 3]
    assert [point.value for point in curve.points] == [None, 25, 15]
    values = [point.score.figure.value for point in curve.points]
    assert values == pytest.approx([1, miou(10), miou(5)])


def test_what_is_left_is_the_mean_over_levels_then_over_corruptions():
    found = robustness(
        probed("jpeg@1", 10, 10, 10),
        probed("jpeg@2", 5, 5, 5),
        probed("snr-noise@1", 15, 15, 15),
        right=scored([18, 18, 18]),
    )
    whole = miou(18)
    jpeg, noise = (miou(10) + miou(5)) / 2 / whole, miou(15) / whole
    assert found.left["picture"].figure.value == pytest.approx(jpeg)
    assert found.left["sound"].figure.value == pytest.approx(noise)
    assert found.left["all"].figure.value == pytest.approx((jpeg + noise) / 2)


def test_only_the_pictures_that_were_asked_are_compared():
    """The third picture, which the corruption has no question for, is unchanged at its worst."""
    found = robustness(probed("distractors@4", 10, 10), right=scored([20, 20, 0]))
    (curve,) = found.curves
    assert curve.points[0].score.figure.value == pytest.approx(1)
    assert curve.left.figure.value == pytest.approx(miou(10))


def test_the_interval_resamples_pictures_and_not_levels():
    """Every picture loses as much: no resample differs, whatever is drawn."""
    found = robustness(probed("jpeg@1", 10, 10, 10), probed("jpeg@2", 5, 5, 5))
    assert found.left["all"].units == 3
    mixed = robustness(probed("jpeg@1", 20, 10, 0), probed("jpeg@2", 20, 5, 0))
    interval = mixed.left["all"]
    assert interval.low < interval.figure.value < interval.high


def test_nothing_found_unchanged_has_no_share():
    found = robustness(probed("jpeg@1", 0, 0, 0), right=scored([20, 20, 20]))
    assert 0 < found.left["all"].figure.value < 1
    blank = scored_set("dataset", 3, [scored_item("p0", "p0", {}, Confusion.empty(3))])
    one = ProbedSet("jpeg@1", "?", "test", 0, blank, blank)
    left = robustness(one, right=blank).left["all"]
    assert math.isnan(left.figure.value)
    assert "unchanged" in left.figure.note


def test_other_probes_are_no_corruption():
    with pytest.raises(InputError, match="avs-bench robust"):
        robustness(probed("silence", 1, 1, 1), probed("jpeg@0", 1, 1, 1))


def test_levels_are_those_that_a_corruption_has():
    assert levels_of(["distractors", "jpeg"], [5, 1]) == ["distractors@1", "jpeg@1", "jpeg@5"]
    with pytest.raises(InputError, match="choose of"):
        levels_of(["fog"], [1])


@pytest.mark.parametrize(("stereo", "heard"), [(True, True), (False, False)])
def test_an_error_of_sides_is_for_two_ears(stereo, heard):
    assert ("pan-error" in names_of(None, stereo=stereo)) == heard
    assert set(names_of("picture", stereo=stereo)) == {
        name for name, one in CORRUPTIONS.items() if one.of == "picture"
    }


def test_the_figure_says_its_rules():
    assert left_of_score.__doc__
    found = robustness(probed("jpeg@1", 10, 10, 10))
    assert "unchanged" in found.left["all"].figure.rules
