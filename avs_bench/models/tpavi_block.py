"""TPAVI's non-local block: every place of every frame asks the sounds of all frames."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TPAVIBlock(nn.Module):
    """Temporal pixel-wise audio-visual interaction (P2, section 3; models.md, TPAVI).

    Published as a matrix f = thetaᵀ·phi over all pairs of places of a clip, divided by their
    number and multiplied with g. There is no softmax, so the sum over the places q of a frame can
    be taken first. With audio, phi is the same in a whole frame: what a frame contributes is its
    phi times the sum of its g, a place needs one product with each *frame's* probe and answer,
    and theta, g and W_z never act on a place. Cost: T·width per place instead of T·h·w·inner.

    `width` is that of the visual maps, `audio_width` the audio features', `inner` 128 in the
    published models; `align_bias` is false in the published semantic model.
    """

    def __init__(
        self, width: int = 256, inner: int = 128, audio_width: int = 128, align_bias: bool = True
    ) -> None:
        super().__init__()
        self.align_channel = nn.Linear(audio_width, width, bias=align_bias)
        self.g = nn.Conv3d(width, inner, 1)
        self.theta = nn.Conv3d(width, inner, 1)
        self.phi = nn.Conv3d(width, inner, 1)
        self.W_z = nn.Sequential(nn.Conv3d(inner, width, 1), nn.BatchNorm3d(width))
        self.norm_layer = nn.LayerNorm(width)
        # The block begins as the identity, so theta, phi and g get no gradient at the first step.
        nn.init.zeros_(self.W_z[1].weight)
        nn.init.zeros_(self.W_z[1].bias)

    def forward(self, maps: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fuse maps [B·T, width, h, w] with audio features [B, T, audio_width].

        Returns the fused maps of the same shape, the aligned audio [B, T, width], and how
        strongly each place answers its own frame's sound, [B·T, 1, h, w], of either sign.
        """
        B, T = audio.shape[:2]
        h, w = maps.shape[-2:]
        aligned = self.align_channel(audio)
        places = maps.flatten(2).transpose(1, 2)  # [B·T, h·w, width]

        phi = _linear(self.phi, aligned)
        probes = phi @ self.theta.weight.flatten(1)  # [B, T, width]
        thresholds = phi @ self.theta.bias
        # f is divided by T·h·w, and g summed over h·w places: the mean over h·w divided by T.
        g = _linear(self.g, places.mean(1).view(B, T, -1)) / T
        answers = g @ self.W_z[0].weight.flatten(1).T

        clips = places.reshape(B, T * h * w, -1)
        responses = torch.baddbmm(thresholds.unsqueeze(1), clips, probes.transpose(1, 2))
        z = torch.baddbmm(self.W_z[0].bias.expand(1, 1, -1), responses, answers)
        z = self.W_z[1](z.transpose(1, 2)[..., None, None]).flatten(2).transpose(1, 2)
        fused = self.norm_layer(z + clips).reshape_as(places)
        own = responses.view(B, T, h, w, T).diagonal(dim1=1, dim2=4)  # [B, h, w, T]
        return (
            fused.transpose(1, 2).unflatten(2, (h, w)),
            aligned,
            own.permute(0, 3, 1, 2).reshape(B * T, 1, h, w),
        )


def _linear(convolution: nn.Conv3d, x: Tensor) -> Tensor:
    """Apply a 1×1×1 convolution to tokens [..., inputs]."""
    return F.linear(x, convolution.weight.flatten(1), convolution.bias)
