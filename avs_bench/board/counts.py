"""What a page needs to compare two methods itself: sums of each picture or video, as a script."""

import json

import numpy as np

from avs_bench.metrics import Confusion, FrameScores, VideoScores
from avs_bench.metrics.record import Counts, Record
from avs_bench.results.records import ScoredSet

COMPARED = {"dataset": 6, "frame": 3, "video": 3}
"""How many of `FIGURES` three sums a class give: all but `f_video`, which takes 255 thresholds."""
SEED = 0
"""Of the resamples: that of `metrics.uncertainty`."""


def counts_script(number: int, kept: ScoredSet) -> str:
    """Return the script that hands a scored set to the page: numbers alone, no text of anybody.

    For each unit, in the order of their ids, [class, a, b, c, class, a, b, c, …] of the classes
    that are not all zero: right, predicted and labelled pixels; frames with the class, and the
    units of their IoU and F; or, as class 0, videos and the units of their J and F.
    """
    by_unit = kept.by_unit()
    units = [_flat(_sums(by_unit[unit])) for unit in sorted(by_unit)]
    told = {"classes": kept.classes if kept.family != "video" else 1, "units": units}
    return f"receive({number},{json.dumps(told, separators=(',', ':'))});\n"


def streams() -> list[list[str]]:
    """Return state and increment of the generators of resamples and of coins, in hexadecimal.

    They are numpy's PCG64, so that the page draws what `avs-bench report --compare` draws.
    """
    states = (np.random.default_rng([SEED, what]).bit_generator.state for what in (0, 1))
    return [[f"{s['state'][part]:032x}" for part in ("state", "inc")] for s in states]


def _sums(record: Record) -> Counts:
    """Return [classes, 3]."""
    if isinstance(record, Confusion):
        return record.areas.T
    if isinstance(record, FrameScores):
        parts = (record.frames_with_class, record.iou_units, record.fscore_units)
        return np.stack(parts, axis=1)
    assert isinstance(record, VideoScores), "every family is known"
    return np.array([[record.videos, record.video_iou_units, record.video_fscore_units]])


def _flat(sums: Counts) -> list[int]:
    kept = np.flatnonzero(sums.any(axis=1))
    flat: list[int] = np.concatenate([kept[:, None], sums[kept]], axis=1).ravel().tolist()
    return flat
