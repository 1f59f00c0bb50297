"""The record that each family counts in."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from avs_bench.metrics.dataset_level import Confusion
from avs_bench.metrics.instances import InstanceScores
from avs_bench.metrics.listening import ListeningScores
from avs_bench.metrics.per_frame import FrameScores
from avs_bench.metrics.per_video import VideoScores
from avs_bench.metrics.record import Record
from avs_bench.names import Family
from vpo_builder.dataset.schema import IGNORE

RECORDS: Mapping[Family, Callable[[int], Callable[..., Record]]] = {
    "dataset": lambda classes: partial(Confusion.of, classes=classes),
    "frame": lambda classes: partial(FrameScores.of, classes=classes),
    "video": lambda _: partial(VideoScores.of, ignore=IGNORE),
    "instances": lambda classes: partial(InstanceScores.of, classes=classes),
    "listening": lambda _: partial(ListeningScores.of, ignore=IGNORE),
}
"""What counts predictions against targets, for so many classes."""


def blank_record(family: Family, classes: int) -> Record:
    """Return the record of nothing in a family."""
    if family == "dataset":
        return Confusion.empty(classes)
    if family == "video":
        return VideoScores.empty()
    if family == "instances":
        return InstanceScores.empty(classes)
    if family == "listening":
        return ListeningScores.empty()
    nothing = np.zeros(classes, np.int64)
    return FrameScores(classes, 0, nothing, nothing, nothing)
