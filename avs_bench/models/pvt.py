"""PVTv2-b5: a pyramid of transformers with shrunken keys and values."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROP_PATH = 0.1  # of the last block in training; grows linearly from 0


class Stage(NamedTuple):
    """Size of one of the four stages; keys and values are `reduction` times smaller a side."""

    width: int
    depth: int
    heads: int
    reduction: int


B5 = (Stage(64, 3, 1, 8), Stage(128, 6, 2, 4), Stage(320, 40, 5, 2), Stage(512, 3, 8, 1))


class PVTv2(nn.Module):
    """PVTv2 that gives its four stage outputs, 1/4 of the image and down to 1/32.

    LayerNorms of blocks and stages have eps 1e-6, those of patch embeddings and reductions 1e-5.
    """

    official = "PVTv2-b5"

    def __init__(self, stages: tuple[Stage, ...] = B5) -> None:
        super().__init__()
        self.widths = tuple(stage.width for stage in stages)
        rates = torch.linspace(0, DROP_PATH, sum(s.depth for s in stages), device="cpu").tolist()
        inputs, kernel, stride = 3, 7, 4
        for i, stage in enumerate(stages, start=1):
            embedding = PatchEmbedding(inputs, stage.width, kernel, stride)
            blocks = nn.ModuleList(Block(stage, rates.pop(0)) for _ in range(stage.depth))
            self.add_module(f"patch_embed{i}", embedding)
            self.add_module(f"block{i}", blocks)
            self.add_module(f"norm{i}", nn.LayerNorm(stage.width, eps=1e-6))
            inputs, kernel, stride = stage.width, 3, 2
        self.apply(_initialise)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x, outputs = images, []
        for i in range(1, len(self.widths) + 1):
            tokens, (h, w) = self.get_submodule(f"patch_embed{i}")(x)
            for block in self.get_submodule(f"block{i}").children():
                tokens = block(tokens, h, w)
            x = _places(self.get_submodule(f"norm{i}")(tokens), h, w)
            outputs.append(x)
        return tuple(outputs)


class PatchEmbedding(nn.Module):
    """Overlapping patches as normed tokens [B, h·w, width], with their h and w."""

    def __init__(self, inputs: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, width, kernel, stride=stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x = self.proj(x)
        h, w = x.shape[-2:]
        return self.norm(x.flatten(2).transpose(1, 2)), (h, w)


class Block(nn.Module):
    """Attention and perceptron, each normed, skipped at random in training and added."""

    def __init__(self, stage: Stage, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(stage.width, eps=1e-6)
        self.attn = ReducedAttention(stage.width, stage.heads, stage.reduction)
        self.norm2 = nn.LayerNorm(stage.width, eps=1e-6)
        self.mlp = ConvolvedPerceptron(stage.width, 4 * stage.width)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        x = x + self._survive(self.attn(self.norm1(x), h, w))
        return x + self._survive(self.mlp(self.norm2(x), h, w))

    def _survive(self, x: Tensor) -> Tensor:
        """Drop the branch for a random part of the batch and scale up the rest."""
        if not self.training or self.drop_path == 0:
            return x
        keep = 1 - self.drop_path
        return x * (x.new_empty(x.shape[0], 1, 1).bernoulli_(keep) / keep)


class ReducedAttention(nn.Module):
    """Softmax attention of [B, h·w, width] on itself, shrunk by a strided convolution."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.reduction = reduction
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, stride=reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        sources = x
        if self.reduction > 1:
            sources = self.norm(self.sr(_places(x, h, w)).flatten(2).transpose(1, 2))
        query = self.q(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        key, value = self.kv(sources).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        answer = F.scaled_dot_product_attention(query, key, value)
        return self.proj(answer.transpose(1, 2).flatten(2))


class ConvolvedPerceptron(nn.Module):
    """Linear, depth-wise 3×3 convolution over the places, GELU, Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.dwconv = DepthwiseConvolution(hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        return self.fc2(F.gelu(self.dwconv(self.fc1(x), h, w)))


class DepthwiseConvolution(nn.Module):
    """3×3 convolution of each channel of the tokens [B, h·w, width] by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, tokens: Tensor, h: int, w: int) -> Tensor:
        return self.dwconv(_places(tokens, h, w)).flatten(2).transpose(1, 2)


def _places(tokens: Tensor, h: int, w: int) -> Tensor:
    """Return tokens [B, h·w, D] as [B, D, h, w], without a copy (its memory is channels-last)."""
    return tokens.transpose(1, 2).unflatten(2, (h, w))


def _initialise(layer: nn.Module) -> None:
    """Draw weights as the published PVTv2 does: 0.02-normal linear, fan-out convolutions."""
    if isinstance(layer, nn.Linear):
        nn.init.trunc_normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.Conv2d):
        fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels // layer.groups
        nn.init.normal_(layer.weight, 0, (2 / fan_out) ** 0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
