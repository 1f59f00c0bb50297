"""The per-video binary family: J (IoU) and F of sounding objects, as S4 and MS3 are scored.

Published in Zhou et al. (AVSBench, public code OpenNLPLab/AVSBench, `mask_iou` and
`Eval_Fmeasure`). The published F takes the best of 255 thresholds on each batch of the test set,
so it grows as batches shrink; `official_batches` reproduces it for any batch size, and `f_video`
uses one threshold for the whole set and says which.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import as_labels, as_numpy, check_same_shape, first_place
from avs_bench.metrics.counting import BETA2, ratio
from avs_bench.metrics.figure import NOTHING_COUNTED, Figure
from avs_bench.metrics.record import Counts, Record, Scores, from_units, to_units
from avs_bench.metrics.threshold_curve import (
    THRESHOLDS,
    checked_probabilities,
    fscore_curve,
    hits_and_predicted,
    probabilities_of,
    threshold_values,
)
from vpo_builder.runtime.errors import InputError

IGNORED = 2
"""Ignored pixels inside this family, where 0 is background and 1 the object."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoScores(Record):
    """Sums of J and F over videos, and over their frames, in units of 2^-40.

    A frame whose pixels are all ignored is no frame, and a video of such frames no video.

    `video_iou_units` sums each video's mean IoU, `video_fscore_units` each video's F at its own
    best threshold (0 if no frame shows an object); `frame_iou_units` sums over frames and
    `curve_units` [255] the F at each threshold over the frames that show an object.
    """

    videos: int
    frames: int
    frames_with_object: int
    video_iou_units: int
    video_fscore_units: int
    frame_iou_units: int
    curve_units: Counts

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        return {"curve_units": (THRESHOLDS,)}

    @classmethod
    def of(cls, logits: Any, target: Any, ignore: int | None = None) -> "VideoScores":
        """Score one video [T, H, W], or videos of equal length [V, T, H, W].

        `logits`: real numbers, before the sigmoid. `target`: 0 and 1, or booleans; pixels with
        the label `ignore`, if given, are left out. (MS3's files mark the object by 255, so no
        label is ignored unless you say so.) Raises InputError when the shapes differ, a logit is
        NaN or a label is unknown.
        """
        return cls._of(as_numpy(logits), target, ignore, probabilities_of)

    @classmethod
    def of_probabilities(
        cls, probabilities: Any, target: Any, ignore: int | None = None
    ) -> "VideoScores":
        """Score probabilities in [0, 1], what `of` makes of logits; raises InputError as `of`."""
        return cls._of(as_numpy(probabilities), target, ignore, checked_probabilities)

    @classmethod
    def _of(
        cls,
        values: NDArray[Any],
        target: Any,
        ignore: int | None,
        probabilities: Callable[[NDArray[Any], tuple[int, ...]], NDArray[np.float32]],
    ) -> "VideoScores":
        labels = as_labels(target, "target")
        check_same_shape(values, labels)
        if values.ndim not in (3, 4) or 0 in values.shape[-3:]:
            raise InputError(
                f"pred: expected [T, H, W] or [V, T, H, W] with T >= 1, got {list(values.shape)}"
            )
        scores = cls.empty()
        for video in np.ndindex(values.shape[:-3]):
            frames = [(*video, time) for time in range(values.shape[-3])]
            scores += _one_video(
                [
                    _score_frame(probabilities(values[at], at), _binary(labels[at], ignore, at))
                    for at in frames
                ]
            )
        return scores

    @classmethod
    def empty(cls) -> "VideoScores":
        """The record of no video."""
        return cls(0, 0, 0, 0, 0, 0, np.zeros(THRESHOLDS, np.int64))


def _binary(labels: NDArray[Any], ignore: int | None, frame: tuple[int, ...]) -> NDArray[np.uint8]:
    """The labels of a frame as 0, 1 and IGNORED."""
    ignored = np.zeros(labels.shape, np.bool_) if ignore is None else labels == ignore
    wrong = (labels != 0) & (labels != 1) & ~ignored
    if wrong.any():
        raise InputError(
            f"target: label {int(labels[wrong][0])} {first_place(wrong, frame)}: expected 0 and "
            "1; pass mask > 0 for a mask of objects, or ignore=255 if 255 marks padding"
        )
    return np.where(ignored, IGNORED, labels).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Frame:
    iou: float
    curve: Scores | None  # None: no object in the frame


def _score_frame(probabilities: NDArray[np.float32], target: NDArray[np.uint8]) -> _Frame | None:
    """Return what a frame scores; None if all of it is ignored."""
    iou = object_iou(probabilities > 0.5, target == 1, target != IGNORED)
    if iou is None:
        return None
    seen = (target == 1).any()
    return _Frame(iou, fscore_curve(*hits_and_predicted(probabilities, target)) if seen else None)


def object_iou(
    predicted: NDArray[np.bool_], true: NDArray[np.bool_], counted: NDArray[np.bool_]
) -> float | None:
    """Return the J of a frame: where nothing is true the share predicted black; None: all ignored.

    All are [H, W], and what is true is counted.
    """
    if not counted.any():
        return None
    predicted = predicted & counted
    if not true.any():
        return float((counted & ~predicted).sum() / counted.sum())
    return float((predicted & true).sum() / (predicted | true).sum())


def _one_video(scored: list[_Frame | None]) -> VideoScores:
    frames = [frame for frame in scored if frame]
    if not frames:
        return VideoScores.empty()
    ious = to_units(np.array([frame.iou for frame in frames]))
    curves = [to_units(frame.curve) for frame in frames if frame.curve is not None]
    curve = np.sum(curves, axis=0) if curves else np.zeros(THRESHOLDS, np.int64)
    return VideoScores(
        videos=1,
        frames=len(frames),
        frames_with_object=len(curves),
        video_iou_units=round(int(ious.sum()) / len(frames)),
        video_fscore_units=round(int(curve.max()) / max(len(curves), 1)),
        frame_iou_units=int(ious.sum()),
        curve_units=curve,
    )


_J = (
    "IoU at probability > 0.5, mean over a video's frames, then over videos; a frame without "
    "object scores the share of its pixels predicted black; ignored pixels not counted"
)
_F = f"beta squared = {BETA2:g}; 0/0 counts 0; ignored pixels not counted"


def j_video(scores: VideoScores) -> Figure:
    """J: the mean over videos of their mean IoU."""
    return _over_videos("j_video", scores, scores.video_iou_units, _J)


def f_video_official(scores: VideoScores) -> Figure:
    """F as published with one video per batch: each video at its own best threshold."""
    rules = (
        f"each video at the best of {THRESHOLDS} thresholds for it (published code, batch of one "
        f"video), then mean over videos; a video without any object counts 0; {_F}"
    )
    return _over_videos("f_video_official", scores, scores.video_fscore_units, rules)


def f_video(scores: VideoScores, threshold: float | None = None) -> Figure:
    """F at one threshold for the whole set: the nearest of the 255, or by default the best one.

    Does not depend on the batch. It is what the published code gives with the set as one batch
    if the threshold is the best one.
    """
    curve = ratio(from_units(scores.curve_units), scores.frames_with_object, empty=np.nan)
    none = "" if scores.frames_with_object else "no frame shows an object"
    if threshold is None:
        index, how = int(np.argmax(curve)), "the best one for the whole set"
    else:
        index, how = int(np.argmin(np.abs(threshold_values - threshold))), "given"
    rules = (
        f"at one threshold, {how}; mean over the frames that show an object, the others left out; "
        f"{_F}"
    )
    note = none or f"threshold {threshold_values[index]:.4f}"
    return Figure("f_video", float(curve[index]), rules, note if scores.frames else NOTHING_COUNTED)


def j_and_f(j: Figure, f: Figure) -> Figure:
    """J&F, the mean of the two; both must come from one family."""
    if j.family != f.family:
        raise InputError(
            f"J&F of {j.name} and {f.name}: expected figures of one family, got {j.family} and "
            f"{f.family}; score both the same way"
        )
    return Figure(
        f"j_and_f_{j.family}",
        (j.value + f.value) / 2,
        f"J: {j.rules} | F: {f.rules}",
        j.note or f.note,
    )


def official_batches(videos: Sequence[VideoScores], batch: int) -> tuple[Figure, Figure]:
    """J and F that the published code gives when it tests `batch` videos at a time.

    `videos`: one record per video, in the order of its loader. A batch is one pool of frames with
    its own best threshold, and a smaller last batch weighs as much as a full one.
    """
    if batch < 1 or any(video.videos > 1 for video in videos):
        raise InputError(
            "official_batches: expected one record per video, and batch >= 1; "
            f"got batch {batch}, records of {sorted({v.videos for v in videos})} videos"
        )
    videos = [video for video in videos if video.videos]
    if not videos:
        raise InputError(f"official_batches: {NOTHING_COUNTED}: expected at least one video")
    starts = range(0, len(videos), batch)
    pools = [sum(videos[start : start + batch], VideoScores.empty()) for start in starts]
    ious = [_mean(pool.frame_iou_units, pool.frames) for pool in pools]
    bests = [_mean(pool.curve_units.max(), max(pool.frames_with_object, 1)) for pool in pools]
    rules = f"published code with batches of {batch} videos; mean over batches"
    return (
        Figure(f"j_video_official_batch_{batch}", float(np.mean(ious)), f"{rules}; {_J}"),
        Figure(
            f"f_video_official_batch_{batch}",
            float(np.mean(bests)),
            f"{rules}, each at its own best threshold; a batch without any object counts 0; {_F}",
        ),
    )


def _over_videos(name: str, scores: VideoScores, units: int, rules: str) -> Figure:
    """Return a mean over videos, which of none has no value."""
    note = "" if scores.videos else NOTHING_COUNTED
    return Figure(name, _mean(units, scores.videos), rules, note)


def _mean(units: Any, number: int) -> float:
    return float(ratio(from_units(units), number, empty=np.nan))
