"""Counting pixels by pair of labels, and the ratios that all families make of the counts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import Labels, first_place
from avs_bench.metrics.record import Counts, Scores
from vpo_builder.runtime.errors import InputError

BETA2 = 0.3
"""Beta squared of the F that both papers report; below 1, so precision weighs more than recall."""

CHUNK_PIXELS = 1 << 17
"""Pixels counted at a time: the working memory stays in the cache, far below the inputs' size."""

SHORT_RUN = 8
"""Mean length in pixels below which counting pixels is faster than counting runs (measured)."""

SAMPLED_PIXELS = 1 << 12
"""Pixels whose runs tell whether those of a whole chunk are worth looking for."""


def pixel_chunks(*arrays: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
    """Arrays of one shape as flat pieces of at most CHUNK_PIXELS.

    Arrays cut out of larger ones (crops of a padded batch) are walked image by image, so that
    never more than one image is copied.
    """
    contiguous = all(array.flags.c_contiguous for array in arrays)
    if not contiguous and arrays[0].ndim > 2:
        for pieces in zip(*arrays, strict=True):
            yield from pixel_chunks(*pieces)
        return
    flat = [array.ravel() for array in arrays]
    for start in range(0, flat[0].size, CHUNK_PIXELS):
        yield tuple(array[start : start + CHUNK_PIXELS] for array in flat)


def joint_histogram(pred: Labels, target: Labels, classes: int, ignore: int) -> Counts | None:
    """Pixels by [target, pred], [classes, classes]; None if a counted label is no class.

    Labels out of range are found from the counts themselves: no pass over the pixels is spent on
    looking for them.
    """
    clean = _all_below(pred, classes) and _all_below(target, classes)
    sides = classes if clean else classes + 1  # the last row and column collect what is no class
    counts = np.zeros((sides, sides), np.int64)
    ignored = 0
    for some_pred, some_target in pixel_chunks(pred, target):
        if clean:
            counts += _pair_counts(some_pred, some_target, sides)
        else:
            ignored += int(np.count_nonzero(some_target == ignore))
            clamped = _clamped(some_pred, classes), _clamped(some_target, classes)
            counts += _pair_counts(*clamped, sides)
    if 0 <= ignore < classes:
        counts[ignore] = ignored = 0
    if not clean and (counts[classes].sum() != ignored or counts[:classes, classes].any()):
        return None
    return counts[:classes, :classes]


def _pair_counts(pred: Labels, target: Labels, sides: int) -> Counts:
    """[sides, sides]: pixels by (target, pred), both [pixels], of labels below `sides`.

    The codes have the narrowest type that holds them: the passes over the pixels are bound by
    memory, not arithmetic. Masks are patches: a picture has a hundred times fewer runs than
    pixels, and finding them is cheaper than counting; where they are short (noise) it is not.
    """
    code_type = np.min_scalar_type(sides * sides - 1)
    codes: Labels = np.multiply(target, code_type.type(sides), dtype=code_type, casting="unsafe")
    codes += pred.astype(code_type)
    lengths = None
    if _has_long_runs(codes[:SAMPLED_PIXELS]) and _has_long_runs(codes):
        ends = np.append(np.flatnonzero(codes[1:] != codes[:-1]), codes.size - 1)
        codes, lengths = codes[ends], np.diff(ends, prepend=-1)
    counts = np.bincount(codes, weights=lengths, minlength=sides * sides)
    whole = counts.astype(np.int64)  # weighted: whole floats, exact below 2^53
    return whole.reshape(sides, sides)


def _has_long_runs(codes: Labels) -> bool:
    return int(np.count_nonzero(codes[1:] != codes[:-1])) * SHORT_RUN <= codes.size


def _all_below(labels: Labels, classes: int) -> bool:
    """Tell whether every label is in [0, classes)."""
    if classes > np.iinfo(labels.dtype).max:
        return bool(labels.min(initial=0) >= 0)
    return bool(labels.view(f"u{labels.dtype.itemsize}").max(initial=0) < classes)


def _clamped(labels: Labels, classes: int) -> Labels:
    """A copy of the labels with everything out of range, negative ones too, made `classes`."""
    if classes > np.iinfo(labels.dtype).max:
        labels = labels.astype(np.int64)
    unsigned = labels.view(f"u{labels.dtype.itemsize}")  # −1 becomes the largest value
    clamped: Labels = np.minimum(unsigned, unsigned.dtype.type(classes))
    return clamped


def out_of_range(pred: Labels, target: Labels, classes: int, ignore: int) -> InputError:
    """The error that names the first label that is no class, and its place."""
    counted = target != ignore
    for name, labels in (("target", target), ("pred", pred)):
        wrong = counted & ((labels < 0) | (labels >= classes))
        if wrong.any():
            return InputError(
                f"{name}: label {int(labels[wrong][0])} {first_place(wrong)}: expected 0 to "
                f"{classes - 1}, ignored is {ignore}; check the number of classes and the mask's "
                "class table"
            )
    raise AssertionError("every label is in range")


def areas_of(matrix: Counts) -> Counts:
    """[3, C]: pixels of each class that are right, predicted, and true, of a [C, C] histogram."""
    return np.array([np.diagonal(matrix), matrix.sum(axis=0), matrix.sum(axis=1)])


def iou_from_areas(areas: NDArray[Any]) -> Scores:
    """IoU per class from `areas` [..., 3, C]; a class in neither picture scores 0.

    [..., C]. Upstream divides by union + eps, which differs only where the union is 0.
    """
    right, predicted, true = _split(areas)
    return ratio(right, predicted + true - right, empty=0.0)


def fdr_from_areas(areas: NDArray[Any]) -> Scores:
    """False discovery rate FP / (FP + TP) per class, [..., C]; NaN where nothing is predicted."""
    right, predicted, _ = _split(areas)
    return ratio(predicted - right, predicted, empty=np.nan)


def fscore_from_areas(areas: NDArray[Any], beta2: float, empty: float) -> Scores:
    """F per class, [..., C]; `beta2` is beta squared, `empty` what a class in neither scores.

    (1 + b) TP / ((1 + b) TP + b FN + FP), with FN + TP the true and FP + TP the predicted area.
    """
    right, predicted, true = _split(areas)
    return ratio((1 + beta2) * right, beta2 * true + predicted, empty=empty)


def _split(areas: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return areas[..., 0, :], areas[..., 1, :], areas[..., 2, :]


def ratio(part: NDArray[Any] | int, whole: NDArray[Any] | int, empty: float) -> Scores:
    """Return part / whole in float64, `empty` where whole is 0, without a warning."""
    whole = np.asarray(whole)
    filled = np.full(np.broadcast(part, whole).shape, empty, np.float64)
    np.divide(part, whole, out=filled, where=whole != 0)
    return filled


def nan_mean(scores: Scores) -> Scores:
    """Mean over the last axis of what is not NaN; NaN, without a warning, if nothing is left."""
    known = ~np.isnan(scores)
    return ratio(np.where(known, scores, 0).sum(axis=-1), known.sum(axis=-1), empty=np.nan)
