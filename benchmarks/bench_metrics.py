"""Speed and memory of the metrics against plain loops, on 100 frames of 224 × 224.

`make bench-metrics` prints two rows a family: frames a second of both, and the peak memory over the
inputs'. Baselines are the loops that the published code runs, over
thresholds, frames and classes; both sides get the same arrays in the same run, in one thread, and
must agree.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from measuring import Rows, at_least, at_most
from numpy.typing import NDArray

from avs_bench.metrics import (
    Confusion,
    FrameScores,
    VideoScores,
    f_video_official,
    iou_per_class_dataset,
    iou_per_class_frame,
)
from avs_bench.metrics.threshold_curve import probabilities_of, threshold_values

FRAMES, SIDE, FRAMES_PER_VIDEO = 100, 224, 5
MOST_MEMORY = 1.2
"""Peak, inputs included, over the inputs alone."""


@dataclass(frozen=True)
class Case:
    """One family: both programs return the same array."""

    name: str
    inputs: tuple[NDArray[Any], ...]
    ours: Callable[..., Any]
    baseline: Callable[..., Any]
    goal: float


def f_by_loops(logits: NDArray[Any], target: NDArray[Any]) -> float:
    """F as published: 255 passes over every frame, then the best threshold of each video."""
    best = []
    for video_logits, video_target in zip(logits, target, strict=True):
        curves = []
        for frame_logits, mask in zip(video_logits, video_target, strict=True):
            if mask.sum() == 0:
                continue
            probabilities = probabilities_of(frame_logits, ())
            curve = np.zeros(len(threshold_values))
            for index, threshold in enumerate(threshold_values):
                predicted = (probabilities >= threshold).astype(np.float32)
                hits = float((predicted * mask).sum())
                precision = hits / (float(predicted.sum()) + 1e-20)
                recall = hits / (float(mask.sum()) + 1e-20)
                if hits:
                    curve[index] = 1.3 * precision * recall / (0.3 * precision + recall)
            curves.append(curve)
        best.append(np.mean(curves, axis=0).max() if curves else 0.0)
    return float(np.mean(best))


def frame_iou_by_loops(pred: NDArray[Any], target: NDArray[Any], classes: int) -> NDArray[Any]:
    """IoU of every class in every frame that has it, then the mean over those frames."""
    iou, frames = np.zeros(classes), np.zeros(classes)
    for frame_pred, frame_target in zip(pred, target, strict=True):
        for index in range(classes):
            found, true = frame_pred == index, frame_target == index
            union = np.count_nonzero(found | true)
            if union:
                iou[index] += np.count_nonzero(found & true) / union
                frames[index] += 1
    return iou / np.maximum(frames, 1)


def set_iou_by_loops(pred: NDArray[Any], target: NDArray[Any], classes: int) -> NDArray[Any]:
    """Intersections and unions of every class, frame by frame."""
    inside, union = np.zeros(classes), np.zeros(classes)
    for frame_pred, frame_target in zip(pred, target, strict=True):
        counted = frame_target != 255
        for index in range(classes):
            found, true = (frame_pred == index) & counted, frame_target == index
            inside[index] += np.count_nonzero(found & true)
            union[index] += np.count_nonzero(found | true)
    return inside / np.maximum(union, 1)


def set_iou_by_bincount(pred: NDArray[Any], target: NDArray[Any], classes: int) -> NDArray[Any]:
    """The confusion matrix of the published code: boolean indexing, then one count per frame."""
    matrix = np.zeros((classes, classes))
    for frame_pred, frame_target in zip(pred, target, strict=True):
        counted = (frame_target >= 0) & (frame_target < classes)
        codes = classes * frame_target[counted].astype(int) + frame_pred[counted]
        matrix += np.bincount(codes, minlength=classes**2).reshape(classes, classes)
    right = np.diagonal(matrix)
    return right / np.maximum(matrix.sum(0) + matrix.sum(1) - right, 1)


def patches(classes: int, ignored: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Predictions and targets made of patches, as upsampled logits and drawn masks are.

    The prediction is the target moved by 5 pixels, with one patch in ten wrong; the last `ignored`
    columns are padding (255).
    """
    random = np.random.default_rng(0)
    blocks = random.integers(0, classes, (FRAMES, 14, 14)) * (random.random((FRAMES, 14, 14)) < 0.3)
    wrong = np.where(random.random(blocks.shape) < 0.9, blocks, 0)
    target, pred = (np.kron(b, np.ones((1, 16, 16))).astype(np.uint8) for b in (blocks, wrong))
    target[:, :, SIDE - ignored :] = 255
    return np.roll(pred, 5, axis=(1, 2)), target


def noise(classes: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Independent random labels in every pixel: the worst case for counting."""
    random = np.random.default_rng(1)
    pred, target = random.integers(0, classes, (2, FRAMES, SIDE, SIDE), dtype=np.uint8)
    return pred, target


def videos() -> tuple[NDArray[Any], NDArray[Any]]:
    """Logits and masks [20, 5, 224, 224]."""
    shape = (FRAMES // FRAMES_PER_VIDEO, FRAMES_PER_VIDEO, SIDE, SIDE)
    mask = (patches(2)[1] > 0).astype(np.uint8).reshape(shape)
    logits = np.random.default_rng(2).normal(3 * mask - 1, 2).astype(np.float32)
    return logits, mask


def cases() -> list[Case]:
    """What must hold its goal, then, with goal 1, the worst case."""

    def video(x: NDArray[Any], t: NDArray[Any]) -> float:
        return float(f_video_official(VideoScores.of(x, t)))

    def frame(p: NDArray[Any], t: NDArray[Any]) -> NDArray[Any]:
        return iou_per_class_frame(FrameScores.of(p, t, 71))

    def dataset(p: NDArray[Any], t: NDArray[Any]) -> NDArray[Any]:
        return iou_per_class_dataset(Confusion.of(p, t, 22))

    frame_loop = partial(frame_iou_by_loops, classes=71)
    set_loop, set_count = (
        partial(program, classes=22) for program in (set_iou_by_loops, set_iou_by_bincount)
    )
    return [
        Case("video, F: 255 thresholds one by one", videos(), video, f_by_loops, 6),
        Case("frame, 71 classes: one by one", patches(71), frame, frame_loop, 5),
        Case("dataset, 22 classes: one by one", patches(22, 16), dataset, set_loop, 3),
        Case("dataset, 22 classes: published count", patches(22, 16), dataset, set_count, 2),
        Case("frame, noise: one by one", noise(71), frame, frame_loop, 1),
        Case("dataset, noise: one by one", noise(22), dataset, set_loop, 1),
        Case("dataset, noise: published count", noise(22), dataset, set_count, 1),
    ]


def seconds(case: Case, repeats: int) -> tuple[float, float]:
    """Best time of ours and of the baseline, in turns, so that a busy machine slows both."""
    times: tuple[list[float], list[float]] = [], []
    for _ in range(repeats):
        for program, measured, runs in ((case.ours, times[0], 3), (case.baseline, times[1], 1)):
            for _ in range(runs):
                start = time.perf_counter()
                program(*case.inputs)
                measured.append(time.perf_counter() - start)
    return min(times[0]), min(times[1])


def memory_ratio(program: Callable[..., Any], inputs: tuple[NDArray[Any], ...]) -> float:
    """(inputs + peak of what the program allocates) / inputs."""
    tracemalloc.start()
    program(*inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = sum(array.nbytes for array in inputs)
    return (size + peak) / size


def main() -> None:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    title = f"metrics, {FRAMES} frames of {SIDE} x {SIDE}"
    rows = Rows(title, "loops over thresholds, frames and classes, as published")
    for case in cases():
        np.testing.assert_allclose(case.ours(*case.inputs), case.baseline(*case.inputs), rtol=1e-6)
        ours, theirs = (FRAMES / taken for taken in seconds(case, repeats))
        rows.add(case.name, ours, theirs, "/s", at_least(case.goal))
        size = sum(array.nbytes for array in case.inputs) / 2**20
        peak = memory_ratio(case.ours, case.inputs) * size
        rows.add(f"{case.name}: memory / inputs", peak, size, "MiB", at_most(MOST_MEMORY))


if __name__ == "__main__":
    main()
