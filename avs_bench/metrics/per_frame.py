"""The per-frame semantic family: IoU and F of each class in each frame, as AVSS is scored.

Published in Zhou et al. (AVSBench, public code OpenNLPLab/AVSBench). A frame counts for a class if
the class is in its prediction or in its target.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from avs_bench.metrics.arrays import as_labels, check_same_shape
from avs_bench.metrics.counting import (
    BETA2,
    areas_of,
    fscore_from_areas,
    iou_from_areas,
    joint_histogram,
    nan_mean,
    out_of_range,
    ratio,
)
from avs_bench.metrics.figure import NOTHING_COUNTED, NOTHING_TO_AVERAGE, Figure
from avs_bench.metrics.record import SAME, Counts, Record, Scores, from_units, to_units
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class FrameScores(Record):
    """Sums over frames of each class's IoU and F, and in how many frames the class occurs.

    `iou_units`, `fscore_units` and `frames_with_class` are [classes]; units are 2^-40, so that
    sums are exact in any order. One frame, one video and a whole set are the same record.
    """

    classes: int = field(metadata=SAME)
    frames: int
    frames_with_class: Counts
    iou_units: Counts
    fscore_units: Counts

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        return dict.fromkeys(("frames_with_class", "iou_units", "fscore_units"), (self.classes,))

    @classmethod
    def of(cls, pred: Any, target: Any, classes: int, ignore: int = IGNORE) -> "FrameScores":
        """Score predicted against true class indices, frame by frame.

        `pred` and `target`: integer arrays [H, W] or [..., H, W] of one shape, values in
        [0, classes); pixels whose target is `ignore` are left out (AVSBench has none). Raises
        InputError when the shapes differ or a label is out of range.
        """
        pred, target = as_labels(pred, "pred"), as_labels(target, "target")
        check_same_shape(pred, target)
        if pred.ndim < 2:
            raise InputError(f"pred: expected [..., H, W], got shape {list(pred.shape)}")
        areas = []
        for frame in np.ndindex(pred.shape[:-2]):
            matrix = joint_histogram(pred[frame], target[frame], classes, ignore)
            if matrix is None:
                raise out_of_range(pred, target, classes, ignore)
            areas.append(areas_of(matrix))
        return cls._from_areas(np.array(areas).reshape(-1, 3, classes), classes)

    @classmethod
    def _from_areas(cls, areas: Counts, classes: int) -> "FrameScores":
        return cls(
            classes,
            frames=len(areas),
            frames_with_class=(areas[:, 1] + areas[:, 2] > 0).sum(axis=0),
            iou_units=to_units(iou_from_areas(areas)).sum(axis=0),
            fscore_units=to_units(fscore_from_areas(areas, BETA2, empty=0.0)).sum(axis=0),
        )

    @property
    def classes_seen(self) -> list[int]:
        """Classes that occur in some frame, predicted or true."""
        return [int(index) for index in np.flatnonzero(self.frames_with_class)]


_RULES = (
    "mean over the frames in which the class is predicted or true, then over classes; "
    "a class in no frame counts 0; ignored pixels not counted"
)


def iou_per_class_frame(scores: FrameScores) -> Scores:
    """[classes] mean IoU over the frames that have the class; 0 for a class in none."""
    return ratio(from_units(scores.iou_units), scores.frames_with_class, empty=0.0)


def fscore_per_class_frame(scores: FrameScores) -> Scores:
    """[classes] mean F (beta² = 0.3) over the frames that have the class; 0 for a class in none."""
    return ratio(from_units(scores.fscore_units), scores.frames_with_class, empty=0.0)


def miou_frame(scores: FrameScores, among: Sequence[int] | None = None) -> Figure:
    """Mean over all classes, background included, or over the class indices `among`."""
    return _mean("miou_frame", scores, iou_per_class_frame(scores), _RULES, among)


def fscore_frame(scores: FrameScores, among: Sequence[int] | None = None) -> Figure:
    """Mean F over all classes, background included, or over the class indices `among`."""
    rules = f"{_RULES}; beta squared = {BETA2:g}"
    return _mean("fscore_frame", scores, fscore_per_class_frame(scores), rules, among)


def j_and_f_frame(scores: FrameScores) -> Figure:
    """Mean of IoU and F of a class, then of all classes, background included."""
    both = (iou_per_class_frame(scores) + fscore_per_class_frame(scores)) / 2
    rules = f"{_RULES}; mean of IoU and F with beta squared = {BETA2:g}, class by class"
    return _mean("j_and_f_frame", scores, both, rules)


def _mean(
    name: str,
    scores: FrameScores,
    per_class: Scores,
    rules: str,
    among: Sequence[int] | None = None,
) -> Figure:
    chosen = list(range(per_class.size)) if among is None else list(among)
    which = "background included" if among is None else f"over classes {chosen}"
    rules = f"{rules}; {which}"
    if not scores.frames_with_class.any():
        return Figure(name, math.nan, rules, NOTHING_COUNTED)
    value = float(nan_mean(per_class[chosen]))
    return Figure(name, value, rules, NOTHING_TO_AVERAGE if math.isnan(value) else "")
