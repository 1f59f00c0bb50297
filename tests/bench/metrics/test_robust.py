"""AVSBench-Robust's figures against the functions they are defined by, written here anew."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avs_bench.metrics import Confusion
from avs_bench.metrics.robust import SoundScores, g_f, g_fpr, g_miou, sound_scores

WITHIN = 1e-6


def by_definition(preds: np.ndarray, targets: np.ndarray) -> tuple[float, float, float]:
    """Mean IoU, F and positive share of binary masks [N, H, W], from the definitions (float64).

    Every frame by itself: |P ∩ T| / |P ∪ T|, of a frame without object the share that stays black;
    F (beta² 0.3) averaged over the frames with an object at each of 255 thresholds on [0, 1], the
    best of them; and the share of pixels predicted.
    """
    ious, shares, curves = [], [], []
    for pred, target in zip(preds, targets, strict=True):
        both = np.logical_and(pred, target).sum()
        either = np.logical_or(pred, target).sum()
        ious.append(both / either if target.any() else 1 - pred.mean())
        shares.append(pred.mean())
        if not target.any():
            continue
        curve = []
        for threshold in np.linspace(0, 1, 255):
            positive = pred.astype(float) >= threshold
            hits = (positive & target).sum()
            precision, recall = hits / max(positive.sum(), 1), hits / target.sum()
            below = 0.3 * precision + recall
            curve.append(1.3 * precision * recall / below if below else 0.0)
        curves.append(curve)
    best = np.mean(curves, axis=0).max() if curves else math.nan
    return float(np.mean(ious)), float(best), float(np.mean(shares))


def scored(preds: np.ndarray, targets: np.ndarray) -> SoundScores:
    pairs = zip(preds, targets, strict=True)
    return sound_scores(Confusion.of(p.astype(int), t.astype(int), 2) for p, t in pairs)


def masks(seed: int, frames: int, share: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    found = random.random((frames, 12, 16)) < share
    found[random.random(frames) < 0.3] = False  # whole frames of nothing
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.floats(0, 1), st.floats(0, 1))
def test_each_sound_scores_as_the_definitions_say(seed, frames, predicted, labelled):
    preds, targets = masks(seed, frames, predicted), masks(seed + 1, frames, labelled)
    one = scored(preds, targets)
    expected = by_definition(preds, targets)
    assert (one.miou, one.f, one.fpr) == pytest.approx(expected, abs=WITHIN, nan_ok=True)


def test_the_g_figures_are_made_of_right_and_wrong_sounds():
    targets = masks(0, 5, 0.4)
    right, *wrong = (masks(seed, 5, 0.4) | (targets & (seed == 1)) for seed in (1, 2, 3, 4))
    ours = [scored(preds, targets) for preds in (right, *wrong)]
    miou, f, _ = by_definition(right, targets)
    of_wrong = np.mean([by_definition(preds, targets) for preds in wrong], axis=0)
    expected = [
        2 / (1 / own + 1 / (1 - other)) for own, other in zip((miou, f), of_wrong[:2], strict=True)
    ]
    figures = g_miou(ours[0], ours[1:]), g_f(ours[0], ours[1:]), g_fpr(ours[1:])
    assert [x.name for x in figures] == ["G-mIoU", "G-F", "G-FPR"]
    assert [x.value for x in figures] == pytest.approx([*expected, of_wrong[2]], abs=WITHIN)


def test_the_published_figure_of_a_model_that_ignores_its_sound():
    """VCT scores 86.20 on S4, and on Robust-S4 a G-mIoU of 23.79, as KEVA's page has it."""
    deaf = SoundScores(miou=0.8620, f=0.934, fpr=0.2)
    assert round(100 * g_miou(deaf, [deaf] * 3).value, 2) == 23.79


def test_a_perfect_listener_scores_all_and_a_silent_model_nothing():
    targets = np.zeros((2, 8, 8), bool)
    targets[:, :4] = True
    perfect, nothing = scored(targets, targets), scored(targets & False, targets)
    assert (perfect.miou, perfect.f, nothing.miou, nothing.fpr) == (1, 1, 0, 0)
    assert g_miou(perfect, [nothing]).value == 1
    assert g_miou(nothing, [nothing]).value == 0
    assert g_miou(perfect, [perfect]).value == 0
    # F at threshold 0 predicts everything: half of these frames is the object.
    everything = 1.3 * 0.5 / (0.3 * 0.5 + 1)
    assert nothing.f == pytest.approx(everything)
    assert g_f(perfect, [nothing]).value == pytest.approx(2 / (1 + 1 / (1 - everything)))


def test_any_class_is_the_object_and_ignored_pixels_do_not_count():
    target = torch.tensor([[0, 1, 2, 255, 255]])
    pred = torch.tensor([[0, 2, 2, 1, 0]])
    one = sound_scores([Confusion.of(pred, target, 3)])
    assert (one.miou, one.fpr) == (1, 2 / 3)
    blank = Confusion.of(pred, torch.full_like(pred, 255), 3)
    assert sound_scores([blank, Confusion.of(pred, target, 3)]) == one


def test_nothing_counted_has_no_value():
    none = sound_scores([])
    assert all(map(math.isnan, (none.miou, none.f, none.fpr)))
    assert g_miou(none, [none]).note
    assert math.isnan(g_fpr([]).value)


def test_without_a_counted_pixel_there_is_no_score_and_every_figure_says_so():
    nothing = sound_scores([Confusion.empty(2)])
    assert all(map(math.isnan, (nothing.miou, nothing.f, nothing.fpr)))
    with warnings.catch_warnings(action="error"):  # nor does numpy complain of an empty mean
        figures = g_miou(nothing, [nothing]), g_f(nothing, []), g_fpr([nothing]), g_fpr([])
    for figure in figures:
        assert math.isnan(figure.value)
        assert figure.note.startswith("no pixel is counted")


def test_frames_of_ignored_pixels_are_left_out_of_the_others_means():
    half = Confusion(2, [[4, 0], [2, 2]])
    assert sound_scores([Confusion.empty(2), half]) == sound_scores([half])


def test_every_class_but_background_is_the_object():
    """Class 1 called 2 is right: 4 of 8 labelled pixels are, and 1 of 12 is predicted beside."""
    scores = sound_scores([Confusion(3, [[3, 1, 0], [2, 2, 2], [2, 0, 0]])])
    assert scores.miou == pytest.approx(4 / 9)
    assert scores.fpr == pytest.approx(5 / 12)
    assert scores.f == pytest.approx(max(1.3 * 8 / (0.3 * 8 + 12), 1.3 * 4 / (0.3 * 8 + 5)))


def test_a_model_that_is_wrong_with_both_sounds_has_the_harmonic_mean_of_nothing():
    right, wrong = SoundScores(miou=0, f=0, fpr=1), SoundScores(miou=1, f=1, fpr=1)
    assert (g_miou(right, [wrong]).value, g_f(right, [wrong]).value) == (0, 0)


def test_the_g_figures_say_what_they_are_means_of():
    one = SoundScores(miou=0.5, f=0.25, fpr=0.125)
    told = {
        g_miou(one, [one]): "harmonic mean of mIoU and 1 - mean mIoU over the wrong sounds",
        g_f(one, [one]): "harmonic mean of F and 1 - mean F over the wrong sounds",
        g_fpr([one]): "share of each frame's pixels predicted, mean over frames",
    }
    for figure, rules in told.items():
        assert figure.rules.startswith(rules)
        assert figure.rules.endswith("; any class is the object; ignored pixels not counted")
        assert figure.note == ""
    assert g_fpr([one, SoundScores(0, 0, 0.375)]).value == 0.25


def test_one_labelled_pixel_is_an_object_and_none_has_no_f():
    one = sound_scores([Confusion(2, [[8, 1], [0, 1]])])
    assert (one.miou, one.f) == pytest.approx((1 / 2, 1.3 / (0.3 + 2)))
    with warnings.catch_warnings(action="error"):
        silent = sound_scores([Confusion(2, [[6, 2], [0, 0]])])
    assert (silent.miou, silent.fpr) == (0.75, 0.25)
    assert math.isnan(silent.f)
