"""AVSegFormer's losses: the Dice loss of masks, and the mask that its feature draws by itself."""

import torch.nn.functional as F
from torch import Tensor

from vpo_builder.dataset.schema import IGNORE

EPSILON = 0.001  # avsegformer.md, Losses: under each sum of squares, and not above the line


def dice(logits: Tensor, targets: Tensor) -> Tensor:
    """Return one minus the Dice overlap of each frame [N] with what is 1 in its target.

    `logits` [N, H, W] of an object; `targets` [N, H, W] of 0, 1 and 255 (ignored). A frame
    without an object costs 1 whatever is predicted, and has no gradient.
    """
    counted = (targets != IGNORE).to(logits.dtype)
    found = (logits.sigmoid() * counted).flatten(1)
    wanted = (targets == 1).to(logits.dtype).flatten(1)
    overlap = 2 * (found * wanted).sum(1)
    return 1 - overlap / ((found**2).sum(1) + EPSILON + (wanted**2).sum(1) + EPSILON)


def feature_mask(feature: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the mean over the channels of a mask feature [N, D, h, w] as logits [N, H, W]."""
    mean = feature.mean(dim=1, keepdim=True)
    return F.interpolate(mean, size, mode="bilinear", align_corners=False)[:, 0]


def objects(targets: Tensor) -> Tensor:
    """Return class indices [N, H, W] as 0 and 1, "an object, whatever its class"; 255 stays."""
    return (targets > 0).to(targets.dtype).masked_fill(targets == IGNORE, IGNORE)
