"""Each variant against its definition, written out here pixel by pixel or class by class."""

import math

import numpy as np
import pytest
from PIL import Image

from avs_bench.metrics import Confusion, Figure
from avs_bench.metrics.variant_counts import at_side, padding_frames
from avs_bench.metrics.variant_table import VARIANTS, _ddeseg, _under
from avs_bench.metrics.variants import AnsweredClip, figures_over
from vpo_builder.runtime.errors import InputError

CLASSES = 6
BY_NAME = {variant.name: variant for variant in VARIANTS}


def clips(seed=0, sizes=((5, 40, 60), (10, 300, 250), (5, 224, 224))):
    """Return clips of patches in which the last class occurs nowhere."""
    random = np.random.default_rng(seed)
    made = []
    for frames, height, width in sizes:
        coarse = random.integers(0, CLASSES - 1, (2, frames, 4, 5))
        rows, columns = np.arange(height) * 4 // height, np.arange(width) * 5 // width
        pred, target = coarse[:, :, rows[:, None], columns]
        made.append((np.where(random.random(target.shape) < 0.6, target, pred), target))
    return made


def answered(made):
    return [AnsweredClip(pred, target, picture="one") for pred, target in made]


def small(labels):
    """Return a map [H, W] at 224 x 224, resized by PIL."""
    image = Image.fromarray(labels.astype(np.uint8))
    return np.asarray(image.resize((224, 224), Image.Resampling.NEAREST))


def official_avss(made):
    """Return mIoU and F as AVSBench's code makes them: frames of padding are background, found."""
    sums, counts = np.zeros((2, CLASSES)), np.zeros(CLASSES)
    for pred, target in made:
        frames = [(small(p), small(t)) for p, t in zip(pred, target, strict=True)]
        frames += [(np.zeros((224, 224)),) * 2] * (10 - len(frames))
        for p, t in frames:
            for c in range(CLASSES):
                hit, either = ((p == c) & (t == c)).sum(), ((p == c) | (t == c)).sum()
                if not either:
                    continue
                counts[c] += 1
                precision = hit / max((p == c).sum(), 1)
                recall = hit / max((t == c).sum(), 1)
                bottom = 0.3 * precision + recall
                sums[:, c] += hit / either, 1.3 * precision * recall / bottom if bottom else 0
    return (sums / np.maximum(counts, 1)).mean(axis=1)


def ddeseg(made):
    """Return mIoU, F1 and F0.3 from sums of tp, fp and fn over the whole set."""
    pixels = [
        np.concatenate(
            [small(one[side]).ravel() for pair in made for one in zip(*pair, strict=True)]
        )
        for side in (0, 1)
    ]
    pred, target = pixels
    rows = []
    for c in range(CLASSES):
        tp = ((pred == c) & (target == c)).sum()
        fp, fn = ((pred == c) & (target != c)).sum(), ((pred != c) & (target == c)).sum()
        if not tp + fp + fn:
            continue
        precision = tp / (tp + fp) if tp + fp else 0.0
        recall = tp / (tp + fn) if tp + fn else 0.0
        row = [tp / (tp + fp + fn)]
        for beta2 in (1, 0.3):
            bottom = beta2 * precision + recall
            row.append((1 + beta2) * precision * recall / bottom if bottom else 0.0)
        rows.append(row)
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_official_avss_figure_counts_padding_and_small_masks(seed):
    made = clips(seed)
    names = ("miou_frame_padded_224", "fscore_frame_padded_224")
    found = [BY_NAME[name].over(answered(made), CLASSES).value for name in names]
    assert found == pytest.approx(official_avss(made), rel=1e-6)
    plain = BY_NAME["miou_frame"].over(answered(made), CLASSES).value
    assert abs(found[0] - plain) > 1e-3


@pytest.mark.parametrize("seed", [0, 1])
def test_ddeseg_s_figures_are_sums_over_the_set_and_means_over_classes_that_occur(seed):
    made = clips(seed)
    names = ("miou_dataset_ddeseg", "f1_dataset_ddeseg", "f03_dataset_ddeseg")
    found = [BY_NAME[name].over(answered(made), CLASSES).value for name in names]
    assert found == pytest.approx(ddeseg(made), rel=1e-6)
    absent_as_zero = BY_NAME["miou_dataset"].over(answered(made[2:]), CLASSES).value
    assert BY_NAME["miou_dataset_ddeseg"].over(answered(made[2:]), CLASSES).value == pytest.approx(
        absent_as_zero * CLASSES / (CLASSES - 1)
    )


def test_a_clip_of_ten_frames_is_not_padded():
    made = clips(2, sizes=((10, 224, 224), (12, 224, 224)))
    padded, plain = (
        BY_NAME[n].over(answered(made), CLASSES) for n in ("miou_frame_padded_224", "miou_frame")
    )
    assert padded.value == plain.value


def test_padding_is_perfect_background():
    scores = padding_frames(3, CLASSES)
    assert (scores.frames, scores.classes_seen) == (3, [0])
    assert scores.frames_with_class[0] == 3


@pytest.mark.parametrize("shape", [(40, 60), (225, 223), (448, 1000), (224, 224), (1, 3)])
def test_the_nearest_pixel_is_pil_s(shape):
    labels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    assert np.array_equal(at_side(labels), small(labels))


def test_one_pass_gives_what_each_gives_and_names_and_rules_are_its_own():
    made = clips(3)
    figures = figures_over(iter(answered(made)), CLASSES, VARIANTS)
    assert [figure.name for figure in figures] == list(BY_NAME)
    assert len({figure.rules for figure in figures}) == len(figures)
    for variant, figure in zip(VARIANTS, figures, strict=True):
        assert figure == variant.over(answered(made), CLASSES)
        assert variant.printed_by


def test_nothing_counted_has_no_figure_and_no_clip_is_an_error():
    ignored = [(np.zeros((5, 8, 8), int), np.full((5, 8, 8), 255))]
    for variant in VARIANTS:
        figure = variant.over(answered(ignored), CLASSES)
        if "padded" not in figure.name:  # its padding is counted, as in the published code
            assert math.isnan(figure.value)
            assert figure.note.startswith("no pixel is counted")
    with pytest.raises(InputError, match="at least one clip"):
        figures_over([], CLASSES, VARIANTS)


@pytest.mark.parametrize(
    ("name", "beta2"),
    [("miou_dataset_ddeseg", None), ("f1_dataset_ddeseg", 1.0), ("f03_dataset_ddeseg", 0.3)],
)
def test_a_figure_of_ddeseg_made_anew_is_the_listed_one(name, beta2):
    pred, target = clips()[0]
    for record in (Confusion.of(pred, target, CLASSES), Confusion.empty(CLASSES)):
        assert str(_ddeseg(name, beta2)(record)) == str(BY_NAME[name].figure(record))
    assert BY_NAME[name].figure(Confusion.empty(CLASSES)).note


def test_a_figure_under_another_name_keeps_value_and_note_and_adds_to_the_rules():
    one = Figure("miou_frame", 0.5, "mean", "noted")
    renamed = _under("miou_frame_small", lambda record: one if record == "r" else None, "at 1", "b")
    assert renamed("r") == Figure("miou_frame_small", 0.5, "mean; at 1; b", "noted")
