"""Object-contextual representations: each place is described by the regions it belongs to."""

import math

import torch
from torch import Tensor, nn

from avs_bench.models.hrnet import ConcatenatedBranches
from avs_bench.models.resnet import initialise_convolutions


class OCRDecoder(nn.Module):
    """Features of `width` channels from HRNet's branches, one soft region per class.

    The auxiliary scores only say where the regions are; the published code has no loss on them.
    """

    def __init__(
        self, widths: tuple[int, ...], classes: int, width: int = 512, key: int = 256
    ) -> None:
        super().__init__()
        self.width = width
        self.branches = ConcatenatedBranches(widths)
        inputs = self.branches.width
        self.aux_head = nn.Sequential(*_unit(inputs, inputs, 3), nn.Conv2d(inputs, classes, 1))
        self.conv3x3 = _unit(inputs, width, 3)
        self.attention = RegionAttention(width, key)
        self.join = _unit(2 * width, width, 1).append(nn.Dropout2d(0.05))
        initialise_convolutions(self)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        joined = self.branches(stages)
        membership = self.aux_head(joined).flatten(2).softmax(dim=2)
        pixels = self.conv3x3(joined)
        regions = membership @ pixels.flatten(2).transpose(1, 2)
        return self.join(torch.cat([self.attention(pixels, regions), pixels], dim=1))


class RegionAttention(nn.Module):
    """Gives each place [B, D, h, w] the context of the regions [B, classes, D] it resembles."""

    def __init__(self, width: int, key: int) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(key)
        self.f_pixel = nn.Sequential(*_unit(width, key, 1), *_unit(key, key, 1))
        self.f_object = nn.Sequential(*_unit(width, key, 1), *_unit(key, key, 1))
        self.f_down = _unit(width, key, 1)
        self.f_up = _unit(key, width, 1)

    def forward(self, pixels: Tensor, regions: Tensor) -> Tensor:
        objects = regions.transpose(1, 2).unsqueeze(3)
        queries = self.f_pixel(pixels).flatten(2).transpose(1, 2)
        weights = (queries @ self.f_object(objects).squeeze(3) * self.scale).softmax(dim=2)
        # f_up's convolution is linear and the weights of a place add up to 1: it may act on the
        # few regions instead of on the places, bias included.
        convolution, *rest = self.f_up
        values = convolution(self.f_down(objects)).squeeze(3)
        context = (weights @ values.transpose(1, 2)).transpose(1, 2).reshape_as(pixels)
        for layer in rest:
            context = layer(context)
        return context


def _unit(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
