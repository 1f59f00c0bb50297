"""The dataset-level family: one confusion matrix over a whole set, as VPO and Single+ are scored.

Published in Chen et al. (arXiv 2304.02970); the definitions are those of its public evaluation
code. The other family, averaged per frame or per video, is in `per_frame` and `per_video`: the
same predictions give figures ten points apart, so the two share no name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import (
    Labels,
    as_labels,
    check_same_shape,
    first_place,
    pixel_chunks,
)
from avs_bench.metrics.figure import Figure
from vpo_builder.errors import InputError
from vpo_builder.schema import IGNORE

Counts = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Pixel counts `matrix[target class, predicted class]` of one image, a batch or a whole set.

    Records of the same classes add up (`a + b`, `sum(records)`) to exactly what one pass over all
    the pixels counts, in any order. Equal by value; the matrix is read-only.
    """

    classes: int
    matrix: Counts

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.int64)  # a copy: the caller's stays writable
        if self.classes < 1 or matrix.shape != (self.classes, self.classes):
            raise InputError(
                f"confusion matrix: expected {self.classes} x {self.classes}, at least 1 x 1, "
                f"got {list(matrix.shape)}; one row and one column per class, background included"
            )
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)

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
        sides = classes + 1  # the last row and column collect what is no class
        counts = np.zeros(sides * sides, np.int64)
        ignored = 0
        for some_pred, some_target in pixel_chunks(pred, target):
            counts += _joint_counts(some_pred, some_target, classes)
            ignored += int(np.count_nonzero(some_target == ignore))
        matrix = counts.reshape(sides, sides)
        if 0 <= ignore < classes:
            matrix[ignore] = 0
            ignored = 0
        if matrix[classes].sum() != ignored or matrix[:classes, classes].any():
            _raise_out_of_range(pred, target, classes, ignore)
        return cls(classes, matrix[:classes, :classes])

    def __add__(self, other: object) -> "Confusion":
        if not isinstance(other, Confusion):
            return NotImplemented
        if other.classes != self.classes:
            raise InputError(
                f"confusion matrices of {self.classes} and {other.classes} classes do not add up; "
                "score both with one class table"
            )
        return Confusion(self.classes, self.matrix + other.matrix)

    def __radd__(self, other: object) -> "Confusion":
        # sum() starts from the integer 0
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Confusion):
            return NotImplemented
        return self.classes == other.classes and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash((self.classes, self.matrix.tobytes()))

    @property
    def pixels(self) -> int:
        """Counted pixels: all but the ignored ones."""
        return int(self.matrix.sum())

    @property
    def areas(self) -> Counts:
        """[3, classes]: pixels of each class that are right, predicted, and in the target.

        All that the figures below need; 3C numbers per image instead of C² to keep for a
        bootstrap.
        """
        diagonal = np.diagonal(self.matrix)
        return np.stack([diagonal, self.matrix.sum(axis=0), self.matrix.sum(axis=1)])


def _joint_counts(pred: Labels, target: Labels, classes: int) -> Counts:
    """Histogram of (target, pred) over `classes + 1` sides, flat; the last is "no class".

    The codes have the narrowest type that holds them: the passes over the pixels are bound by
    memory, not arithmetic.
    """
    sides = classes + 1
    code_type = np.min_scalar_type(sides * sides - 1)
    codes = _clamped(target, classes).astype(code_type)
    codes *= code_type.type(sides)
    codes += _clamped(pred, classes).astype(code_type, copy=False)
    return np.bincount(codes, minlength=sides * sides)


def _clamped(labels: Labels, classes: int) -> Labels:
    """Labels with everything out of range, negative ones too, replaced by `classes`."""
    if classes > np.iinfo(labels.dtype).max:
        labels = labels.astype(np.int64)
    unsigned = labels.view(f"u{labels.dtype.itemsize}")  # −1 becomes the largest value
    clamped: Labels = np.minimum(unsigned, unsigned.dtype.type(classes))
    return clamped


def _raise_out_of_range(pred: Labels, target: Labels, classes: int, ignore: int) -> None:
    counted = target != ignore
    for name, labels in (("target", target), ("pred", pred)):
        wrong = counted & ((labels < 0) | (labels >= classes))
        if wrong.any():
            label = int(labels[wrong][0])
            raise InputError(
                f"{name}: label {label} {first_place(wrong)}: expected 0 to {classes - 1}, "
                f"ignored is {ignore}; check the number of classes and the mask's class table"
            )


def iou_from_areas(areas: NDArray[Any]) -> Scores:
    """IoU per class from `areas` [..., 3, C]; a class in neither picture scores 0.

    [..., C]. Upstream divides by union + eps, which differs only where the union is 0.
    """
    right, predicted, true = _split(areas)
    return _ratio(right, predicted + true - right, empty=0.0)


def fdr_from_areas(areas: NDArray[Any]) -> Scores:
    """False discovery rate FP / (FP + TP) per class, [..., C]; NaN where nothing is predicted."""
    right, predicted, _ = _split(areas)
    return _ratio(predicted - right, predicted, empty=np.nan)


def fscore_from_areas(areas: NDArray[Any], beta2: float) -> Scores:
    """F per class, [..., C]; `beta2` is beta squared. NaN for a class in neither picture.

    (1 + b) TP / ((1 + b) TP + b FN + FP), with FN + TP the true and FP + TP the predicted area.
    """
    right, predicted, true = _split(areas)
    return _ratio((1 + beta2) * right, beta2 * true + predicted, empty=np.nan)


def _split(areas: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return areas[..., 0, :], areas[..., 1, :], areas[..., 2, :]


def _ratio(part: NDArray[Any], whole: NDArray[Any], empty: float) -> Scores:
    filled = np.full(np.shape(whole), empty, np.float64)
    np.divide(part, whole, out=filled, where=np.asarray(whole) != 0)
    return filled


def nan_mean(scores: Scores) -> Scores:
    """Mean over the last axis of what is not NaN; NaN, without a warning, if nothing is left."""
    known = ~np.isnan(scores)
    return _ratio(np.where(known, scores, 0).sum(axis=-1), known.sum(axis=-1), empty=np.nan)


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
    value = float(iou_per_class_dataset(confusion)[chosen].mean())
    return Figure("miou_dataset", value, f"{_ABSENT_ZERO}; {which}")


def miou_foreground_dataset(confusion: Confusion) -> Figure:
    """Mean IoU over every class but background (index 0)."""
    ious = iou_per_class_dataset(confusion)[1:]
    value = float(ious.mean()) if ious.size else float("nan")
    return Figure("miou_foreground_dataset", value, f"{_ABSENT_ZERO}; without background")


def fdr_dataset(confusion: Confusion, official: bool = False) -> Figure:
    """Mean over the predicted classes of FP / (FP + TP); lower is better.

    `official` rounds to 4 decimals, as the published code does before it prints.
    """
    value = float(nan_mean(fdr_from_areas(confusion.areas)))
    return _maybe_rounded(Figure("fdr_dataset", value, _ABSENT_SKIPPED), official)


def f1_dataset(confusion: Confusion, official: bool = False) -> Figure:
    """Mean F over the classes present in prediction or target, precision and recall even."""
    return _fscore("f1_dataset", confusion, 1.0, official)


def f03_dataset(confusion: Confusion, official: bool = False) -> Figure:
    """Mean F with beta² = 0.3, which weighs precision more (the papers' F-beta)."""
    return _fscore("f03_dataset", confusion, 0.3, official)


def pixel_accuracy_dataset(confusion: Confusion) -> Figure:
    """Share of the counted pixels that are right; NaN if none is counted."""
    right = np.asarray(np.diagonal(confusion.matrix).sum())
    value = float(_ratio(right, np.asarray(confusion.pixels), empty=np.nan))
    return Figure("pixel_accuracy_dataset", value, _ALL)


def _fscore(name: str, confusion: Confusion, beta2: float, official: bool) -> Figure:
    value = float(nan_mean(fscore_from_areas(confusion.areas, beta2)))
    rules = f"{_ABSENT_SKIPPED}; beta squared = {beta2:g}"
    return _maybe_rounded(Figure(name, value, rules), official)


def _maybe_rounded(figure: Figure, official: bool) -> Figure:
    if not official:
        return figure
    rules = f"{figure.rules}; rounded to 4 decimals as the published code does"
    return Figure(f"{figure.name}_official", round(figure.value, 4), rules)
