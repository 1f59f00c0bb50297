"""The dataset-level family: one confusion matrix over a whole set, as VPO and Single+ are scored.

Published in Chen et al. (arXiv 2304.02970); the definitions are those of its public evaluation
code. The other family, averaged per frame or per video, is in `per_frame` and `per_video`: the
same predictions give figures ten points apart, so the two share no name.
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
    fdr_from_areas,
    fscore_from_areas,
    iou_from_areas,
    joint_histogram,
    nan_mean,
    out_of_range,
    ratio,
)
from avs_bench.metrics.figure import NOTHING_COUNTED, NOTHING_TO_AVERAGE, Figure
from avs_bench.metrics.record import SAME, Counts, Record, Scores
from vpo_builder.dataset.schema import IGNORE


@dataclass(frozen=True, slots=True, eq=False)
class Confusion(Record):
    """Pixel counts `matrix[target class, predicted class]` of one image, a batch or a whole set.

    Records of the same classes add up (`a + b`, `sum(records)`) to exactly what one pass over all
    the pixels counts, in any order. Equal by value; the matrix is read-only.
    """

    classes: int = field(metadata=SAME)
    matrix: Counts

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        return {"matrix": (self.classes, self.classes)}

    @classmethod
    def empty(cls, classes: int) -> "Confusion":
        """The record of no pixels."""
        return cls(classes, np.zeros((classes, classes), np.int64))

    @classmethod
    def of(cls, pred: Any, target: Any, classes: int, ignore: int = IGNORE) -> "Confusion":
        """Count predicted against true class indices.

        `pred` and `target`: integer or boolean arrays of numpy or torch, of one shape, whatever it
        is ([H, W], [B, H, W], …), values in [0, classes); pixels whose target is `ignore` are left
        out, whatever is predicted there. Raises InputError when the shapes differ or a label is
        out of range.
        """
        pred, target = as_labels(pred, "pred"), as_labels(target, "target")
        check_same_shape(pred, target)
        matrix = joint_histogram(pred, target, classes, ignore)
        if matrix is None:
            raise out_of_range(pred, target, classes, ignore)
        return cls(classes, matrix)

    @property
    def pixels(self) -> int:
        """Counted pixels: all but the ignored ones."""
        return int(self.matrix.sum())

    @property
    def classes_in_target(self) -> list[int]:
        """Classes with a counted pixel in some target, for means that leave the others out."""
        return [int(index) for index in np.flatnonzero(self.matrix.sum(axis=1))]

    @property
    def areas(self) -> Counts:
        """[3, classes]: pixels of each class that are right, predicted, and in the target."""
        return areas_of(self.matrix)


_ALL = "confusion over the whole set; ignored pixels not counted"
_ABSENT_ZERO = f"{_ALL}; a class absent from prediction and target counts 0"
_ABSENT_SKIPPED = f"{_ALL}; classes with 0/0 skipped; background included"


def iou_per_class_dataset(confusion: Confusion) -> Scores:
    """[classes] IoU of every class, 0 for a class in neither prediction nor target."""
    return iou_from_areas(confusion.areas)


def miou_dataset(confusion: Confusion, among: Sequence[int] | None = None) -> Figure:
    """Mean IoU over all classes, background included, or over the class indices `among`."""
    chosen = list(range(confusion.classes)) if among is None else list(among)
    which = "background included" if among is None else f"over classes {chosen}"
    value = float(nan_mean(iou_per_class_dataset(confusion)[chosen]))
    return _figure(confusion, "miou_dataset", value, f"{_ABSENT_ZERO}; {which}")


def miou_foreground_dataset(confusion: Confusion) -> Figure:
    """Mean IoU over every class but background (index 0)."""
    value = float(nan_mean(iou_per_class_dataset(confusion)[1:]))
    rules = f"{_ABSENT_ZERO}; without background"
    return _figure(confusion, "miou_foreground_dataset", value, rules)


def fdr_dataset(confusion: Confusion, official: bool = False) -> Figure:
    """Mean over the predicted classes of FP / (FP + TP); lower is better.

    `official` rounds to 4 decimals, as the published code does before it prints.
    """
    value = float(nan_mean(fdr_from_areas(confusion.areas)))
    return _maybe_rounded(_figure(confusion, "fdr_dataset", value, _ABSENT_SKIPPED), official)


def f1_dataset(confusion: Confusion, official: bool = False) -> Figure:
    """Mean F over the classes present in prediction or target, precision and recall even."""
    return _fscore("f1_dataset", confusion, 1.0, official)


def f03_dataset(confusion: Confusion, official: bool = False) -> Figure:
    """Mean F with beta² = 0.3, which weighs precision more (the papers' F-beta)."""
    return _fscore("f03_dataset", confusion, BETA2, official)


def j_and_f_dataset(confusion: Confusion) -> Figure:
    """J&F of VPO's papers since 2024: mean of IoU and F (beta² = 0.3) of a class, then of classes.

    One rule serves both halves: a class in neither prediction nor target is skipped.
    """
    iou = iou_from_areas(confusion.areas)
    f03 = fscore_from_areas(confusion.areas, BETA2, empty=np.nan)
    rules = f"{_ABSENT_SKIPPED}; mean of IoU and F with beta squared = {BETA2:g}, class by class"
    return _figure(confusion, "j_and_f_dataset", float(nan_mean((iou + f03) / 2)), rules)


def pixel_accuracy_dataset(confusion: Confusion) -> Figure:
    """Share of the counted pixels that are right; NaN if none is counted."""
    right = int(np.diagonal(confusion.matrix).sum())
    value = float(ratio(right, confusion.pixels, empty=np.nan))
    return _figure(confusion, "pixel_accuracy_dataset", value, _ALL)


def foreground_fpr_dataset(confusion: Confusion) -> Figure:
    """False positive rate: share of the background's pixels that are predicted as an object.

    NaN without background. Where nothing in the picture sounds it is the share of the picture
    that is predicted, as AVSBench-Robust defines it (Li et al., arXiv 2502.00358; there a mean over
    frames, which is the same as long as all frames have one size).
    """
    background = confusion.matrix[0]
    value = float(ratio(int(background[1:].sum()), int(background.sum()), empty=np.nan))
    rules = f"{_ALL}; NaN without background; lower is better"
    missing = "no pixel is labelled background"
    return _figure(confusion, "foreground_fpr_dataset", value, rules, missing)


def _fscore(name: str, confusion: Confusion, beta2: float, official: bool) -> Figure:
    value = float(nan_mean(fscore_from_areas(confusion.areas, beta2, empty=np.nan)))
    rules = f"{_ABSENT_SKIPPED}; beta squared = {beta2:g}"
    return _maybe_rounded(_figure(confusion, name, value, rules), official)


def _figure(
    confusion: Confusion, name: str, value: float, rules: str, missing: str = NOTHING_TO_AVERAGE
) -> Figure:
    """Return a figure of counts; of none it has no value, whatever its rules say of a 0/0."""
    if not confusion.matrix.any():
        return Figure(name, math.nan, rules, NOTHING_COUNTED)
    return Figure(name, value, rules, missing if math.isnan(value) else "")


def _maybe_rounded(figure: Figure, official: bool) -> Figure:
    if not official:
        return figure
    rules = f"{figure.rules}; rounded to 4 decimals as the published code does"
    return Figure(f"{figure.name}_official", round(figure.value, 4), rules, figure.note)
