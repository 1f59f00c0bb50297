"""Speed and memory of the metrics against the fastest plain code, on 100 frames of 224 × 224.

`make bench-metrics` prints two rows a case: frames a second of both, and the peak memory over the
inputs'. Confusions are held against numpy's bincount of one code a pixel, frame by frame, which
trusts its labels where ours checks each; the best F of a video against torchmetrics' curve of
precision and recall at the same 255 thresholds. Both sides get the same arrays in the same run, in
one thread, in turns and equally often, and must agree.
"""

import argparse
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torchmetrics
from measuring import Rows, at_least, at_most, medians_in_turns, seconds
from numpy.typing import NDArray
from torchmetrics.functional.classification import binary_precision_recall_curve

from avs_bench.metrics import (
    Confusion,
    FrameScores,
    VideoScores,
    f_video_official,
    iou_per_class_dataset,
    iou_per_class_frame,
)
from avs_bench.metrics.threshold_curve import threshold_values
from vpo_builder.dataset.schema import IGNORE

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


def f_by_torchmetrics(logits: NDArray[Any], target: NDArray[Any]) -> float:
    """F at the best of 255 thresholds of each video, from torchmetrics' curve of each frame."""
    thresholds = torch.tensor(threshold_values)
    best = []
    for video_logits, video_target in zip(logits, target, strict=True):
        curves = []
        for frame_logits, mask in zip(video_logits, video_target, strict=True):
            if not mask.any():
                continue
            probabilities = torch.from_numpy(frame_logits).double().sigmoid().float()
            precision, recall, _ = binary_precision_recall_curve(
                probabilities, torch.from_numpy(mask).long(), thresholds, validate_args=False
            )
            weighed = 1.3 * precision * recall / (0.3 * precision + recall)
            curves.append(weighed[:-1].nan_to_num())  # the last is its end at recall 0
        best.append(torch.stack(curves).mean(0).max() if curves else torch.tensor(0.0))
    return float(torch.stack(best).mean())


def frame_iou_by_bincount(pred: NDArray[Any], target: NDArray[Any], classes: int) -> NDArray[Any]:
    """IoU of every class in every frame that has it, then the mean over those frames."""
    iou, frames = np.zeros(classes), np.zeros(classes)
    for frame_pred, frame_target in zip(pred, target, strict=True):
        codes = frame_target.astype(np.intp) * classes + frame_pred
        matrix = np.bincount(codes.ravel(), minlength=classes**2).reshape(classes, classes)
        right = np.diagonal(matrix)
        union = matrix.sum(0) + matrix.sum(1) - right
        iou += right / np.maximum(union, 1)
        frames += union > 0
    return iou / np.maximum(frames, 1)


def set_iou_by_bincount(pred: NDArray[Any], target: NDArray[Any], classes: int) -> NDArray[Any]:
    """The confusion matrix of a set: without the ignored pixels, one count a frame."""
    counts = np.zeros(classes**2, np.int64)
    for frame_pred, frame_target in zip(pred, target, strict=True):
        counted = frame_target != IGNORE
        codes = frame_target.astype(np.intp) * classes + frame_pred
        kept = codes.ravel() if counted.all() else codes[counted]
        counts += np.bincount(kept, minlength=classes**2)
    matrix = counts.reshape(classes, classes)
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

    frame_count = partial(frame_iou_by_bincount, classes=71)
    set_count = partial(set_iou_by_bincount, classes=22)
    return [
        Case("video, F at 255 thresholds", videos(), video, f_by_torchmetrics, 10),
        Case("frame, 71 classes, masks", patches(71), frame, frame_count, 1.2),
        Case("frame, 71 classes, noise", noise(71), frame, frame_count, 1),
        Case("dataset, 22 classes, masks", patches(22), dataset, set_count, 1.2),
        Case("dataset, 22 classes, padded masks", patches(22, 16), dataset, set_count, 1.2),
        Case("dataset, 22 classes, noise", noise(22), dataset, set_count, 1),
    ]


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
    parser.add_argument("--repeats", type=int, default=25)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    title = f"metrics, {FRAMES} frames of {SIDE} x {SIDE}"
    for against, chosen in (
        (f"torchmetrics {torchmetrics.__version__}", cases()[:1]),
        (f"numpy {np.__version__}'s bincount, a frame at a time", cases()[1:]),
    ):
        rows = Rows(title, against)
        for case in chosen:
            sides = {"ours": case.ours, "theirs": case.baseline}
            np.testing.assert_allclose(*(side(*case.inputs) for side in sides.values()), rtol=1e-6)
            programs = {k: partial(seconds, partial(v, *case.inputs)) for k, v in sides.items()}
            found = medians_in_turns(programs, repeats)
            rows.add(case.name, *(FRAMES / found[k] for k in sides), "/s", at_least(case.goal))
            size = sum(array.nbytes for array in case.inputs) / 2**20
            peak = memory_ratio(case.ours, case.inputs) * size
            rows.add(f"{case.name}: memory / inputs", peak, size, "MiB", at_most(MOST_MEMORY))


if __name__ == "__main__":
    main()
