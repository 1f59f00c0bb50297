"""Deformable attention over several maps: each token looks at a few places that it chooses."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Sizes = tuple[tuple[int, int], ...]
"""Height and width of each level's map, finest first."""


class DeformableAttention(nn.Module):
    """Every token samples `points` places of each level's map (avsegformer.md, Network 6).

    A head of a token chooses its offsets and weights by linear layers; one softmax runs over all
    places of all levels. An offset of 1 is one pixel of the level that is sampled.
    """

    def __init__(self, width: int, heads: int = 8, levels: int = 3, points: int = 4) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(width, heads * levels * points * 2)
        self.attention_weights = nn.Linear(width, heads * levels * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)
        self.initialise()

    def initialise(self) -> None:
        """Begin with offsets on rays, one direction a head, and with equal weights."""
        angles = 2 * math.pi * torch.arange(self.heads, dtype=torch.float32) / self.heads
        rays = torch.stack([angles.cos(), angles.sin()], dim=-1)
        rays = rays / rays.abs().amax(dim=-1, keepdim=True)
        steps = torch.arange(1, self.points + 1, dtype=torch.float32)
        offsets = rays[:, None, None] * steps[:, None]  # [heads, 1, points, (x, y)]
        with torch.no_grad():
            bias = offsets.expand(-1, self.levels, -1, -1).flatten()
            self.sampling_offsets.bias.copy_(bias)
        nn.init.zeros_(self.sampling_offsets.weight)
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, queries: Tensor, tokens: Tensor, centres: Tensor, sizes: Sizes) -> Tensor:
        """Return what each query [N, L, width] finds among the tokens [N, L', width].

        `tokens` are the maps of `sizes`, each row by row, one after the other; `centres` [L, 2]
        are the queries' own places as (x, y) shares of the picture. Places outside a map give 0.
        """
        N, L, _ = queries.shape
        shape = (N, L, self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(queries).view(*shape, 2)
        weights = self.attention_weights(queries).view(*shape[:3], -1).softmax(dim=-1).view(shape)
        maps = self.value_proj(tokens).split([h * w for h, w in sizes], dim=1)
        answer = None
        levels = zip(sizes, maps, offsets.unbind(3), weights.unbind(3), strict=True)
        for size, values, offset, weight in levels:
            found = self._sampled(values, size, offset, centres)
            share = weight.transpose(1, 2).flatten(0, 1).unsqueeze(1)
            part = (found * share).sum(dim=-1)  # [N·heads, width/heads, L]
            answer = part if answer is None else answer + part
        assert answer is not None, "there is at least one level"
        joined: Tensor = self.output_proj(answer.view(N, -1, L).transpose(1, 2))
        return joined

    def _sampled(
        self, values: Tensor, size: tuple[int, int], offsets: Tensor, centres: Tensor
    ) -> Tensor:
        """Return the values [N·heads, width/heads, L, points] at the places of one level."""
        N, _, width = values.shape
        h, w = size
        maps = values.transpose(1, 2).reshape(N * self.heads, width // self.heads, h, w)
        shares = offsets / offsets.new_tensor([w, h]) + centres[:, None, None]
        places = shares.transpose(1, 2).flatten(0, 1)  # [N·heads, L, points, (x, y)]
        return F.grid_sample(maps, 2 * places - 1, "bilinear", "zeros", align_corners=False)


def map_centres(sizes: Sizes, like: Tensor) -> Tensor:
    """Return the centre of every place of every map as (x, y) shares of the picture: [L, 2]."""
    centres = []
    for h, w in sizes:
        y = (torch.arange(h, device=like.device, dtype=like.dtype) + 0.5) / h
        x = (torch.arange(w, device=like.device, dtype=like.dtype) + 0.5) / w
        centres.append(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1))
    return torch.cat(centres)
