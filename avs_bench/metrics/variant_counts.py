"""The ways of counting a clip that published codes have."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import Labels, as_labels, nearest_labels
from avs_bench.metrics.boundaries import BoundaryAreas
from avs_bench.metrics.dataset_level import Confusion
from avs_bench.metrics.localisation import Border, Hits
from avs_bench.metrics.per_frame import FrameScores
from avs_bench.metrics.per_video import VideoScores, object_iou
from avs_bench.metrics.record import to_units
from avs_bench.metrics.variants import AnsweredClip, Count
from vpo_builder.dataset.schema import IGNORE

SIDE = 224
"""Pixels of the square that AVSBench's and DDESeg's codes score on, whatever the masks' size."""
SAM_SIDE = 1024
"""Of AuralSAM2's."""
CLIP_FRAMES = 10
"""Frames that AVSBench's AVSS reader pads each clip to."""


def at_side(labels: NDArray[Any], side: int = SIDE) -> NDArray[Any]:
    """Return maps [..., H, W] as [..., side, side] by the nearest pixel's centre, as PIL."""
    return nearest_labels(labels, (side, side))


def padding_frames(count: int, classes: int) -> FrameScores:
    """Return what frames score that are all background, labelled and predicted."""
    blank = np.zeros((1, 1), np.uint8)
    one = FrameScores.of(blank, blank, classes)
    return one.with_vector(count * one.vector())


def whole(clip: AnsweredClip, classes: int) -> Confusion:
    """Count pixels at their own size."""
    return Confusion.of(clip.pred, clip.target, classes)


def whole_small(clip: AnsweredClip, classes: int) -> Confusion:
    """Count pixels at 224."""
    return Confusion.of(*_small(clip), classes)


def frames(clip: AnsweredClip, classes: int) -> FrameScores:
    """Score each frame at its own size."""
    return FrameScores.of(clip.pred, clip.target, classes)


def frames_small(clip: AnsweredClip, classes: int) -> FrameScores:
    """Score each frame at 224."""
    return FrameScores.of(*_small(clip), classes)


def frames_small_padded(clip: AnsweredClip, classes: int) -> FrameScores:
    """Score each frame at 224, and the padding of a clip of fewer than ten frames."""
    scores = frames_small(clip, classes)
    return scores + padding_frames(max(0, CLIP_FRAMES - scores.frames), classes)


def video(clip: AnsweredClip, _classes: int) -> VideoScores:
    """Score objects at their own size."""
    return _objects(clip.objects, as_labels(clip.target, "target"))


def video_large(clip: AnsweredClip, _classes: int) -> VideoScores:
    """Score objects at 1024, as AuralSAM2 does: their J alone, without F's thresholds."""
    target = at_side(as_labels(clip.target, "target"), SAM_SIDE)
    ious = [
        object_iou(pred, (labels > 0) & (labels != IGNORE), labels != IGNORE)
        for pred, labels in zip(at_side(clip.objects > 0.5, SAM_SIDE), target, strict=True)
    ]
    known = [iou for iou in ious if iou is not None]
    if not known:
        return VideoScores.empty()
    mean = round(int(to_units(np.array(known)).sum()) / len(known))
    return replace(VideoScores.empty(), videos=1, frames=len(known), video_iou_units=mean)


def boundaries(clip: AnsweredClip, classes: int) -> BoundaryAreas:
    """Count the pixels near outlines."""
    pred, target = as_labels(clip.pred, "pred"), as_labels(clip.target, "target")
    return BoundaryAreas.of(pred, target, classes, IGNORE)


def hits(border: Border) -> Count:
    """Return the way to count sound localisation's hits at 224."""
    return partial(_hits, border)


def _hits(border: Border, clip: AnsweredClip, _classes: int) -> Hits:
    target = at_side(as_labels(clip.target, "target"))
    return Hits.of(at_side(clip.objects), target, border, IGNORE)


def _objects(probabilities: NDArray[Any], target: Labels) -> VideoScores:
    sounds = np.where(target == IGNORE, IGNORE, target > 0)
    return VideoScores.of_probabilities(probabilities, sounds, ignore=IGNORE)


def _small(clip: AnsweredClip) -> tuple[Labels, Labels]:
    pred, target = as_labels(clip.pred, "pred"), as_labels(clip.target, "target")
    return at_side(pred), at_side(target)
