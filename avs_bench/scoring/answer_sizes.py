"""Brings answers to the size of the masks, as their author declares."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import nearest_labels
from avs_bench.names import Resize


def resized_scores(scores: NDArray[Any], size: tuple[int, int], resize: Resize) -> NDArray[Any]:
    """Return floats [C, H, W] at (height, width); bilinear as torch does, without antialiasing."""
    if scores.shape[-2:] == size:
        return scores
    if resize == "nearest":
        return nearest_labels(scores, size)
    wide = scores.astype(np.float32, copy=False)
    return _between(_between(wide, size[0], 1), size[1], 2)


def _between(scores: NDArray[np.float32], wanted: int, axis: int) -> NDArray[np.float32]:
    given = scores.shape[axis]
    places = np.maximum((np.arange(wanted) + 0.5) * given / wanted - 0.5, 0)
    first = places.astype(np.intp)
    second = np.minimum(first + 1, given - 1)
    shape = [1, 1, 1]
    shape[axis] = wanted
    share = (places - first).astype(np.float32).reshape(shape)
    mixed: NDArray[np.float32] = scores.take(first, axis) * (1 - share)
    mixed += scores.take(second, axis) * share
    return mixed
