"""HRNetV2: four resolutions side by side, mixed after every module."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.models.resnet import (
    BasicBlock,
    Bottleneck,
    initialise_convolutions,
    residual_stage,
)

BLOCKS = 4  # basic blocks in a branch, and bottlenecks in layer1
MODULES = (1, 4, 3)  # of stages 2, 3 and 4


class HRNet(nn.Module):
    """HRNetV2 that gives its four branches, finest (1/4 of the image) first.

    `width` is the finest branch's, 48 in HRNetV2-w48; each further one has twice the channels
    and half the size.
    """

    official = "HRNetV2-w48"

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.widths = tuple(width << i for i in range(4))
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.layer1 = residual_stage(Bottleneck, 64, 64, 1, [1] * BLOCKS)
        self.transition1 = _transition([256], self.widths[:2])
        self.stage2 = _stage(self.widths[:2], MODULES[0])
        self.transition2 = _transition(self.widths[:2], self.widths[:3])
        self.stage3 = _stage(self.widths[:3], MODULES[1])
        self.transition3 = _transition(self.widths[:3], self.widths)
        self.stage4 = _stage(self.widths, MODULES[2])
        initialise_convolutions(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = F.relu(self.bn1(self.conv1(images)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        branches = [self.layer1(x)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            # A new branch comes from the last one there is.
            branches = [
                convert(branches[min(i, len(branches) - 1)]) for i, convert in enumerate(transition)
            ]
            branches = stage(branches)
        return tuple(branches)


class ExchangeModule(nn.Module):
    """One branch of basic blocks per resolution, then every branch receives all others."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            residual_stage(BasicBlock, width, width, 1, [1] * BLOCKS) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        branches = [blocks(x) for blocks, x in zip(self.branches, branches, strict=True)]
        return [self._receive(target, branches) for target in range(len(branches))]

    def _receive(self, target: int, branches: list[Tensor]) -> Tensor:
        total = branches[target]
        for source, branch in enumerate(branches):
            if source == target:
                continue
            x = self.fuse_layers.get_submodule(f"{target}.{source}")(branch)
            if source > target:
                size = branches[target].shape[-2:]
                x = F.interpolate(x, size, mode="bilinear", align_corners=True)
            total = total + x
        return F.relu(total, inplace=True)


class ConcatenatedBranches(nn.Module):
    """The decoder of plain HRNetV2: all branches at the size of the finest, concatenated."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.width = sum(widths)

    def forward(self, branches: tuple[Tensor, ...]) -> Tensor:
        finest, *others = branches
        size = finest.shape[-2:]
        resized = [F.interpolate(x, size, mode="bilinear", align_corners=True) for x in others]
        return torch.cat([finest, *resized], dim=1)


class HRNetHead(nn.Module):
    """One 3×3 convolution and the classifier: [N, width, h, w] to [N, classes, h, w]."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.last_conv = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.1),
        )
        self.classifier = nn.Conv2d(width, classes, 1, bias=False)
        initialise_convolutions(self)

    def forward(self, features: Tensor) -> Tensor:
        return self.classifier(self.last_conv(features))


def _stage(widths: tuple[int, ...], modules: int) -> nn.Sequential:
    return nn.Sequential(*(ExchangeModule(widths) for _ in range(modules)))


def _transition(before: tuple[int, ...] | list[int], after: tuple[int, ...]) -> nn.ModuleList:
    """Return one converter per branch of the next stage; unchanged branches pass through."""
    converters: list[nn.Module] = []
    for i, width in enumerate(after):
        if i >= len(before):
            converters.append(nn.Sequential(_unit(before[-1], width, 2, relu=True)))
        elif before[i] != width:
            converters.append(_unit(before[i], width, 1, relu=True))
        else:
            converters.append(nn.Identity())
    return nn.ModuleList(converters)


def _exchange(widths: tuple[int, ...], source: int, target: int) -> nn.Module:
    """Return what takes branch `source` to the width, and if finer to the size, of `target`."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(widths[source], widths[target], 1, bias=False),
            nn.BatchNorm2d(widths[target]),
        )
    steps = target - source
    return nn.Sequential(
        *(_unit(widths[source], widths[source], 2, relu=True) for _ in range(steps - 1)),
        _unit(widths[source], widths[target], 2, relu=False),
    )


def _unit(inputs: int, outputs: int, stride: int, *, relu: bool) -> nn.Sequential:
    unit = nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
    )
    return unit.append(nn.ReLU(inplace=True)) if relu else unit
