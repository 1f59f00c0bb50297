"""Dilated convolutions on small maps: the same function and gradients as the plain ones."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from avs_bench.models.dilation import LITTLE, WIDE, convolve_within, live_taps

BY_TAPS = "_SlopeByTapsBackward"


def gradients(result, inputs):
    """The gradients of the sum of squares."""
    return torch.autograd.grad(result.square().sum(), inputs)


def differentiated_by(result):
    return type(result.grad_fn).__name__


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(5, 9), (6, 6), (13, 2), (13, 9), (7, 20), (20, 20)])
def test_taps_that_see_little_are_spared_without_a_difference(size, layout, bias):
    convolution = nn.Conv2d(3, 4, 3, padding=6, dilation=6, bias=bias).double()
    convolution.to(memory_format=layout)
    x = torch.randn(2, 3, *size, dtype=torch.double).contiguous(memory_format=layout)
    x.requires_grad_()
    inputs = [x, *convolution.parameters()]
    ours, plain = convolve_within(convolution, x), convolution(x)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(gradients(ours, inputs), gradients(plain, inputs))
    live = live_taps(convolution, x)[0].shape[-2:]
    assert tuple(live) == tuple(1 if side <= 6 else 3 for side in size)


@pytest.mark.parametrize(
    ("channels", "size", "taken"),
    [
        (3, (13, 9), True),  # a tap sees 27 of 39 rows and 15 of 27 columns
        (3, (20, 20), False),  # 0.64 of the map
        (3, (17, 17), True),  # 0.585
        (3, (6, 6), False),  # one tap, nothing to spare
        (WIDE, (20, 20), True),
        (WIDE - 1, (20, 20), False),
    ],
)
def test_the_gradient_is_taken_tap_by_tap_where_that_is_less_work(channels, size, taken):
    assert 0.585 < LITTLE < 0.64
    convolution = nn.Conv2d(channels, 2, 3, padding=6, dilation=6)
    x = torch.randn(1, channels, *size)
    assert (differentiated_by(convolve_within(convolution, x)) == BY_TAPS) == taken
    with torch.inference_mode():
        torch.testing.assert_close(convolve_within(convolution, x), convolution(x))
    assert differentiated_by(convolve_within(convolution.to("meta"), x.to("meta"))) != BY_TAPS
    convolution.requires_grad_(False)
    asked = x.requires_grad_()
    assert differentiated_by(convolve_within(convolution.to_empty(device="cpu"), asked)) != BY_TAPS


def test_autocast_casts_as_for_any_convolution():
    convolution = nn.Conv2d(8, 4, 3, padding=6, dilation=6)
    x = torch.randn(2, 8, 9, 9, requires_grad=True)
    inputs = [x, *convolution.parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        ours, plain = convolve_within(convolution, x), convolution(x)
        double = convolve_within(deepcopy(convolution).double(), x.double())
    assert differentiated_by(ours) == BY_TAPS
    assert ours.dtype == plain.dtype == torch.bfloat16
    assert double.dtype == torch.double
    torch.testing.assert_close(ours, plain)
    for mine, theirs in zip(gradients(ours, inputs), gradients(plain, inputs), strict=True):
        assert mine.dtype == theirs.dtype
        torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.02 * float(theirs.abs().max()))


def test_an_input_without_a_gradient_is_given_none():
    convolution = nn.Conv2d(3, 4, 3, padding=6, dilation=6).double()
    x = torch.randn(2, 3, 9, 9, dtype=torch.double)
    weight = convolution.weight
    torch.testing.assert_close(
        gradients(convolve_within(convolution, x), weight), gradients(convolution(x), weight)
    )
