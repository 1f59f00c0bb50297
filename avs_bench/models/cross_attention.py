"""CAVP's fusion: every place of the image asks one audio token."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Perceptron(nn.Module):
    """Linear, GELU (exact), Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class CrossAttention(nn.Module):
    """Projector and one cross-attention block with sigmoid weights (models.md, CAVP fusion).

    The same function as the published one, with less work in each place:

    - with a single key, q·k of a head is the place's token times (Wqᵀ·k), and the head's answer
      behind the output layer is its weight times (Wo·v): neither Wq nor Wo is applied to a place;
    - the projector's second layer and the embedding are linear with nothing between them: they
      are multiplied with each other first;
    - projector, embedding and first norm know nothing of the sound: they run once an image,
      however many sounds it is heard with;
    - the published block also lets the sound attend to the places and drops the result.
    """

    def __init__(self, width: int, heads: int = 4, hidden: int = 256, expansion: int = 4) -> None:
        super().__init__()
        self.width = width
        self.heads = heads
        self.projector = Perceptron(width, hidden)
        self.embed_visual = nn.Linear(width, width)
        self.embed_audio = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.join = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width, expansion * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse visual features [B, D, h, w] with audio embeddings [K·B, D].

        Item k·B + b of the audio is heard with image b. Returns the fused features
        [K·B, D, h, w] and the attention [K·B, heads, h, w], each weight in (0, 1).
        """
        B, D, h, w = visual.shape
        N, H = audio.shape[0], self.heads
        places = self._embed(visual.flatten(2).transpose(1, 2))

        # What an item's sound asks of a place, and what it answers, head by head: [N, H, D].
        # norm1 serves both sides, and the residual starts from its output: so it is published.
        token = self.norm1(self.embed_audio(audio))
        keys = self.key(token).view(N, H, 1, D // H) / math.sqrt(D // H)
        values = self.value(token).view(N, H, 1, D // H)
        probes = (keys @ self.query.weight.view(H, D // H, D)).squeeze(2)
        answers = (values @ self.join.weight.view(D, H, D // H).permute(1, 2, 0)).squeeze(2)

        # All sounds of an image in one product: [B, hw, D] × [B, D, K·H].
        probes = probes.view(-1, B, H, D).permute(1, 3, 0, 2).flatten(2)
        weights = torch.sigmoid(places @ probes)
        weights = weights.view(B, h * w, -1, H).permute(2, 0, 1, 3).flatten(0, 1)

        fused = (weights @ answers).view(-1, B, h * w, D) + (
            places + self.join.bias.to(places.dtype)
        )
        fused = fused + self.mlp(self.norm2(fused))
        features = self.norm(fused).flatten(0, 1).transpose(1, 2).unflatten(2, (h, w))
        return features, weights.transpose(1, 2).unflatten(2, (h, w))

    def _embed(self, tokens: Tensor) -> Tensor:
        """Return norm1(embed_visual(projector(tokens))), the two adjoining layers multiplied."""
        outer, inner = self.embed_visual, self.projector.fc2
        weight = outer.weight @ inner.weight
        bias = outer.weight @ inner.bias + outer.bias
        return self.norm1(F.linear(F.gelu(self.projector.fc1(tokens)), weight, bias))
