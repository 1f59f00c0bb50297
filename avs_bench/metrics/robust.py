"""AVSBench-Robust's figures of a model that is given wrong sounds: G-mIoU, G-F and G-FPR.

Li et al., *Do Audio-Visual Segmentation Models Truly Segment Sounding Objects?* (arXiv 2502.00358).
Their code (jiali-home/AVSBench-Robust, scripts/*/test.py) scores each sound by itself, the wrong
ones against the masks of the right sound too, and leaves the G figures to a spreadsheet that is
not published. G-mIoU as it is made here gives 23.79 for a model that scores 86.20 whatever it
hears, which is what papers print of such a one; what G-FPR averages is our reading.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from avs_bench.metrics.counting import BETA2, ratio
from avs_bench.metrics.dataset_level import Confusion
from avs_bench.metrics.figure import NOTHING_COUNTED, Figure

ROBUST = G_MIOU, G_F, G_FPR = "G-mIoU", "G-F", "G-FPR"
_OBJECT = "any class is the object; ignored pixels not counted"
_IOU = (
    "the IoU of each frame, then the mean; a frame without object scores the share of its pixels "
    "predicted black"
)
_F = (
    f"of each frame that shows an object, beta squared = {BETA2:g}, at the better of two "
    "thresholds for the whole set, the one that made the masks and 0, since class maps keep no "
    "others; then the mean"
)
_WRONG = "over the wrong sounds, each scored against the masks of the right sound"


@dataclass(frozen=True)
class SoundScores:
    """What frames score under one sound: mIoU, F and share of pixels predicted, in [0, 1].

    NaN where no pixel is counted, and for an F without any object.
    """

    miou: float
    f: float
    fpr: float


def sound_scores(frames: Iterable[Confusion]) -> SoundScores:
    """Return the scores of frames, one record each, as `mask_iou` and `Eval_Fmeasure` make them.

    Those take logits; of class maps they see the thresholds 0 and above it only.
    """
    counts = [
        (right, wrong, missed, black)
        for record in frames
        if (matrix := record.matrix).any()
        for black, wrong in [(matrix[0, 0], matrix[0, 1:].sum())]
        for missed, right in [(matrix[1:, 0].sum(), matrix[1:, 1:].sum())]
    ]
    if not counts:
        return SoundScores(math.nan, math.nan, math.nan)
    right, wrong, missed, black = np.array(counts, np.float64).T
    pixels, labelled = right + wrong + missed + black, right + missed
    shows = labelled > 0
    ious = np.where(shows, ratio(right, right + wrong + missed, empty=0), black / pixels)
    curves = [
        ratio((1 + BETA2) * hits[shows], BETA2 * labelled[shows] + predicted[shows], empty=0)
        for hits, predicted in ((labelled, pixels), (right, right + wrong))
    ]
    best = max(float(curve.mean()) for curve in curves) if shows.any() else math.nan
    return SoundScores(float(ious.mean()), best, float(((right + wrong) / pixels).mean()))


def g_miou(right: SoundScores, wrong: Sequence[SoundScores]) -> Figure:
    """G-mIoU: harmonic mean of the mIoU with the right sound and 1 − that with wrong ones."""
    value = _harmonic(right.miou, 1 - _mean([one.miou for one in wrong]))
    return _figure(G_MIOU, value, f"harmonic mean of mIoU and 1 - mean mIoU {_WRONG}; mIoU: {_IOU}")


def g_f(right: SoundScores, wrong: Sequence[SoundScores]) -> Figure:
    """G-F: harmonic mean of the F with the right sound and 1 − that with wrong ones."""
    value = _harmonic(right.f, 1 - _mean([one.f for one in wrong]))
    return _figure(G_F, value, f"harmonic mean of F and 1 - mean F {_WRONG}; F: {_F}")


def g_fpr(wrong: Sequence[SoundScores]) -> Figure:
    """G-FPR: the share of a frame's pixels that is predicted under wrong sounds; less is better."""
    rules = "share of each frame's pixels predicted, mean over frames, then over the wrong sounds"
    return _figure(G_FPR, _mean([one.fpr for one in wrong]), f"{rules}; lower is better")


def _harmonic(first: float, second: float) -> float:
    return 2 * first * second / (first + second) if first + second else 0.0


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _figure(name: str, value: float, rules: str) -> Figure:
    return Figure(name, value, f"{rules}; {_OBJECT}", NOTHING_COUNTED if math.isnan(value) else "")
