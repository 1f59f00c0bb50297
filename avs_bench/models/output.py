"""What every model gives back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from avs_bench.data.clips import ClipLayout
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class AVSOutput:
    """Scores of a batch and what the losses and the pictures need beside them.

    N counts items: K·B for B images heard with K sounds each (own sounds first, then the
    shuffled ones), B·T for B clips of T frames.

    `scores` [N, classes, h', w'], where the head computes them; classes is 1 for a binary model.
    `size` (H, W) of the images, None if the scores have it.
    `features` [N, D, h, w], fused and before L2 normalisation, for the contrastive loss; None for
    the TPAVI models.
    `attention` [N, heads, h, w], how strongly each place answers the sound; None without one.
    `audio` [N, D], the audio embedding that entered the fusion; None for a visual-only model.
    `maps` and `map_audio`, for the TPAVI models only, finest stage first: the four fused maps
    [N, 256, h_i, w_i] after ReLU and the audio [B, T, 256], or unpacked [N, 256], that each was
    fused with; no audio from a visual-only model.
    """

    scores: Tensor
    features: Tensor | None = None
    attention: Tensor | None = None
    audio: Tensor | None = None
    maps: tuple[Tensor, ...] = ()
    map_audio: tuple[Tensor, ...] = ()
    size: tuple[int, int] | None = None

    @property
    def logits(self) -> Tensor:
        """Return the scores at the size of the images, bilinear: [N, classes, H, W].

        Made anew at each call; a loss that can do without takes the scores.
        """
        if self.size is None or tuple(self.scores.shape[-2:]) == self.size:
            return self.scores
        return F.interpolate(self.scores, self.size, mode="bilinear", align_corners=False)

    def first(self, items: int) -> AVSOutput:
        """Return scores and features of the first items: of the images with their own sounds."""
        features = None if self.features is None else self.features[:items]
        return replace(self, scores=self.scores[:items], features=features)

    def unpacked(self, clips: ClipLayout) -> AVSOutput:
        """Return what a model of clips says of their frames [N, ...], without the padding."""

        def kept(values: Tensor | None) -> Tensor | None:
            return None if values is None else clips.unpack(values)

        return replace(
            self,
            scores=clips.unpack(self.scores),
            features=kept(self.features),
            attention=kept(self.attention),
            audio=kept(self.audio),
            maps=tuple(clips.unpack(seen) for seen in self.maps),
            map_audio=tuple(clips.unpack(heard.flatten(0, 1)) for heard in self.map_audio),
        )


def as_output(given: object, images: Tensor) -> AVSOutput:
    """Return what a model gave for images [..., H, W]; bare scores [N, classes, h, w] are enough.

    Raises InputError for anything else, and for scores that are not numbers with a fraction.
    """
    if isinstance(given, Tensor):
        given = AVSOutput(given, size=(images.shape[-2], images.shape[-1]))
    if not isinstance(given, AVSOutput):
        raise InputError(
            f"the model gives a {type(given).__name__}: expected scores [N, classes, h, w] as a "
            "tensor, or an AVSOutput"
        )
    if given.scores.ndim != 4 or not given.scores.is_floating_point():
        raise InputError(
            f"the model gives scores {list(given.scores.shape)} of {given.scores.dtype}: expected "
            "[N, classes, h, w] with a fraction, before any softmax or argmax"
        )
    return given
