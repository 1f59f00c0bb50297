"""AVSegFormer's encoder: the places of three maps look at each other."""

import torch
from torch import Tensor, nn

from avs_bench.models.deformable_attention import DeformableAttention, Sizes, map_centres
from avs_bench.models.query_attention import DroppedPerceptron

TEMPERATURE = 10_000


class PixelEncoder(nn.Module):
    """Layers of deformable attention over maps (avsegformer.md, Network 5 and 6)."""

    def __init__(
        self, width: int, hidden: int = 2048, levels: int = 3, depth: int = 6, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.randn(levels, width))
        self.layers = nn.ModuleList(
            PixelEncoderLayer(width, hidden, levels, dropout) for _ in range(depth)
        )

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Return the tokens [N, L, width] of maps [N, width, h_i, w_i], finest level first."""
        sizes: Sizes = tuple((one.shape[2], one.shape[3]) for one in maps)
        tokens = torch.cat([one.flatten(2).transpose(1, 2) for one in maps], dim=1)
        positions = torch.cat(
            [
                position_code(h, w, self.level_embed) + level
                for (h, w), level in zip(sizes, self.level_embed, strict=True)
            ]
        )
        centres = map_centres(sizes, tokens)
        for layer in self.layers:
            tokens = layer(tokens, positions, centres, sizes)
        return tokens


class PixelEncoderLayer(nn.Module):
    """Deformable attention and perceptron, each added and then normed."""

    def __init__(self, width: int, hidden: int, levels: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(width, levels=levels)
        self.norm1 = nn.LayerNorm(width)
        self.mlp = DroppedPerceptron(width, hidden, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, positions: Tensor, centres: Tensor, sizes: Sizes) -> Tensor:
        """Return the tokens [N, L, width]; `positions` [L, width] are known to the asking side."""
        found = self.self_attn(tokens + positions, tokens, centres, sizes)
        x = self.norm1(tokens + self.drop(found))
        y: Tensor = self.norm2(x + self.drop(self.mlp(x)))
        return y


def position_code(h: int, w: int, like: Tensor) -> Tensor:
    """Return sines and cosines of every place of a map, row by row: [h·w, width of `like`].

    The first half of the channels codes the row, the second the column, both counted from 1.
    """
    half = like.shape[-1] // 2
    channel = torch.arange(half, device=like.device)
    rate = TEMPERATURE ** (2 * (channel // 2).float() / half)

    def code(length: int) -> Tensor:
        angle = torch.arange(1, length + 1, device=like.device).float()[:, None] / rate
        return torch.where(channel % 2 == 0, angle.sin(), angle.cos())

    rows = code(h)[:, None].expand(h, w, half)
    columns = code(w)[None].expand(h, w, half)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1).to(like.dtype)
