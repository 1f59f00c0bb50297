"""Segmentation cross-entropies as a sum over a known number of pixels."""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from vpo_builder.dataset.schema import IGNORE

CACHED = 2**19  # scores handled at once on a CPU: 2 MiB, which stay in its cache
HELD = 2**26  # and elsewhere: 256 MiB, so that a GPU gets large pieces of work


def valid_pixels(targets: Tensor) -> int:
    """Return how many pixels of the targets are not ignored."""
    return int((targets != IGNORE).sum())


def cross_entropy(scores: Tensor, targets: Tensor, count: int) -> Tensor:
    """Return the cross-entropy summed over valid pixels and divided by `count`.

    `scores` [B, classes, h, w] are taken at the size of the targets, bilinear (align_corners
    False), as all published models of this kind have it; `targets` [B, H, W] class indices, 255
    ignored. `count` is the number of valid pixels of the whole optimisation step: where a step is
    split over processes or micro-batches, a mean of means would weigh their pixels unequally. A
    step without a valid pixel has loss 0. Computed in float32 or more.
    """
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if scores.shape[-2:] == targets.shape[-2:]:
        total = F.cross_entropy(scores, targets, ignore_index=IGNORE, reduction="sum")
    else:
        total = _enlarged_cross_entropy(scores, targets)
    return total / max(1, count)


def binary_cross_entropy(logits: Tensor, targets: Tensor, count: int) -> Tensor:
    """Return the binary cross-entropy summed over valid pixels and divided by `count`.

    `logits` [N, 1, H, W]; `targets` [N, H, W] of 0, 1 and 255 (ignored). `count` is as in
    `cross_entropy`.
    """
    total = F.binary_cross_entropy_with_logits(
        logits[:, 0].float(),
        (targets == 1).float(),
        weight=(targets != IGNORE).float(),
        reduction="sum",
    )
    return total / max(1, count)


class _EnlargedCrossEntropy(torch.autograd.Function):
    """The sum, and its slope taken along with it, so that no full-size score is ever kept.

    At full size the scores of a batch, their log-softmax and the slopes of both are the largest
    tensors of a training step. Here a few pictures at a time are enlarged, by two small matrix
    products, compared and forgotten.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, targets: Tensor) -> Tensor:
        *_, h, w = scores.shape
        _, H, W = targets.shape
        down, across = (
            _enlarging(few, many, scores.dtype, scores.device) for few, many in ((h, H), (w, W))
        )
        pieces = [scores.new_zeros(())]
        slopes = torch.empty_like(scores, memory_format=torch.contiguous_format)
        held = CACHED if scores.device.type == "cpu" else HELD
        step = max(1, held // (scores.shape[1] * H * W))
        for first in range(0, len(scores), step):
            few = slice(first, first + step)
            total, slope = _entropy_and_slope(down @ (scores[few] @ across.T), targets[few])
            pieces.append(total)
            slopes[few] = (down.T @ slope) @ across
        ctx.save_for_backward(slopes)
        return torch.stack(pieces).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * slope, None


def _enlarged_cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    total: Tensor = _EnlargedCrossEntropy.apply(scores, targets)  # type: ignore[no-untyped-call]
    return total  # torch gives `apply` no types, and every subclass inherits that


def _entropy_and_slope(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ −log softmax(logits)[target] over valid pixels and its slope, in `logits`' place."""
    valid = targets != IGNORE
    label = torch.where(valid, targets, 0).unsqueeze(1)
    logits -= logits.amax(dim=1, keepdim=True)
    wanted = logits.gather(1, label).squeeze(1)
    share = logits.exp_()
    whole = share.sum(dim=1)
    total = ((whole.log() - wanted) * valid).sum()
    share *= (valid / whole).unsqueeze(1)
    share.scatter_add_(1, label, -valid.to(share.dtype).unsqueeze(1))
    return total, share


@cache
def _enlarging(few: int, many: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return [many, few]: what bilinear enlargement does along one side."""
    places = torch.eye(few, dtype=torch.float64).unsqueeze(0)
    enlarged = F.interpolate(places, many, mode="linear", align_corners=False)
    return enlarged[0].T.contiguous().to(device, dtype)
