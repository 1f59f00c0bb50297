import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avs_bench.metrics import (
    Figure,
    VideoScores,
    f_video,
    f_video_official,
    fdr_dataset,
    j_and_f,
    j_video,
    official_batches,
)
from avs_bench.metrics.dataset_level import Confusion
from avs_bench.metrics.families import FIGURES
from avs_bench.metrics.threshold_curve import (
    _float32_linspace,
    checked_probabilities,
    fscore_curve,
    hits_and_predicted,
    probabilities_of,
    threshold_index,
    threshold_values,
)
from tests.bench.metrics.fixtures import RELATIVE, load
from vpo_builder.runtime.errors import InputError

seeds = st.integers(0, 2**32 - 1)
close = partial(pytest.approx, rel=RELATIVE, abs=0)


def logits_and_masks(seed, videos=5, frames=3):
    random = np.random.default_rng(seed)
    target = (random.random((videos, frames, 6, 7)) < 0.4).astype(np.uint8)
    target[0] = 0  # a silent video
    target[1, 1] = 0  # a silent frame
    logits = random.normal(2 * target - 1.0, 2).astype(np.float32)
    return logits, target


def scored_by_loops(probabilities, target):
    """J and F of one video, as the protocol words them."""
    ious, curves = [], []
    for p, t in zip(probabilities, target.astype(bool), strict=True):
        if not t.any():
            ious.append((~(p > 0.5)).mean())
            continue
        ious.append(((p > 0.5) & t).sum() / ((p > 0.5) | t).sum())
        curve = []
        for threshold in threshold_values:
            hits = ((p >= threshold) & t).sum()
            precision, recall = hits / max((p >= threshold).sum(), 1), hits / t.sum()
            bottom = 0.3 * precision + recall
            curve.append(1.3 * precision * recall / bottom if bottom else 0)
        curves.append(curve)
    return np.mean(ious), np.mean(curves, axis=0).max() if curves else 0.0


class TestParityWithThePublishedCode:
    def test_every_field(self):
        arrays, expected = load("per_video_binary")
        logits = arrays["logits"].astype(np.float32)
        videos = [VideoScores.of(x, y) for x, y in zip(logits, arrays["target"], strict=True)]
        whole = VideoScores.of(logits, arrays["target"])

        assert [float(j_video(v)) for v in videos] == close(expected["video_iou"])
        assert [float(f_video_official(v)) for v in videos] == close(expected["video_fscore"])
        assert float(j_video(whole)) == close(expected["miou"])
        assert float(f_video_official(whole)) == close(expected["fscore"])
        in_fours = [float(official_batches(videos[i : i + 4], 4)[1]) for i in (0, 4)]
        assert in_fours == close(expected["fscore_batches_of_4_videos"])
        assert float(official_batches(videos, 8)[1]) == close(expected["fscore_one_batch"])
        assert float(f_video(whole)) == close(expected["fscore_one_batch"])

    def test_thresholds_are_those_of_the_published_code(self):
        torch = pytest.importorskip("torch")
        published = torch.linspace(0, 1 - 1e-10, 255).numpy()
        # processors without a fused multiply-add round some of them differently
        assert threshold_values == pytest.approx(published, rel=1.2e-7, abs=0)
        assert (threshold_values[0], threshold_values[-1]) == (0, 1)

    def test_one_video_per_batch_is_the_official_figure(self):
        logits, target = logits_and_masks(0)
        videos = [VideoScores.of(x, y) for x, y in zip(logits, target, strict=True)]
        j, f = official_batches(videos, 1)
        assert float(j) == close(float(j_video(sum(videos))))
        assert float(f) == close(float(f_video_official(sum(videos))))

    def test_a_smaller_last_batch_weighs_as_much(self):
        logits, target = logits_and_masks(1, videos=3)
        videos = [VideoScores.of(x, y) for x, y in zip(logits, target, strict=True)]
        pair, last = official_batches(videos[:2], 2), official_batches(videos[2:], 2)
        for both, first, second in zip(official_batches(videos, 2), pair, last, strict=True):
            assert float(both) == close((float(first) + float(second)) / 2)
        assert "batches of 2" in both.rules


class TestThresholds:
    def test_a_value_equal_to_a_threshold_is_a_hit_and_the_next_below_is_not(self):
        below = np.nextafter(threshold_values, np.float32(-1))
        above = np.nextafter(threshold_values, np.float32(2))
        assert np.array_equal(threshold_index(threshold_values), np.arange(255))
        assert np.array_equal(threshold_index(below[1:]), np.arange(254))
        assert np.array_equal(threshold_index(above[:-1]), np.arange(254))

    @given(seeds)
    def test_every_float32_finds_its_place(self, seed):
        values = np.random.default_rng(seed).random(2000, np.float32)
        expected = np.searchsorted(threshold_values, values, side="right") - 1
        assert np.array_equal(threshold_index(values), expected)

    def test_only_certainty_reaches_the_last_threshold(self):
        target = np.ones((1, 1, 2), int)
        logits = np.array([[[np.inf, 16]]], np.float32)  # 16 is 1 - 1e-7
        assert 0.999999 < probabilities_of(logits, ())[0, 0, 1] < 1
        scores = VideoScores.of(logits, target)
        assert float(f_video(scores, threshold=1.0)) == close(1.3 * 0.5 / (0.3 + 0.5))
        assert float(f_video(scores, threshold=0.996)) == 1

    def test_probability_of_one_half_is_not_predicted_by_j_but_is_at_threshold_one_half(self):
        scores = VideoScores.of(np.zeros((1, 2, 2)), np.ones((1, 2, 2), int))
        assert float(j_video(scores)) == 0
        assert float(f_video(scores, threshold=0.5)) == 1
        assert f_video(scores, threshold=0.5).note == "threshold 0.5000"
        assert "threshold 0.5000" in str(f_video(scores, threshold=0.5))

    def test_infinite_logits_are_certain(self):
        logits = np.array([-np.inf, -1e30, 0, 1e30, np.inf], np.float32)
        with warnings.catch_warnings(action="error"):  # numpy would warn of what overflows
            probabilities = probabilities_of(logits, ())
        assert probabilities.tolist() == [0, 0, 0.5, 1, 1]
        assert probabilities.dtype == np.float32


class TestDefinition:
    @given(seeds)
    @settings(max_examples=10)
    def test_equals_a_loop_over_videos_frames_and_thresholds(self, seed):
        logits, target = logits_and_masks(seed)
        probabilities = probabilities_of(logits, ())
        looped = np.array(
            [scored_by_loops(p, t) for p, t in zip(probabilities, target, strict=True)]
        )
        scores = VideoScores.of(logits, target)
        assert float(j_video(scores)) == close(looped[:, 0].mean())
        assert float(f_video_official(scores)) == close(looped[:, 1].mean())

    @given(seeds, st.permutations(range(5)), st.integers(0, 5))
    @settings(max_examples=20)
    def test_order_and_batches_do_not_change_one_bit(self, seed, order, cut):
        logits, target = logits_and_masks(seed)
        parts = [order[:cut], order[cut:]]
        scores = sum(VideoScores.of(logits[part], target[part]) for part in parts)
        assert scores == VideoScores.of(logits, target)

    def test_perfect_prediction(self):
        _, target = logits_and_masks(3)
        scores = VideoScores.of(np.where(target, 9.0, -9.0), target)
        assert float(j_video(scores)) == 1
        assert float(f_video(scores)) == 1
        # the published rule: the silent one of five videos scores 0
        assert float(f_video_official(scores)) == close(4 / 5)

    def test_empty_prediction(self):
        _, target = logits_and_masks(3)
        scores = VideoScores.of(np.full(target.shape, -np.inf), target)
        assert float(j_video(scores)) == close((1 + 1 / 3) / 5)

    def test_a_video_without_object_has_no_batch_free_f(self):
        silent = VideoScores.of(np.zeros((2, 4, 4)), np.zeros((2, 4, 4), int))
        assert float(f_video_official(silent)) == 0
        assert np.isnan(float(f_video(silent)))
        assert f_video(silent).note == "no frame shows an object"
        assert float(j_video(silent)) == 1

    def test_ignored_pixels_do_not_count(self):
        logits, target = logits_and_masks(4)
        padded = np.pad(target, ((0, 0), (0, 0), (0, 2), (0, 3)), constant_values=255)
        wide = np.pad(logits, ((0, 0), (0, 0), (0, 2), (0, 3)), constant_values=5)
        assert VideoScores.of(wide, padded, ignore=255) == VideoScores.of(logits, target)

    def test_all_ignored_frames_are_none(self):
        logits, target = logits_and_masks(4)
        more = np.concatenate([target, np.full_like(target[:, :1], 255)], axis=1)
        wide = np.concatenate([logits, logits[:, :1]], axis=1)
        assert VideoScores.of(wide, more, ignore=255) == VideoScores.of(logits, target)

    def test_videos_of_ignored_frames_are_none_and_have_no_figure(self):
        nothing = VideoScores.of(np.ones((2, 3, 3)), np.full((2, 3, 3), 255), ignore=255)
        assert nothing == VideoScores.empty()
        for figure in FIGURES["video"]:
            assert np.isnan(float(figure(nothing)))
            assert figure(nothing).note.startswith("no pixel is counted")
        some = VideoScores.of(*logits_and_masks(4))
        assert j_video(nothing + some) == j_video(some)
        with pytest.raises(InputError, match="at least one video"):
            official_batches([nothing], 1)

    def test_torch_tensors_of_any_float_type(self):
        torch = pytest.importorskip("torch")
        logits, target = logits_and_masks(5)
        tensor = torch.from_numpy(logits).to(torch.bfloat16).requires_grad_()
        expected = VideoScores.of(tensor.detach().float().numpy(), target)
        assert VideoScores.of(tensor, torch.from_numpy(target)) == expected

    def test_inputs_are_not_changed(self):
        logits, target = logits_and_masks(6)
        before = logits.copy(), target.copy()
        logits.flags.writeable = target.flags.writeable = False
        VideoScores.of(logits, target)
        assert np.array_equal(logits, before[0])
        assert np.array_equal(target, before[1])

    def test_j_and_f_is_their_mean_within_one_family_only(self):
        scores = VideoScores.of(*logits_and_masks(7))
        j, f = j_video(scores), f_video(scores)
        assert float(j_and_f(j, f)) == close((j.value + f.value) / 2)
        assert j_and_f(j, f).name == "j_and_f_video"
        with pytest.raises(InputError, match="one family"):
            j_and_f(j, fdr_dataset(Confusion(2, [[1, 0], [0, 1]])))


class TestErrors:
    def test_nan_logits_name_the_place(self):
        logits = np.zeros((2, 3, 4, 4))
        logits[1, 2, 3, 0] = np.nan
        with pytest.raises(InputError, match=r"logits: NaN at \[1, 2, 3, 0\]") as error:
            VideoScores.of(logits, np.zeros(logits.shape, int))
        assert "\n" not in str(error.value)

    def test_masks_of_0_and_255_are_not_guessed_at(self):
        with pytest.raises(InputError, match=r"target: label 255 at \[1, 0, 0\] and 8 more"):
            VideoScores.of(
                np.zeros((2, 3, 3)), np.array([0, 255])[:, None, None].repeat(3, 1).repeat(3, 2)
            )

    def test_shapes_differ(self):
        with pytest.raises(InputError, match=r"\[2, 3, 3\] != \[2, 3, 4\]"):
            VideoScores.of(np.zeros((2, 3, 3)), np.zeros((2, 3, 4), int))

    def test_a_mask_of_fractions_is_named(self):
        with pytest.raises(InputError, match=r"^target: "):
            VideoScores.of(np.zeros((2, 3, 3)), np.full((2, 3, 3), 0.5))

    @pytest.mark.parametrize("shape", [(3, 3), (0, 3, 3), (1, 1, 2, 3, 3)])
    def test_what_is_no_video(self, shape):
        with pytest.raises(InputError, match="T, H, W"):
            VideoScores.of(np.zeros(shape), np.zeros(shape, int))

    def test_official_batches_need_single_videos(self):
        with pytest.raises(InputError, match="one record per video"):
            official_batches([VideoScores.of(*logits_and_masks(0))], 4)


def test_thresholds_made_anew_are_those_in_use():
    assert np.array_equal(_float32_linspace(), threshold_values)
    assert _float32_linspace().dtype == np.float32


def test_given_probabilities_reach_from_0_to_1_and_no_further():
    given_ones = np.array([[0.0, 1.0], [0.5, 1 / 3]])
    taken = checked_probabilities(given_ones, (0,))
    assert taken.dtype == np.float32
    assert np.array_equal(taken, given_ones.astype(np.float32))
    for wrong in (-1e-6, 1.00001, np.nan, np.inf):
        with pytest.raises(InputError, match=r"probabilities: .* at \[2, 0, 1\] and 1 more"):
            checked_probabilities(np.array([[0.5, wrong], [0.5, wrong]]), (2,))


def test_probabilities_score_as_the_logits_that_they_are_of():
    logits, target = logits_and_masks(3)
    target[2, :, :2] = 255
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    made = VideoScores.of_probabilities(probabilities, target, ignore=255)
    assert made == VideoScores.of(logits, target, ignore=255)
    with pytest.raises(InputError, match="expected 0 to 1"):
        VideoScores.of_probabilities(logits, target, ignore=255)


def test_j_and_f_says_the_rules_of_both_and_a_note_of_either():
    def figure(name, note):
        return Figure(name, 0.5, f"rule of {name[0]}", note)

    for notes, kept in ((("one", ""), "one"), (("", "two"), "two"), (("one", "two"), "one")):
        both = j_and_f(figure("j_video", notes[0]), figure("f_video", notes[1]))
        assert (both.rules, both.note) == ("J: rule of j | F: rule of f", kept)


def test_official_batches_are_named_by_their_size_and_take_single_videos():
    logits, target = logits_and_masks(4)
    videos = [VideoScores.of(*one) for one in zip(logits, target, strict=True)]
    j, f = official_batches(videos, 2)
    assert (j.name, f.name) == ("j_video_official_batch_2", "f_video_official_batch_2")
    for figure in (j, f):
        assert figure.rules.startswith("published code with batches of 2 videos; mean over batches")
    with pytest.raises(InputError, match=r"records of \[1, 2\] videos"):
        official_batches([videos[0], videos[1] + videos[2]], 2)


def test_one_frame_with_an_object_is_its_batch_s_mean():
    target = np.zeros((1, 2, 4, 4), np.uint8)
    target[0, 0, :2] = 1
    logits = np.where(target > 0, 5.0, -5.0)
    scores = VideoScores.of(logits[0], target[0])
    _, f = official_batches([scores], 1)
    assert f.value == f_video_official(scores).value == pytest.approx(1)


def test_every_figure_of_videos_names_itself_and_its_rules_and_of_none_a_reason():
    logits, target = logits_and_masks(5)
    scores, nothing = VideoScores.of(logits, target), VideoScores.empty()
    told = {
        "j_video": (j_video, "IoU at probability > 0.5, mean over a video's frames"),
        "f_video_official": (f_video_official, "each video at the best of 255 thresholds for it"),
        "f_video": (f_video, "at one threshold, the best one for the whole set; mean over"),
    }
    for name, (figure, rules) in told.items():
        assert figure(scores).name == name
        assert figure(scores).rules.startswith(rules)
        assert figure(nothing).note.startswith("no pixel is counted")
        assert np.isnan(figure(nothing).value)
    assert j_video(scores).note == f_video_official(scores).note == ""
    assert f_video(scores, 0.5).rules.startswith("at one threshold, given; mean over")
    for sample in (0.5, 0.1):
        place = np.abs(threshold_values - sample).argmin()
        assert f_video(scores, sample).note == f"threshold {threshold_values[place]:.4f}"


def test_a_pixel_of_probability_0_is_true_and_found_at_the_first_threshold_alone():
    probabilities, target = np.array([0, 1], np.float32), np.array([1, 1], np.uint8)
    curve = fscore_curve(*hits_and_predicted(probabilities, target))
    assert curve[0] == pytest.approx(1)
    assert curve[1:] == pytest.approx(1.3 * 1 / (0.3 * 2 + 1))
    none = np.zeros(255, np.int64)
    assert np.array_equal(fscore_curve(none, none), none)


def test_all_pixels_of_a_large_frame_count_at_every_threshold():
    target = np.zeros((400, 400), np.uint8)
    target[:300], target[:, :10] = 1, 2
    hits, predicted = hits_and_predicted(np.full((400, 400), 0.5, np.float32), target)
    assert (hits[0], predicted[0]) == (300 * 390, 400 * 390)
    assert (hits[200], predicted[200]) == (0, 0)
