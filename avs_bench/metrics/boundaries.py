"""Boundary IoU: how well outlines fit, which an IoU of large objects hardly shows.

Cheng et al., *Boundary IoU* (CVPR 2021, arXiv 2103.16562): the pixels of a mask that are no
further from its outline than 2 % of the picture's diagonal stand for it.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.counting import iou_from_areas, nan_mean
from avs_bench.metrics.figure import NOTHING_COUNTED, NOTHING_TO_AVERAGE, Figure
from avs_bench.metrics.record import SAME, Counts, Record

SHARE = 0.02
"""Of the diagonal: the published width of a boundary."""


@dataclass(frozen=True, slots=True, eq=False)
class BoundaryAreas(Record):
    """`areas` [3, classes]: boundary pixels of each class right, predicted and true.

    `frames` are those with a pixel that is not ignored.
    """

    classes: int = field(metadata=SAME)
    frames: int
    areas: Counts

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        return {"areas": (3, self.classes)}

    @classmethod
    def of(cls, pred: Any, target: Any, classes: int, ignore: int) -> "BoundaryAreas":
        """Count class maps [T, H, W] of objects; background, class 0, has no outline of its own.

        Pixels whose target is `ignore` are left out of both boundaries.
        """
        areas, frames = np.zeros((3, classes), np.int64), 0
        for some, labels in zip(pred, target, strict=True):
            counted = labels != ignore
            frames += bool(counted.any())
            for index in np.union1d(some[counted], labels[counted]):
                if index:
                    edges = [boundary(side == index) & counted for side in (some, labels)]
                    sums = [(edges[0] & edges[1]).sum(), edges[0].sum(), edges[1].sum()]
                    areas[:, index] += sums
        return cls(classes, frames, areas)


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask [H, W] that are near its outline, the picture's edge included."""
    width = max(1, round(SHARE * math.hypot(*mask.shape)))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    edge = mask.copy()
    if rows.size:  # all of it lies in this box, and most boxes are small
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        inner = mask[box]
        for axis in (0, 1):
            inner = _inside(inner, width, axis)
        edge[box] &= ~inner
    return edge


def _inside(mask: NDArray[np.bool_], width: int, axis: int) -> NDArray[np.bool_]:
    """Return the pixels around which `width` to both sides are in the mask; outside is not."""
    room = [(0, 0), (0, 0)]
    room[axis] = (width + 1, width)
    sums = np.pad(mask, room).cumsum(axis=axis, dtype=np.int32)
    length, span = mask.shape[axis], 2 * width + 1
    above, below = (np.take(sums, range(start, start + length), axis) for start in (span, 0))
    return np.asarray(above - below == span)


def boundary_miou_dataset(scores: BoundaryAreas) -> Figure:
    """Mean over the classes of objects that occur of the IoU of their boundaries, all summed up."""
    rules = (
        f"boundaries of {SHARE:.0%} of the diagonal, added up over the set; mean over the classes "
        "that are predicted or true somewhere, without background; ignored pixels not counted"
    )
    occurs = scores.areas.any(axis=0)
    value = float(nan_mean(np.where(occurs, iou_from_areas(scores.areas), np.nan)))
    missing = NOTHING_TO_AVERAGE if scores.frames else NOTHING_COUNTED
    return Figure("boundary_miou_dataset", value, rules, missing if math.isnan(value) else "")
