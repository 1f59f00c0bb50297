"""The figures in circulation that share a word and not a rule, each under a name of its own.

"mIoU" and "F" of one set of predictions differ by ten points between published codes. A variant
counts a clip at a time into a record that adds up (`count`) and makes its figure of the sum
(`figure`), so it serves a stream of clips of any length, a stored result and a translator alike.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avs_bench.metrics.arrays import Labels, as_labels, nearest_labels
from avs_bench.metrics.counting import BETA2, fscore_from_areas, iou_from_areas, nan_mean
from avs_bench.metrics.dataset_level import (
    Confusion,
    f03_dataset,
    f1_dataset,
    j_and_f_dataset,
    miou_dataset,
)
from avs_bench.metrics.figure import NOTHING_COUNTED, Figure
from avs_bench.metrics.per_frame import FrameScores, fscore_frame, j_and_f_frame, miou_frame
from avs_bench.metrics.record import Record
from vpo_builder.runtime.errors import InputError

SIDE = 224
"""Pixels of the square that AVSBench's and DDESeg's codes score on, whatever the masks' size."""
CLIP_FRAMES = 10
"""Frames that AVSBench's AVSS reader pads each clip to."""


@dataclass(frozen=True)
class Variant:
    """A figure of class maps by the rules of one code.

    `count(pred, target, classes)` takes one clip, integers [T, H, W] with 255 ignored, and returns
    its record; `figure` makes the figure of the sum of records. `printed_by` names who prints it.
    """

    name: str
    printed_by: str
    count: Callable[[Any, Any, int], Record]
    figure: Callable[[Any], Figure]

    def over(self, clips: Iterable[tuple[Any, Any]], classes: int) -> Figure:
        """Return the figure of (pred, target) pairs; raise InputError if there is none."""
        return figures_over(clips, classes, [self])[0]


def figures_over(
    clips: Iterable[tuple[Any, Any]], classes: int, variants: Sequence[Variant] = ()
) -> tuple[Figure, ...]:
    """Return the figures of `variants` (none: of all) over (pred, target) pairs, in one pass.

    Raises InputError for no clip at all, and for what `Confusion.of` and `FrameScores.of` refuse.
    """
    chosen = variants or VARIANTS
    sums: dict[Callable[[Any, Any, int], Record], Record] = {}
    for pred, target in clips:
        for count in {variant.count: None for variant in chosen}:
            record = count(pred, target, classes)
            sums[count] = sums[count] + record if count in sums else record
    if not sums:
        raise InputError("variants: expected at least one clip of predictions, got none")
    return tuple(variant.figure(sums[variant.count]) for variant in chosen)


def at_side(labels: Labels, side: int = SIDE) -> Labels:
    """Return class maps [..., H, W] as [..., side, side] by the nearest pixel's centre, as PIL."""
    return nearest_labels(labels, (side, side))


def padding_frames(count: int, classes: int) -> FrameScores:
    """Return what frames score that are all background, labelled and predicted."""
    blank = np.zeros((1, 1), np.uint8)
    one = FrameScores.of(blank, blank, classes)
    return one.with_vector(count * one.vector())


def _whole(pred: Any, target: Any, classes: int) -> Record:
    return Confusion.of(pred, target, classes)


def _whole_224(pred: Any, target: Any, classes: int) -> Record:
    return Confusion.of(*_small(pred, target), classes)


def _frames(pred: Any, target: Any, classes: int) -> Record:
    return FrameScores.of(pred, target, classes)


def _frames_padded_224(pred: Any, target: Any, classes: int) -> Record:
    scores = FrameScores.of(*_small(pred, target), classes)
    return scores + padding_frames(max(0, CLIP_FRAMES - scores.frames), classes)


def _small(pred: Any, target: Any) -> tuple[Labels, Labels]:
    return at_side(as_labels(pred, "pred")), at_side(as_labels(target, "target"))


_AT_224 = f"predictions and masks at {SIDE} x {SIDE}, by the nearest pixel"
_PADDED = (
    f"clips of fewer than {CLIP_FRAMES} frames filled up with frames of nothing but background, "
    "which count as right"
)
_DDESEG = (
    "pixels of each class added up over the whole set; ignored pixels not counted; mean over the "
    f"classes that are predicted or true somewhere, background included; {_AT_224}"
)


def _under(name: str, figure: Callable[[Any], Figure], *rules: str) -> Callable[[Any], Figure]:
    """Return a figure under another name, with more rules."""

    def renamed(record: Any) -> Figure:
        one = figure(record)
        return Figure(name, one.value, "; ".join([one.rules, *rules]), one.note)

    return renamed


def _ddeseg(name: str, beta2: float | None) -> Callable[[Any], Figure]:
    """Return DDESeg's mean IoU, or its mean F of each class's precision and recall."""

    def figure(confusion: Confusion) -> Figure:
        areas, rules = confusion.areas, _DDESEG
        if beta2 is None:
            union = areas[1] + areas[2] - areas[0]
            scores = np.where(union > 0, iou_from_areas(areas), np.nan)
        else:
            scores = fscore_from_areas(areas, beta2, empty=np.nan)
            rules += f"; beta squared = {beta2:g}"
        note = "" if confusion.pixels else NOTHING_COUNTED
        return Figure(name, float(nan_mean(scores)), rules, note)

    return figure


_CAVP = "CAVP (VPO and AVSBench-Single+ tables)"
_AVSS = "AVSBench's rules on the frames there are, at their own size; printed by this toolkit"
_OFFICIAL = "AVSBench's own code on AVSS, and all who evaluate by it"
_DDESEG_CODE = "DDESeg's code"
_JF = "VPO's papers since 2024"

VARIANTS: tuple[Variant, ...] = (
    Variant("miou_dataset", _CAVP, _whole, miou_dataset),
    Variant("f1_dataset", _CAVP, _whole, f1_dataset),
    Variant("f03_dataset", _CAVP, _whole, f03_dataset),
    Variant("j_and_f_dataset", _JF, _whole, j_and_f_dataset),
    *(
        Variant(name, _DDESEG_CODE, _whole_224, _ddeseg(name, beta2))
        for name, beta2 in (
            ("miou_dataset_ddeseg", None),
            ("f1_dataset_ddeseg", 1.0),
            ("f03_dataset_ddeseg", BETA2),
        )
    ),
    Variant("miou_frame", _AVSS, _frames, miou_frame),
    Variant("fscore_frame", _AVSS, _frames, fscore_frame),
    Variant("j_and_f_frame", _AVSS, _frames, j_and_f_frame),
    *(
        Variant(name, _OFFICIAL, _frames_padded_224, _under(name, figure, _AT_224, _PADDED))
        for name, figure in (
            ("miou_frame_padded_224", miou_frame),
            ("fscore_frame_padded_224", fscore_frame),
        )
    ),
)
"""Every variant of class maps, those of one code together."""
