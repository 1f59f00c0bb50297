"""Dilated convolutions on maps that are small beside their reach."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]

# Measured with oneDNN 3.12 on two cores with AVX512-bf16, in float32 and bfloat16.
WIDE = 1024  # channels of maps from which on a product a tap is never slower
LITTLE = 0.6  # the share of a map that a tap sees on the mean, below which it is not for others


def convolve_within(convolution: nn.Module, x: Tensor) -> Tensor:
    """Apply a dilated 3×3 convolution (padding = dilation) without the taps that see only padding.

    Where the dilation is at least the map's height (width), the upper and lower (left and right)
    taps multiply zeros wherever they stand: dropping them changes neither the result nor a
    gradient. On the 7×7 maps of TPAVI's last stage a dilation of 12 is a 1×1 convolution. Where the
    taps that are left see little, a CPU takes the weights' gradient tap by tap: `_SlopeByTaps`.
    """
    assert isinstance(convolution, nn.Conv2d)
    weight, padding = live_taps(convolution, x)
    bias, dilation = convolution.bias, _pair(convolution.dilation)
    if not _pays_by_taps(x, weight, padding):
        return F.conv2d(x, weight, bias, 1, padding, dilation)
    x, weight = _for_products(x), _for_products(weight)
    bias = None if bias is None else _for_products(bias)
    result: Tensor = _SlopeByTaps.apply(x, weight, bias, padding, dilation)  # type: ignore[no-untyped-call]
    return result  # torch gives `apply` no types


def live_taps(convolution: nn.Conv2d, x: Tensor) -> tuple[Tensor, Pair]:
    """Return the part of the kernel that can meet `x`, and the padding that it needs."""
    weight = convolution.weight
    rows, columns = _pair(convolution.dilation)
    if rows >= x.shape[2]:
        weight, rows = weight[:, :, 1:2], 0
    if columns >= x.shape[3]:
        weight, columns = weight[:, :, :, 1:2], 0
    return weight, (rows, columns)


def _pays_by_taps(x: Tensor, weight: Tensor, padding: Pair) -> bool:
    learns = torch.is_grad_enabled() and weight.requires_grad and x.device.type == "cpu"
    if not learns or padding == (0, 0):
        return False
    rows, columns = (
        (3 * side - 2 * reach) / (3 * side)
        for side, reach in zip(x.shape[2:], padding, strict=True)
    )
    return x.shape[1] >= WIDE or rows * columns < LITTLE


class _SlopeByTaps(torch.autograd.Function):
    """A convolution whose weights' gradient is one matrix product a tap, of what the tap sees.

    On a map of 28×28 a tap 18 to the side sees 10 columns of 28, and all nine together a third of
    nine maps. The libraries multiply zeros for the rest: oneDNN 3.12 takes 2 to 8 times as long
    where a tap sees no more than that, and as long from `LITTLE` on. Cutting the maps up costs a
    pass over them for each tap, which products of `WIDE` maps hide.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: Pair, dilation: Pair
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how = None if bias is None else list(bias.shape), padding, dilation
        return F.conv2d(x, weight, bias, 1, padding, dilation)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, slope: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        bias, padding, dilation = ctx.how
        wanted = [ctx.needs_input_grad[0], False, ctx.needs_input_grad[2]]
        for_x, _, for_bias = torch.ops.aten.convolution_backward(
            slope, x, weight, bias, (1, 1), padding, dilation, False, (0, 0), 1, wanted
        )
        for_weight = torch.empty_like(weight)
        seen, asked = (one.permute(0, 2, 3, 1).contiguous() for one in (x, slope))
        for i, (rows_asked, rows_seen) in enumerate(_places(x.shape[2], padding[0])):
            for j, (columns_asked, columns_seen) in enumerate(_places(x.shape[3], padding[1])):
                left = asked[:, rows_asked, columns_asked].flatten(0, 2)
                right = seen[:, rows_seen, columns_seen].flatten(0, 2)
                for_weight[:, :, i, j] = left.T @ right
        return for_x, for_weight, for_bias, None, None


def _places(side: int, reach: int) -> list[tuple[slice, slice]]:
    """Return, of each tap along a side, where it meets the map: places of the output and input."""
    if not reach:
        return [(slice(side), slice(side))]
    near, far = slice(side - reach), slice(reach, side)
    return [(far, near), (slice(side), slice(side)), (near, far)]


def _for_products(x: Tensor) -> Tensor:
    """Return it as autocast hands it to a convolution."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind) and x.dtype != torch.double:
        return x.to(torch.get_autocast_dtype(kind))
    return x


def _pair(sizes: tuple[int, ...]) -> Pair:
    rows, columns = sizes
    return rows, columns
