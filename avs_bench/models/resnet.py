"""Residual networks: the visual backbones of both papers and the trunk of the audio encoder."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1×1, 3×3 (with the stride and the dilation) and 1×1 convolutions around a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, stride, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return F.relu(y.add_(x if self.downsample is None else self.downsample(x)), inplace=True)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut; both carry the dilation, the first the stride."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, 1, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y.add_(x if self.downsample is None else self.downsample(x)), inplace=True)


Block = type[Bottleneck] | type[BasicBlock]


def residual_stage(
    block: Block, inputs: int, width: int, stride: int, dilations: Sequence[int]
) -> nn.Sequential:
    """Return one block per dilation; the first takes `inputs` channels and has the stride."""
    outputs = width * block.expansion
    first, *others = dilations
    return nn.Sequential(
        block(inputs, width, stride, first),
        *(block(outputs, width, 1, dilation) for dilation in others),
    )


class ResNet(nn.Module):
    """ResNet trunk that gives its four stage outputs, finest first.

    `stem` is "deep" (3×3 convolutions to 64, 64 and 128 channels, CAVP) or "plain" (one 7×7 to
    64, TPAVI and audio). At output stride 16 the last stage keeps its size and its blocks are
    dilated 2, 4, 8; at 8 the third keeps its size too, dilated 1, 2, 2, … (models.md, after
    CAVP's backbone). `width` is the first stage's: 64 in every published model.
    """

    def __init__(
        self,
        block: Block,
        depths: Sequence[int],
        *,
        stem: Literal["deep", "plain"],
        output_stride: Literal[8, 16, 32] = 32,
        channels: int = 3,
        width: int = 64,
    ) -> None:
        super().__init__()
        stem_width = 2 * width if stem == "deep" else width
        if stem == "deep":
            self.conv1: nn.Module = _deep_stem(channels, width)
        else:
            self.conv1 = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem_width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        strides = {32: (1, 2, 2, 2), 16: (1, 2, 2, 1), 8: (1, 2, 1, 1)}[output_stride]
        third = [1] + [2 if output_stride == 8 else 1] * (depths[2] - 1)
        fourth = [2 ** (i + 1) if output_stride < 32 else 1 for i in range(depths[3])]
        dilations = ([1] * depths[0], [1] * depths[1], third, fourth)
        inputs = stem_width
        for i in range(4):
            stage = residual_stage(block, inputs, width << i, strides[i], dilations[i])
            self.add_module(f"layer{i + 1}", stage)
            inputs = (width << i) * block.expansion
        self.widths = tuple((width << i) * block.expansion for i in range(4))
        convolutions = sum(depths) * (3 if block is Bottleneck else 2)
        self.official = f"ResNet{convolutions + 2}, {stem} stem"
        initialise_convolutions(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map [B, channels, H, W] to four maps, 1/4 of the size and down to the output stride."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(images)), inplace=True))
        stages = []
        for i in range(4):
            x = self.get_submodule(f"layer{i + 1}")(x)
            stages.append(x)
        return tuple(stages)


DEPTHS: dict[str, tuple[Block, tuple[int, ...]]] = {
    # The published code's "resnet18" stacks 2-2-2-2 bottlenecks and does not run with its own
    # decoder (2048 channels where 512 are expected); this is the usual ResNet-18.
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
}


def initialise_convolutions(module: nn.Module) -> None:
    """Draw convolution weights after He et al. (fan out, ReLU) and zero their biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _conv3x3(inputs: int, outputs: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(
        inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
    )


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
    )


def _deep_stem(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        _conv3x3(channels, width, 2, 1),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        _conv3x3(width, width, 1, 1),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        _conv3x3(width, 2 * width, 1, 1),
    )
