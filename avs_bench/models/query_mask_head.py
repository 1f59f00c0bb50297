"""AVSegFormer's mask feature, which the sound weighs, and the head that joins queries with it."""

import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.models.query_decoder import QUERIES

GROUPS = 32


def normed_convolution(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Return a convolution that keeps the size, and a GroupNorm of 32 groups."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.GroupNorm(GROUPS, outputs)
    )


class ChannelMixer(nn.Module):
    """A factor in (0, 1) for each channel of a feature, chosen by the sound (Network 10)."""

    def __init__(self, width: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.kv_proj = nn.Linear(width, 2 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, feature: Tensor, audio: Tensor) -> Tensor:
        """Return the feature [N, width, h, w], each channel weighed for audio [N, 1, width]."""
        places = feature.flatten(2).transpose(1, 2)
        key, value = self.kv_proj(places).chunk(2, dim=-1)
        query = self.q_proj(audio)
        query, key, value = (
            one.reshape(*one.shape[:2], self.heads, -1).transpose(1, 2)
            for one in (query, key, value)
        )
        context = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(1)
        factors: Tensor = self.proj(context).sigmoid()[..., None, None]
        return feature * factors


class QueryMaskHead(nn.Module):
    """Maps of queries times feature, mixed and added to the feature, then scored (Network 11)."""

    def __init__(
        self, width: int, classes: int, hidden: int = 2048, queries: int = QUERIES
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Conv2d(queries, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, width, 1),
        )
        self.fc = nn.Sequential(
            nn.Conv2d(width, 128, 3, padding=1),
            nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False),
            nn.Conv2d(128, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, classes, 1, bias=False),
        )

    def forward(self, queries: Tensor, feature: Tensor) -> Tensor:
        """Return logits [N, classes, 4h, 4w] of queries [N, 300, D] on a feature [N, D, h, w]."""
        maps = (queries @ feature.flatten(2)).view(*queries.shape[:2], *feature.shape[-2:])
        logits: Tensor = self.fc(feature + self.mlp(maps))
        return logits
