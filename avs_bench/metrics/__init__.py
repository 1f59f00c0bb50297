"""Metrics of audio-visual segmentation, usable on any numpy or torch arrays.

A score is a frozen record of counts that adds up over images, batches and processes; figures are
pure functions of it and carry their rules. Needs numpy only.
"""

from avs_bench.metrics.dataset_level import (
    Confusion,
    f03_dataset,
    f1_dataset,
    fdr_dataset,
    foreground_fpr_dataset,
    iou_per_class_dataset,
    j_and_f_dataset,
    miou_dataset,
    miou_foreground_dataset,
    pixel_accuracy_dataset,
)
from avs_bench.metrics.figure import Figure
from avs_bench.metrics.groups import Grouped, size_band
from avs_bench.metrics.instances import (
    InstanceScores,
    SeenObjects,
    accuracy_instances,
    ap50_instances,
    ap_instances,
    chance_instances,
    kept_instances,
)
from avs_bench.metrics.listening import (
    ListeningScores,
    deaf_listening,
    every_sound_listening,
    listening_score,
    listening_score_soft,
)
from avs_bench.metrics.meter import Meter
from avs_bench.metrics.model_comparison import (
    ModelComparison,
    compare_conditions,
    compare_models,
    holm,
)
from avs_bench.metrics.per_frame import (
    FrameScores,
    fscore_frame,
    fscore_per_class_frame,
    iou_per_class_frame,
    j_and_f_frame,
    miou_frame,
)
from avs_bench.metrics.per_video import (
    VideoScores,
    f_video,
    f_video_official,
    j_and_f,
    j_video,
    official_batches,
)
from avs_bench.metrics.record import Record
from avs_bench.metrics.records_by_family import blank_record
from avs_bench.metrics.uncertainty import (
    Comparison,
    Interval,
    Spread,
    bootstrap,
    by_unit,
    compare,
    over_seeds,
)
from avs_bench.names import FAMILIES, Family

__all__ = [
    "FAMILIES",
    "Comparison",
    "Confusion",
    "Family",
    "Figure",
    "FrameScores",
    "Grouped",
    "InstanceScores",
    "Interval",
    "ListeningScores",
    "Meter",
    "ModelComparison",
    "Record",
    "SeenObjects",
    "Spread",
    "VideoScores",
    "accuracy_instances",
    "ap50_instances",
    "ap_instances",
    "blank_record",
    "bootstrap",
    "by_unit",
    "chance_instances",
    "compare",
    "compare_conditions",
    "compare_models",
    "deaf_listening",
    "every_sound_listening",
    "f03_dataset",
    "f1_dataset",
    "f_video",
    "f_video_official",
    "fdr_dataset",
    "foreground_fpr_dataset",
    "fscore_frame",
    "fscore_per_class_frame",
    "holm",
    "iou_per_class_dataset",
    "iou_per_class_frame",
    "j_and_f",
    "j_and_f_dataset",
    "j_and_f_frame",
    "j_video",
    "kept_instances",
    "listening_score",
    "listening_score_soft",
    "miou_dataset",
    "miou_foreground_dataset",
    "miou_frame",
    "official_batches",
    "over_seeds",
    "pixel_accuracy_dataset",
    "size_band",
]
