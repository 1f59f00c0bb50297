"""The fusions of the ablations: no sound at all, a plain sum, and TPAVI's block.

Every fusion maps visual features [B, D, h, w] and audio embeddings [K·B, D] to the fused features
[K·B, D, h, w] and an attention map or None; item k·B + b of the audio is heard with image b.
"""

from torch import Tensor, nn

from avs_bench.models.tpavi_block import TPAVIBlock


class VisualOnly(nn.Module):
    """Gives the visual features back: the ablation without sound."""

    def forward(self, visual: Tensor, audio: Tensor | None) -> tuple[Tensor, None]:
        return visual, None


class Addition(nn.Module):
    """Adds the audio embedding to the features of every place (A⊕V)."""

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, None]:
        sounds = audio.view(-1, *visual.shape[:2], 1, 1)
        return (visual + sounds).flatten(0, 1), None


class SingleFrameTPAVI(nn.Module):
    """TPAVI's block on clips of one frame, in the place of the cross-attention.

    Its own norm comes last, so the features are what the block returns.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = TPAVIBlock(width, width // 2, audio_width=width)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        sounds = audio.shape[0] // visual.shape[0]
        features, _, responses = self.block(visual.repeat(sounds, 1, 1, 1), audio.unsqueeze(1))
        return features, responses
