"""Figures that need more than class maps, each against its definition, written out here."""

import math

import numpy as np
import pytest
import torch

from avs_bench.metrics import variant_counts as counts
from avs_bench.metrics import variant_rules as rules
from avs_bench.metrics.boundaries import BoundaryAreas, boundary, boundary_miou_dataset
from avs_bench.metrics.figure import NOTHING_COUNTED, NOTHING_TO_AVERAGE
from avs_bench.metrics.localisation import Hits, by_picture
from avs_bench.metrics.variant_rules import Reason
from avs_bench.metrics.variant_table import VARIANTS, variants_for
from avs_bench.metrics.variants import AnsweredClip, VariantCounts, figures_over
from vpo_builder.runtime.errors import InputError

CLASSES = 4
BY_NAME = {variant.name: variant for variant in VARIANTS}


def clips(seed=0, videos=9, frames=5, height=40, width=60):
    """Return videos of patches with probabilities; some frames and one video show no object."""
    random, made = np.random.default_rng(seed), []
    for video in range(videos):
        coarse = random.integers(0, CLASSES - 1, (frames, 4, 5)) * (video != 2)
        coarse[random.random(frames) < 0.3] = 0
        rows, columns = np.arange(height) * 4 // height, np.arange(width) * 5 // width
        target = coarse[:, rows[:, None], columns]
        noise = random.normal(0, 1.2, target.shape)
        objects = 1 / (1 + np.exp(-(3 * (target > 0) - 1.5 + noise))).astype(np.float32)
        pred = np.where(objects > 0.5, np.maximum(target, 1), 0)
        made.append(AnsweredClip(pred, target, objects.astype(np.float32), f"picture {video // 2}"))
    return made


def value(name, made):
    return BY_NAME[name].over(made, CLASSES).value


def official_j(objects, target):
    """Return AVSBench's J of a batch of frames."""
    sums = 0.0
    for p, t in zip(objects > 0.5, target > 0, strict=True):
        if t.any():
            sums += (p & t).sum() / ((p | t).sum() + 1e-7)
        else:
            sums += (~p).sum() / (t.size + 1e-7)
    return sums / len(target)


def official_f(objects, target):
    """Return AVSBench's F of a batch of frames: the best of 255 thresholds."""
    thresholds = torch.linspace(0, 1 - 1e-10, 255).numpy()
    curves = []
    for p, t in zip(objects, target > 0, strict=True):
        if t.any():
            over = p[None] >= thresholds[:, None, None]
            tp = (over & t).sum(axis=(1, 2))
            precision, recall = tp / (over.sum(axis=(1, 2)) + 1e-20), tp / (t.sum() + 1e-20)
            bottom = 0.3 * precision + recall
            curves.append(
                np.where(bottom > 0, 1.3 * precision * recall / np.maximum(bottom, 1e-30), 0)
            )
    return np.mean(curves, axis=0).max() if curves else 0.0


@pytest.mark.parametrize(
    ("size", "endings"), [(1, ("j_video", "f_video_official")), (4, (4, 4)), (9, ("all", "all"))]
)
def test_avsbench_s_j_and_f_by_batch(size, endings):
    made = clips()
    starts = range(0, len(made), size)
    pools = [
        (
            np.concatenate([c.objects for c in made[s : s + size]]),
            np.concatenate([c.target for c in made[s : s + size]]),
        )
        for s in starts
    ]
    expected = [np.mean([make(*pool) for pool in pools]) for make in (official_j, official_f)]
    names = endings if size == 1 else [f"{x}_video_official_batch_{endings[0]}" for x in "jf"]
    assert [value(name, made) for name in names] == pytest.approx(expected, abs=1e-6)
    if size == 1:
        assert value("j_and_f_video", made) == pytest.approx(np.mean(expected), abs=1e-6)


def test_f_by_batch_grows_as_batches_shrink_and_does_not_depend_on_the_order_of_answers():
    made = clips(1)
    one, four, all_ = (
        value(f"f_video_official{end}", made) for end in ("", "_batch_4", "_batch_all")
    )
    assert len({one, four, all_}) == 3
    counts = VariantCounts([BY_NAME["f_video_official_batch_4"]], CLASSES)
    for place in (3, 8, 0, 1, 2, 7, 6, 5, 4):
        counts.add(place, made[place])
    assert counts.figures()[0].value == four


def test_the_frame_family_at_224_is_that_of_stretched_masks():
    made = clips(2, height=448, width=448)
    small = [AnsweredClip(c.pred[:, 1::2, 1::2], c.target[:, 1::2, 1::2]) for c in made]
    for word in ("miou", "fscore"):
        assert value(f"{word}_frame_224", made) == value(f"{word}_frame", small)


def test_foreground_iou_is_j_at_1024():
    made = clips(3, videos=2)
    rows = ((np.arange(1024) + 0.5) * 40 / 1024).astype(int)
    columns = ((np.arange(1024) + 0.5) * 60 / 1024).astype(int)
    big = [
        (c.objects[:, rows[:, None], columns], c.target[:, rows[:, None], columns]) for c in made
    ]
    expected = np.mean([official_j(*one) for one in big])
    assert value("j_video_foreground_1024", made) == pytest.approx(expected, abs=1e-6)


def heard(made, kind):
    """Return the IoU of each frame by clip, as sound localisation cuts heat maps."""
    rows = ((np.arange(224) + 0.5) * 40 / 224).astype(int)
    columns = ((np.arange(224) + 0.5) * 60 / 224).astype(int)
    ious = []
    for clip in made:
        frames = []
        pairs = (x[:, rows[:, None], columns] for x in (clip.objects, clip.target > 0))
        for heat, truth in zip(*pairs, strict=True):
            ranked = np.sort(heat.ravel())
            if kind == "half":
                predicted = heat > ranked[224 * 224 // 2]
            elif kind == "adaptive":
                predicted = heat > ranked[224 * 224 - (int(truth.sum()) or 224 * 224 // 2)]
            else:
                predicted = heat > 0.5
            with np.errstate(invalid="ignore"):
                frames.append(
                    (predicted * truth).sum() / (truth.sum() + (predicted * ~truth).sum())
                )
        ious.append(frames)
    return ious


@pytest.mark.parametrize(
    ("kind", "ending"), [("half", ""), ("adaptive", "_adaptive"), ("mask", "_mask")]
)
def test_sound_localisation_s_ciou_auc_and_iiou(kind, ending):
    made = clips(4, frames=1)
    ious = [frames[0] for frames in heard(made, kind)]
    levels = [0.05 * step for step in range(21)]
    shares = [np.mean([iou >= level for iou in ious]) for level in levels]
    pairs = [
        min(ious[i], ious[i + 1]) if not math.isnan(ious[i] + ious[i + 1]) else -1
        for i in range(0, 8, 2)
    ]
    both = [np.mean([pair >= level for pair in pairs]) for level in levels]
    expected = {
        "ciou": shares[10],
        "ciou_auc": np.trapezoid(shares, levels),
        "iiou": both[10],
        "iiou_auc": np.trapezoid(both, levels),
    }
    figures = {name: BY_NAME[f"{name}_frame{ending}"].over(made, CLASSES) for name in expected}
    assert {figure.note for figure in figures.values()} == {""}
    found = {name: figure.value for name, figure in figures.items()}
    assert found == pytest.approx(expected, abs=1e-6)
    assert len(set(found.values())) > 1


def test_iiou_needs_a_picture_with_two_sounds():
    figure = BY_NAME["iiou_frame"].over(clips(5, videos=1), CLASSES)
    assert math.isnan(figure.value)
    assert figure.note == "no picture is heard with several sounds"


def eroded(mask, times):
    """Return a mask whose outermost pixels are taken away so often, by their eight neighbours."""
    padded = np.pad(mask, 1)
    for _ in range(times):
        kept = padded.copy()
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                kept &= np.roll(padded, (dy, dx), (0, 1))
        kept[[0, -1]] = kept[:, [0, -1]] = False
        padded = kept
    return padded[1:-1, 1:-1]


@pytest.mark.parametrize("shape", [(40, 60), (90, 130), (7, 5)])
def test_a_boundary_is_what_repeated_erosion_takes_away(shape):
    random = np.random.default_rng(0)
    mask = np.kron(random.random((5, 5)) < 0.7, np.ones((30, 30))).astype(bool)[
        : shape[0], : shape[1]
    ]
    times = max(1, round(0.02 * math.hypot(*shape)))
    assert np.array_equal(boundary(mask), mask & ~eroded(mask, times))
    assert boundary(np.ones(shape, bool))[0].all()  # the picture's edge is one


def test_boundary_iou_adds_up_the_boundaries_of_each_class_of_objects():
    made = clips(6)
    areas = np.zeros((2, CLASSES))
    for clip in made:
        for p, t in zip(clip.pred, clip.target, strict=True):
            for c in range(1, CLASSES):
                edges = [(side == c) & ~eroded(side == c, 1) for side in (p, t)]
                areas[:, c] += (edges[0] & edges[1]).sum(), (edges[0] | edges[1]).sum()
    expected = np.mean([a / b for a, b in areas.T[1:] if b])
    assert value("boundary_miou_dataset", made) == pytest.approx(expected, abs=1e-6)
    assert value("boundary_miou_dataset", made) < value("miou_foreground_dataset", made)


def test_ignored_pixels_change_nothing():
    made = clips(7, videos=4, frames=1)
    random = np.random.default_rng(0)
    worse = []
    for clip in made:
        pred, target, objects = (
            np.pad(x, [(0, 0), (0, 40), (0, 0)]) for x in (clip.pred, clip.target, clip.objects)
        )
        target[:, 40:] = 255
        pred[:, 40:] = random.integers(0, CLASSES, pred[:, 40:].shape)
        objects[:, 40:] = 0.0
        worse.append(AnsweredClip(pred, target, objects, clip.picture))
    for name in ("miou_dataset", "miou_frame", "j_video", "f_video_official", "f_video"):
        assert value(name, worse) == value(name, made)


def test_every_variant_says_in_what_it_differs_from_every_other_of_its_word():
    for variant in VARIANTS:
        for other in VARIANTS:
            if variant is not other and variant.rules.word == other.rules.word:
                assert variant.rules.unlike(other.rules), (variant.name, other.name)
        assert variant.rules.unlike(variant.rules) == ()
    assert len(BY_NAME) == len(VARIANTS)


def test_figures_carry_their_names_and_padding_is_for_avss_alone():
    figures = figures_over(clips(), CLASSES, VARIANTS)
    assert [figure.name for figure in figures] == [variant.name for variant in VARIANTS]
    assert {v.name for v in VARIANTS} - {v.name for v in variants_for("dataset")} == {
        *("miou_frame_padded_224", "fscore_frame_padded_224")
    }
    assert variants_for("frame") == VARIANTS


def test_the_reasons_come_from_the_rules_that_differ():
    rules = {name: BY_NAME[name].rules for name in ("j_video", "miou_dataset", "miou_frame")}
    reasons = {one.aspect: one for one in rules["miou_dataset"].unlike(rules["j_video"])}
    things = reasons["it counts"]
    assert (things.theirs, things.yours) == (
        *("each class by itself", "any object, whatever its class"),
    )
    assert reasons["its mean is"].yours == "over the frames of a video, then over videos"
    assert "it is counted on" not in reasons
    (only,) = rules["miou_frame"].unlike(rules["miou_dataset"])
    assert only.theirs == "over the frames that have a class, then over classes"
    (size,) = BY_NAME["miou_frame_224"].rules.unlike(rules["miou_frame"])
    assert size == Reason(
        "it is counted on", "masks stretched to 224 x 224", "masks of their own size"
    )


def test_half_of_a_heat_map_is_what_lies_above_the_pixel_in_the_middle():
    """Of four pixels the third by rank is the border, and is not above itself."""
    heat, truth = np.array([[[0.1, 0.2], [0.3, 0.4]]]), np.array([[[0, 0], [0, 1]]])
    assert Hits.of(heat, truth, "half", 255).reached.tolist() == [1] * 21
    wider = Hits.of(heat, np.array([[[0, 0], [1, 1]]]), "half", 255).reached
    assert wider.tolist() == [1] * 11 + [0] * 10  # an IoU of exactly 0.5 is a hit at 0.5
    assert Hits.of(heat, np.full((1, 2, 2), 255), "half", 255).answers == 0


def test_frames_of_a_clip_are_answers_of_their_own():
    heat = np.array([[[0.9, 0.1]], [[0.9, 0.1]], [[0.9, 0.1]]])
    labels = np.array([[[1, 0]], [[0, 1]], [[255, 255]]])
    hits = Hits.of(heat, labels, "mask", 255)
    assert hits.answers == 2  # the third shows nothing that counts
    assert hits.reached.tolist() == [2] + 20 * [1]  # an IoU of 0 is one too


def test_the_middle_of_an_odd_number_of_pixels_is_the_one_between():
    heat, truth = np.array([[[0.1, 0.2, 0.3]]]), np.array([[[0, 0, 1]]])
    assert Hits.of(heat, truth, "half", 255).reached.tolist() == [1] * 21


def test_a_picture_is_heard_with_several_sounds_where_several_of_its_answers_count():
    right, wrong = Hits(1, [1] * 21), Hits(1, [1] + [0] * 20)
    ignored = Hits(0, [0] * 21)
    assert by_picture([("a", right), ("b", wrong), ("a", wrong)]) == [wrong]
    assert by_picture([("a", right), ("a", right), ("a", ignored)]) == [right]
    two = [("a", right), ("b", wrong), ("a", right), ("b", right)]
    assert by_picture(two) == [right, wrong]
    assert by_picture([("a", right), ("a", ignored)]) == []
    assert by_picture([("", right), ("", wrong)]) == []  # pictures without a name


def test_outlines_of_single_pixels_count_and_frames_without_objects_say_so():
    none, one = np.zeros((2, 3, 3), int), np.zeros((2, 3, 3), int)
    one[0, 1, 1] = 1
    scores = BoundaryAreas.of(one, one, 3, 255)
    assert (scores.frames, scores.areas.tolist()) == (2, [[0, 1, 0]] * 3)
    assert (boundary_miou_dataset(scores).value, boundary_miou_dataset(scores).note) == (1, "")
    assert boundary_miou_dataset(BoundaryAreas.of(one, none, 3, 255)).value == 0
    ignored = np.full((2, 3, 3), 255)
    assert BoundaryAreas.of(one, ignored, 3, 255) == BoundaryAreas(3, 0, np.zeros((3, 3)))
    for target, note in ((none, NOTHING_TO_AVERAGE), (ignored, NOTHING_COUNTED)):
        figure = boundary_miou_dataset(BoundaryAreas.of(none, target, 3, 255))
        assert (figure.name, figure.note) == ("boundary_miou_dataset", note)
        assert math.isnan(figure.value)
        assert figure.rules.startswith("boundaries of 2% of the diagonal, added up")


def test_objects_without_probabilities_are_certain():
    objects = AnsweredClip([[0, 1, 2]], [[0, 0, 0]]).objects
    assert objects.tolist() == [[0, 1, 1]]
    assert objects.dtype == np.float32


def test_at_1024_ignored_pixels_are_neither_shown_nor_heard_and_one_half_is_black():
    target = np.array([[[1, 255], [0, 0]], [[255, 255], [255, 255]]])
    objects = np.array([[[1, 1], [0.5, 0.5]], [[1, 1], [1, 1]]], np.float32)
    clip = AnsweredClip((objects > 0.5).astype(int), target, objects)
    assert value("j_video_foreground_1024", [clip]) == 1
    scores = counts.video_large(clip, 2)
    assert (scores.videos, scores.frames) == (1, 1)


@pytest.mark.parametrize(("border", "levels"), [("mask", 1), ("half", 7), ("adaptive", 14)])
def test_hits_are_counted_by_the_border_that_is_asked_for(border, levels):
    """Of four quarters three are true; shown is none, the warmest and the two warmest of them."""
    warmth = np.array([[[0.1, 0.2], [0.3, 0.4]]], np.float32)
    clip = AnsweredClip(warmth > 0.5, np.array([[[0, 1], [1, 1]]]), warmth)
    assert counts.hits(border)(clip, 2).reached.sum() == levels


def test_what_is_no_class_map_is_named_by_every_way_of_counting():
    whole, halves = np.zeros((1, 2, 2), int), np.zeros((1, 2, 2))
    ways = [counts.whole_small, counts.frames_small, counts.boundaries]
    of_objects = [counts.video, counts.video_large, counts.hits("mask")]
    for count in [*ways, *of_objects]:
        with pytest.raises(InputError, match=r"^target: expected class indices"):
            count(AnsweredClip(whole, halves), 2)
    for count in ways:
        with pytest.raises(InputError, match=r"^pred: expected class indices"):
            count(AnsweredClip(halves, whole), 2)


def test_rules_are_told_as_phrases_and_changed_one_by_one():
    assert rules.VIDEO_J.told == (
        "it is the IoU",
        "it counts any object, whatever its class",
        "its mean is over the frames of a video, then over videos",
        "a pixel is predicted where an object is more probable than not",
        "a frame without an object scores the share of it that is predicted black",
        "it is counted on masks of their own size",
        "a short clip is left as it is",
    )
    plain, video = rules.DATASET_IOU, rules.VIDEO_F
    assert rules.at_side(plain, 9) == plain.but(size="masks stretched to 9 x 9")
    padding = "filled up to ten frames with background, which counts as right"
    assert rules.padded(plain) == plain.but(padding=padding)
    assert rules.occurring(plain) == plain.but(absent="is left out")
    things = "each class by itself, background left out"
    assert rules.without_background(plain) == plain.but(things=things)
    assert rules.in_batches(video, "two videos") == video.but(
        mean="over the frames of two videos, then over batches",
        border="above the one of 255 thresholds that is best for two videos",
        empty="is left out, and a batch of such frames scores 0",
    )


def test_a_choice_that_only_one_has_is_a_reason_where_there_is_no_other():
    plain = rules.VIDEO_J
    assert plain.but(weight="a").unlike(plain) == (Reason("F weighs", "a", ""),)
    assert plain.but(weight="a", mean="b").unlike(plain) == (
        Reason("its mean is", "b", plain.mean),
    )
