"""Connected components of a mask: pixels that touch, at a corner too."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def components(mask: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the places of each component's pixels in the flat mask [H, W], the first pixel first.

    Runs of a row are joined with those of the row above that they touch.
    """
    width = mask.shape[1] + 1  # with a column beside it, so that no run reaches the next row
    steps = np.diff(np.pad(mask, ((0, 0), (0, 1))).ravel(), prepend=np.int8(0))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    first = np.searchsorted(ends, starts - width)
    last = np.searchsorted(starts, ends - width, "right")
    root = list(range(len(starts)))
    for run in np.flatnonzero(first < last).tolist():
        for above in range(int(first[run]), int(last[run])):
            one, other = _root(root, run), _root(root, above)
            root[max(one, other)] = min(one, other)
    runs: dict[int, list[NDArray[Any]]] = {}
    for run, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        shift = start // width  # the column beside it, once for each row above
        runs.setdefault(_root(root, run), []).append(np.arange(start - shift, end - shift))
    return [np.concatenate(found) for found in runs.values()]


def _root(root: list[int], run: int) -> int:
    while root[run] != run:
        root[run] = root[root[run]]
        run = root[run]
    return run
