"""The simple fusions of the ablations: no sound at all, and a plain sum.

Every fusion maps visual features [B, D, h, w] and audio embeddings [K·B, D] to the fused features
[K·B, D, h, w] and an attention map or None; item k·B + b of the audio is heard with image b.
"""

from torch import Tensor, nn


class VisualOnly(nn.Module):
    """Gives the visual features back: the ablation without sound."""

    def forward(self, visual: Tensor, audio: Tensor | None) -> tuple[Tensor, None]:
        return visual, None


class Addition(nn.Module):
    """Adds the audio embedding to the features of every place (A⊕V)."""

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, None]:
        sounds = audio.view(-1, *visual.shape[:2], 1, 1)
        return (visual + sounds).flatten(0, 1), None
