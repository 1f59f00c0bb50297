"""What every model gives back."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class AVSOutput:
    """Scores of a batch and what the losses and the pictures need beside them.

    N counts items: K·B for B images heard with K sounds each (own sounds first, then the
    shuffled ones), B·T for B clips of T frames.

    `logits` [N, classes, H, W], at the size of the images; classes is 1 for a binary model.
    `features` [N, D, h, w], fused and before L2 normalisation, for the contrastive loss; None for
    the TPAVI models.
    `attention` [N, heads, h, w], how strongly each place answers the sound; None without one.
    `audio` [N, D], the audio embedding that entered the fusion; None for a visual-only model.
    `maps` and `map_audio`, for the TPAVI models only, finest stage first: the four fused maps
    [N, 256, h_i, w_i] after ReLU and the audio [B, T, 256] that each was fused with.
    """

    logits: Tensor
    features: Tensor | None = None
    attention: Tensor | None = None
    audio: Tensor | None = None
    maps: tuple[Tensor, ...] = ()
    map_audio: tuple[Tensor, ...] = ()
