"""Metrics of audio-visual segmentation, usable on any numpy or torch arrays.

A score is a frozen record of counts that adds up over images, batches and processes; figures are
pure functions of it and carry their rules. Needs numpy only.
"""

from avs_bench.metrics.dataset_level import (
    Confusion,
    f03_dataset,
    f1_dataset,
    fdr_dataset,
    iou_per_class_dataset,
    miou_dataset,
    miou_foreground_dataset,
    pixel_accuracy_dataset,
)
from avs_bench.metrics.figure import Figure

__all__ = [
    "Confusion",
    "Figure",
    "f03_dataset",
    "f1_dataset",
    "fdr_dataset",
    "iou_per_class_dataset",
    "miou_dataset",
    "miou_foreground_dataset",
    "pixel_accuracy_dataset",
]
