"""Which figures each family is reported by, the one that its papers lead with first."""

from collections.abc import Callable, Mapping
from typing import Any

from avs_bench.metrics.dataset_level import (
    Confusion,
    f03_dataset,
    f1_dataset,
    fdr_dataset,
    miou_dataset,
    pixel_accuracy_dataset,
)
from avs_bench.metrics.figure import Family, Figure
from avs_bench.metrics.per_frame import FrameScores, fscore_frame, miou_frame
from avs_bench.metrics.per_video import VideoScores, f_video, f_video_official, j_and_f, j_video
from avs_bench.metrics.record import Record

RecordFigure = Callable[[Any], Figure]


def j_and_f_official(scores: VideoScores) -> Figure:
    """J&F with the F of the published code, batch of one video."""
    return j_and_f(j_video(scores), f_video_official(scores))


FIGURES: Mapping[Family, tuple[RecordFigure, ...]] = {
    "dataset": (miou_dataset, f1_dataset, f03_dataset, fdr_dataset, pixel_accuracy_dataset),
    "frame": (miou_frame, fscore_frame),
    "video": (j_video, f_video_official, j_and_f_official, f_video),
}

SELECTION: Mapping[Family, tuple[RecordFigure, ...]] = {
    "dataset": (miou_dataset, f1_dataset),
    "frame": (miou_frame, fscore_frame),
    "video": (j_video, f_video),
}
"""What training prints for val; the first chooses the epoch, and none depends on the batch."""

LOWER_IS_BETTER = frozenset({"fdr_dataset", "foreground_fpr_dataset"})


def part_figures(record: Record) -> tuple[RecordFigure, ...]:
    """Return the figures for a part of a set, in which most classes may be absent.

    Mean IoU and F per class are then taken over the classes that occur; the rules name them.
    """
    if isinstance(record, Confusion):
        among = record.classes_in_target

        def miou(part: Confusion) -> Figure:
            return miou_dataset(part, among)

        return miou, f1_dataset, fdr_dataset
    if isinstance(record, FrameScores):
        seen = record.classes_seen

        def miou_seen(part: FrameScores) -> Figure:
            return miou_frame(part, seen)

        def fscore_seen(part: FrameScores) -> Figure:
            return fscore_frame(part, seen)

        return miou_seen, fscore_seen
    return j_video, f_video_official
