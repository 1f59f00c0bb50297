"""Dilated convolutions on maps that are smaller than their reach."""

import torch.nn.functional as F
from torch import Tensor, nn


def convolve_within(convolution: nn.Module, x: Tensor) -> Tensor:
    """Apply a dilated 3×3 convolution (padding = dilation) without the taps that see only padding.

    Where the dilation is at least the map's height (width), the upper and lower (left and right)
    taps multiply zeros wherever they stand: dropping them changes neither the result nor a
    gradient. On the 7×7 maps of TPAVI's last stage a dilation of 12 is a 1×1 convolution.
    """
    assert isinstance(convolution, nn.Conv2d)
    weight, padding = live_taps(convolution, x)
    return F.conv2d(x, weight, convolution.bias, 1, padding, convolution.dilation)


def live_taps(convolution: nn.Conv2d, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Return the part of the kernel that can meet `x`, and the padding that it needs."""
    weight = convolution.weight
    rows, columns = convolution.dilation
    if rows >= x.shape[2]:
        weight, rows = weight[:, :, 1:2], 0
    if columns >= x.shape[3]:
        weight, columns = weight[:, :, :, 1:2], 0
    return weight, (rows, columns)
