from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.metrics import (
    FrameScores,
    fscore_frame,
    fscore_per_class_frame,
    iou_per_class_frame,
    j_and_f_frame,
    miou_frame,
)
from avs_bench.metrics.record import from_units
from tests.bench.metrics.fixtures import RELATIVE, load
from vpo_builder.runtime.errors import InputError

CLASSES = 6
seeds = st.integers(0, 2**32 - 1)
close = partial(pytest.approx, rel=RELATIVE, abs=0)


def test_j_and_f_is_the_mean_of_the_two():
    target = np.random.default_rng(0).integers(0, 4, (3, 8, 8))
    scores = FrameScores.of(np.roll(target, 1, axis=1), target, 5)
    halves = (miou_frame(scores).value + fscore_frame(scores).value) / 2
    assert j_and_f_frame(scores).value == pytest.approx(halves)
    assert "; mean of IoU and F with beta squared = 0.3, class by" in j_and_f_frame(scores).rules


def label_maps(seed, frames=7):
    random = np.random.default_rng(seed)
    target = random.integers(0, CLASSES - 1, (frames, 8, 9)).astype(np.uint8)
    noise = random.integers(0, CLASSES, target.shape)
    pred = np.where(random.random(target.shape) < 0.7, target, noise).astype(np.uint8)
    target[random.random(target.shape) < 0.1] = 255
    return pred, target


def scored_by_loops(pred, target):
    """IoU and F of each class in each frame, as the protocol words them."""
    iou, fscore, seen = np.zeros((3, CLASSES))
    for p, t in zip(pred, target, strict=True):
        for c in range(CLASSES):
            hit, found, true = (
                np.sum(mask & (t != 255)) for mask in ((p == c) & (t == c), p == c, t == c)
            )
            if found + true == 0:
                continue
            seen[c] += 1
            iou[c] += hit / (found + true - hit)
            if hit:
                precision, recall = hit / found, hit / true
                fscore[c] += 1.3 * precision * recall / (0.3 * precision + recall)
    return iou / np.maximum(seen, 1), fscore / np.maximum(seen, 1)


def test_parity_with_the_published_code():
    arrays, expected = load("per_frame_semantic")
    scores = FrameScores.of(arrays["pred"], arrays["target"], classes=71)

    assert scores.frames_with_class.tolist() == expected["frames_with_class"]
    assert from_units(scores.iou_units) == close(np.array(expected["iou_sum"]))
    assert from_units(scores.fscore_units) == close(np.array(expected["fscore_sum"]))
    assert float(miou_frame(scores)) == close(expected["miou"])
    assert float(fscore_frame(scores)) == close(expected["fscore"])


@given(seeds)
def test_equals_a_loop_over_frames_and_classes(seed):
    pred, target = label_maps(seed)
    scores = FrameScores.of(pred, target, CLASSES)
    iou, fscore = scored_by_loops(pred, target)
    assert iou_per_class_frame(scores) == close(iou)
    assert fscore_per_class_frame(scores) == close(fscore)


@given(seeds, st.permutations(range(7)), st.integers(0, 7))
def test_order_and_batches_do_not_change_one_bit(seed, order, cut):
    pred, target = label_maps(seed)
    parts = [order[:cut], order[cut:]]
    shuffled = sum(FrameScores.of(pred[part], target[part], CLASSES) for part in parts)
    assert shuffled == FrameScores.of(pred, target, CLASSES)


@given(seeds, st.permutations(range(CLASSES)))
def test_renaming_the_classes_changes_nothing(seed, order):
    pred, target = label_maps(seed)
    table = np.array([*order, *[0] * (255 - CLASSES), 255], np.uint8)
    renamed = FrameScores.of(table[pred], table[target], CLASSES)
    assert float(miou_frame(renamed)) == close(float(miou_frame(FrameScores.of(pred, target, 6))))


@given(seeds)
def test_perfect_prediction_scores_one_in_every_class_seen(seed):
    _, target = label_maps(seed)
    scores = FrameScores.of(target, target, CLASSES)
    assert float(miou_frame(scores, among=scores.classes_seen)) == close(1)
    assert float(miou_frame(scores)) == close(len(scores.classes_seen) / CLASSES)


def test_empty_prediction_scores_background_only():
    target = np.zeros((2, 4, 4), int)
    target[0, 0, 0] = 3
    scores = FrameScores.of(np.zeros_like(target), target, CLASSES)
    assert scores.classes_seen == [0, 3]
    assert iou_per_class_frame(scores) == close(np.array([(15 / 16 + 1) / 2, 0, 0, 0, 0, 0]))
    f = 1.3 * 15 / 16 / (0.3 * 15 / 16 + 1)  # of the frame with one pixel of class 3
    assert fscore_per_class_frame(scores) == close(np.array([(f + 1) / 2, 0, 0, 0, 0, 0]))


def test_all_ignored_frames_have_no_class():
    target = np.full((3, 4, 4), 255)
    scores = FrameScores.of(np.ones((3, 4, 4), int), target, CLASSES)
    assert (scores.frames, scores.classes_seen) == (3, [])
    seen = FrameScores.of(np.ones((1, 4, 4), int), np.ones((1, 4, 4), int), CLASSES)
    for figure in (miou_frame, fscore_frame, j_and_f_frame):
        assert np.isnan(float(figure(scores)))
        assert (figure(scores).name, figure(scores).rules) == (
            figure(seen).name,
            figure(seen).rules,
        )
        assert figure(scores).note.startswith("no pixel is counted")
    assert miou_frame(scores + seen) == miou_frame(seen)


@pytest.mark.parametrize("shape", [(8, 9), (7, 8, 9), (2, 7, 8, 9), (0, 8, 9)])
def test_leading_axes_are_frames(shape):
    zeros = np.zeros(shape, int)
    assert FrameScores.of(zeros, zeros, 2).frames == np.prod(shape[:-2])


def test_inputs_are_not_changed():
    pred, target = label_maps(0)
    pred.flags.writeable = target.flags.writeable = False
    before = pred.copy(), target.copy()
    FrameScores.of(pred, target, CLASSES)
    assert np.array_equal(pred, before[0])
    assert np.array_equal(target, before[1])


def test_label_out_of_range_names_frame_and_pixel():
    pred, target = np.zeros((2, 3, 4, 5), int), np.zeros((2, 3, 4, 5), int)
    pred[1, 2, 3, 4] = 71
    with pytest.raises(InputError, match=r"pred: label 71 at \[1, 2, 3, 4\]: expected 0 to 70"):
        FrameScores.of(pred, target, 71)


def test_a_row_of_labels_is_no_frame():
    with pytest.raises(InputError, match="H, W"):
        FrameScores.of(np.zeros(4, int), np.zeros(4, int), 2)


@pytest.mark.parametrize(
    ("figure", "name", "per_class"),
    [
        (miou_frame, "miou_frame", iou_per_class_frame),
        (fscore_frame, "fscore_frame", fscore_per_class_frame),
    ],
)
def test_a_mean_over_chosen_classes_is_theirs_and_says_so(figure, name, per_class):
    scores = FrameScores.of(*label_maps(2), CLASSES)
    among = figure(scores, among=(1, 3))
    assert among.value == close(per_class(scores)[[1, 3]].mean())
    assert among.rules.endswith("; over classes [1, 3]")
    assert figure(scores).rules.endswith("; background included")
    for made in (among, figure(scores)):
        assert (made.name, made.note) == (name, "")
        assert made.rules.startswith("mean over the frames in which the class is predicted or true")
    none = figure(scores, among=())
    assert np.isnan(none.value)
    assert none.note == "no class is left to average"


def test_the_f_of_frames_names_its_weight():
    scores = FrameScores.of(*label_maps(2), CLASSES)
    assert "; beta squared = 0.3; background" in fscore_frame(scores).rules
    assert (j_and_f_frame(scores).name, j_and_f_frame(scores).note) == ("j_and_f_frame", "")
    assert j_and_f_frame(scores).rules.endswith("; background included")


def test_a_class_that_is_only_predicted_occurs_and_so_does_one_that_is_missed():
    pred, target = np.zeros((3, 2, 2), int), np.zeros((3, 2, 2), int)
    pred[0, 0, 0], target[1, 0, 0] = 2, 4
    scores = FrameScores.of(pred, target, CLASSES)
    assert scores.frames_with_class.tolist() == [3, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("name", ["pred", "target"])
def test_logits_are_refused_by_their_name(name):
    maps = {"pred": np.zeros((2, 3, 3), int), "target": np.zeros((2, 3, 3), int)}
    with pytest.raises(InputError, match=f"^{name}: expected class indices"):
        FrameScores.of(**{**maps, name: np.zeros((2, 3, 3))}, classes=2)
