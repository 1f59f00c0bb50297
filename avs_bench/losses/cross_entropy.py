"""Segmentation cross-entropy as a sum over a known number of pixels."""

import torch.nn.functional as F
from torch import Tensor

from vpo_builder.schema import IGNORE


def valid_pixels(targets: Tensor) -> int:
    """Return how many pixels of the targets are not ignored."""
    return int((targets != IGNORE).sum())


def cross_entropy(logits: Tensor, targets: Tensor, count: int) -> Tensor:
    """Return the cross-entropy summed over valid pixels and divided by `count`.

    `logits` [B, classes, H, W]; `targets` [B, H, W] class indices, 255 ignored. `count` is the
    number of valid pixels of the whole optimisation step: where a step is split over processes
    or micro-batches, a mean of means would weigh their pixels unequally. A step without a valid
    pixel has loss 0.
    """
    total = F.cross_entropy(logits.float(), targets, ignore_index=IGNORE, reduction="sum")
    return total / max(1, count)
