"""Which figures each family is reported by, the one that its papers lead with first."""

from collections.abc import Callable, Mapping
from typing import Any

from avs_bench.metrics.dataset_level import (
    Confusion,
    f03_dataset,
    f1_dataset,
    fdr_dataset,
    j_and_f_dataset,
    miou_dataset,
    pixel_accuracy_dataset,
)
from avs_bench.metrics.figure import Figure
from avs_bench.metrics.instances import (
    accuracy_instances,
    ap50_instances,
    ap_instances,
    chance_instances,
)
from avs_bench.metrics.listening import (
    deaf_listening,
    every_sound_listening,
    listening_score,
    listening_score_soft,
)
from avs_bench.metrics.per_frame import FrameScores, fscore_frame, j_and_f_frame, miou_frame
from avs_bench.metrics.per_video import VideoScores, f_video, f_video_official, j_and_f, j_video
from avs_bench.names import Family, OwnFamily

RecordFigure = Callable[[Any], Figure]


def j_and_f_official(scores: VideoScores) -> Figure:
    """J&F with the F of the published code, batch of one video."""
    return j_and_f(j_video(scores), f_video_official(scores))


FIGURES: Mapping[Family, tuple[RecordFigure, ...]] = {
    "dataset": (
        miou_dataset,
        f1_dataset,
        f03_dataset,
        j_and_f_dataset,
        fdr_dataset,
        pixel_accuracy_dataset,
    ),
    "frame": (miou_frame, fscore_frame, j_and_f_frame),
    "video": (j_video, f_video_official, j_and_f_official, f_video),
    "instances": (accuracy_instances, chance_instances, ap_instances, ap50_instances),
    "listening": (listening_score, listening_score_soft, every_sound_listening, deaf_listening),
}

SELECTION: Mapping[OwnFamily, tuple[RecordFigure, ...]] = {
    "dataset": (miou_dataset, f1_dataset),
    "frame": (miou_frame, fscore_frame),
    "video": (j_video, f_video),
}
"""What training prints for val; the first chooses the epoch, and none depends on the batch."""

LOWER_IS_BETTER = frozenset({"fdr_dataset", "foreground_fpr_dataset"})

REFERENCES = frozenset({"chance_instances", "deaf_listening"})
"""What the figures beside them are read against: more or less of them is neither good nor bad."""


def miou_of_present(confusion: Confusion) -> Figure:
    """Mean IoU over the classes in the targets: for parts of a set, which lack classes."""
    return miou_dataset(confusion, confusion.classes_in_target)


def miou_of_seen(scores: FrameScores) -> Figure:
    """Mean IoU over the classes that are predicted or true in some frame."""
    return miou_frame(scores, scores.classes_seen)


def fscore_of_seen(scores: FrameScores) -> Figure:
    """Mean F over the classes that are predicted or true in some frame."""
    return fscore_frame(scores, scores.classes_seen)


PART_FIGURES: Mapping[Family, tuple[RecordFigure, ...]] = {
    "dataset": (miou_of_present, f1_dataset, fdr_dataset),
    "frame": (miou_of_seen, fscore_of_seen),
    "video": (j_video, f_video_official),
    "instances": (accuracy_instances, chance_instances, ap50_instances),
    "listening": (listening_score, listening_score_soft, every_sound_listening),
}
"""For a part of a set. The classes that count are chosen anew in every resample of its interval."""
