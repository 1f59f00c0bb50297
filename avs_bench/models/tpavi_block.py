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
    published models; `align_bias` is false in the published semantic model. With `visual_too`
    the same block also runs with the places in the sound's stead, and both results are averaged.
    """

    def __init__(
        self,
        width: int = 256,
        inner: int = 128,
        audio_width: int = 128,
        *,
        align_bias: bool = True,
        visual_too: bool = False,
    ) -> None:
        super().__init__()
        self.visual_too = visual_too
        self.align_channel = nn.Linear(audio_width, width, bias=align_bias)
        self.g = nn.Conv3d(width, inner, 1)
        self.theta = nn.Conv3d(width, inner, 1)
        self.phi = nn.Conv3d(width, inner, 1)
        join, join_norm = nn.Conv3d(inner, width, 1), nn.BatchNorm3d(width)
        self.W_z = nn.Sequential(join, join_norm)
        self.norm_layer = nn.LayerNorm(width)
        # The block begins as the identity, so theta, phi and g get no gradient at the first step.
        nn.init.zeros_(join_norm.weight)
        nn.init.zeros_(join_norm.bias)

    def forward(self, maps: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fuse maps [B·T, width, h, w] with audio features [B, T, audio_width].

        Returns the fused maps of the same shape, the aligned audio [B, T, width], and how
        strongly each place answers its own frame's sound, [B·T, 1, h, w], of either sign.
        """
        B, T = audio.shape[:2]
        h, w = maps.shape[-2:]
        clips = maps.flatten(2).transpose(1, 2).reshape(B, T * h * w, -1)
        aligned = self.align_channel(audio)

        phi = _linear(self.phi, aligned)
        weight, bias = _matrix(self.theta)
        probes, thresholds = phi @ weight, phi @ bias  # [B, T, width] and [B, T]
        # f is divided by T·h·w, and g summed over h·w places: the mean over h·w divided by T.
        frames = clips.view(B, T, h * w, -1).mean(2)
        join, join_bias = _matrix(self.W_z[0])
        answers = _linear(self.g, frames) / T @ join.T
        responses = torch.baddbmm(thresholds.unsqueeze(1), clips, probes.transpose(1, 2))
        fused = self._join(responses @ answers + join_bias, clips)
        if self.visual_too:
            fused = (fused + self._join(self._interact(clips), clips)) / 2

        own = responses.view(B, T, h, w, T).diagonal(dim1=1, dim2=4)  # [B, h, w, T]
        return (
            fused.reshape(B * T, h * w, -1).transpose(1, 2).unflatten(2, (h, w)),
            aligned,
            own.permute(0, 3, 1, 2).reshape(B * T, 1, h, w),
        )

    def _interact(self, clips: Tensor) -> Tensor:
        """Return z of the places asking each other: theta·(phiᵀ·g) in place of (theta·phiᵀ)·g."""
        pairs = _linear(self.phi, clips).transpose(1, 2) @ _linear(self.g, clips) / clips.shape[1]
        return _linear(self.W_z[0], _linear(self.theta, clips) @ pairs)

    def _join(self, z: Tensor, clips: Tensor) -> Tensor:
        """Normalise z [B, places, width] over the batch, add the places, normalise each place."""
        norm = self.W_z.get_submodule("1")
        z = norm(z.transpose(1, 2)[..., None, None]).flatten(2).transpose(1, 2)
        return self.norm_layer(z + clips)


class AddedSound(nn.Module):
    """A⊕V of P2's ablation: the aligned sound of a frame added to each place of its maps.

    The paper says that the audio feature is added to the visual ones. The layer that gives it
    their width is TPAVI's, and nothing normalises the sum: both are ours, for nothing is published.
    """

    def __init__(
        self, width: int = 256, audio_width: int = 128, *, align_bias: bool = True
    ) -> None:
        super().__init__()
        self.align_channel = nn.Linear(audio_width, width, bias=align_bias)

    def forward(self, maps: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, None]:
        """Fuse as `TPAVIBlock` does; there is no answer of the places to give back."""
        aligned = self.align_channel(audio)
        return maps + aligned.flatten(0, 1)[..., None, None], aligned, None


def _matrix(convolution: nn.Module) -> tuple[Tensor, Tensor]:
    """Return a 1×1×1 convolution as its matrix [outputs, inputs] and its bias."""
    assert isinstance(convolution, nn.Conv3d)
    assert convolution.bias is not None
    return convolution.weight.flatten(1), convolution.bias


def _linear(convolution: nn.Module, x: Tensor) -> Tensor:
    """Apply a 1×1×1 convolution to tokens [..., inputs]."""
    return F.linear(x, *_matrix(convolution))
