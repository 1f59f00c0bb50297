"""TPAVI's matching terms: how well masked maps match the sound (models.md).

Maps are the model's four [N, 256, h, w] after ReLU, audio its four [N, 256]; N counts frames.
Every term is one number a frame, averaged over the maps, so that the caller decides
which frames count and whether they are summed (MS3) or averaged (S4, AVSS).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-6  # Zhou et al. 2022, avs_s4/loss.py: in the masked mean and in the logarithm


def cosine_matching(maps: Sequence[Tensor], audio: Sequence[Tensor], logits: Tensor) -> Tensor:
    """Return S4's term [N]: −log of the cosine between the sound and the mean of what is masked.

    The mask is the pooled probability above one half, so no gradient passes through it.
    """
    terms = []
    for seen, heard in zip(maps, audio, strict=True):
        mask = (_pooled(logits.sigmoid(), seen) > 0.5).to(seen.dtype)
        mean = (seen * mask).sum((2, 3)) / (mask.sum((2, 3)) + EPSILON)
        cosine = (F.normalize(heard, dim=1) * F.normalize(mean, dim=1)).sum(1)
        terms.append(-torch.log(F.relu(cosine) + EPSILON))
    return torch.stack(terms).mean(0)


def divergence_matching(
    maps: Sequence[Tensor],
    audio: Sequence[Tensor],
    logits: Tensor,
    *,
    normalise: bool,
    nearest: bool = False,
) -> Tensor:
    """Return MS3's and AVSS's term [N]: KL(softmax(sound) ‖ softmax(masked map)) over channels.

    The masked map is the mean over all places of map × mask. In a binary model the mask is the
    sigmoid of the pooled logits; in a semantic one, the pooled places that are not background.
    With `normalise` both vectors have unit length before the softmax. With `nearest` a frame's
    sound is replaced by the masked map of the frame that sounds most like it (visual-visual).
    """
    terms = []
    for seen, heard in zip(maps, audio, strict=True):
        vectors, sounds = (seen * _soft_mask(logits, seen)).mean((2, 3)), heard
        if normalise:
            vectors, sounds = F.normalize(vectors, dim=1), F.normalize(sounds, dim=1)
        wanted = vectors[_nearest_other(sounds)] if nearest else sounds
        found = vectors.log_softmax(1)
        terms.append(F.kl_div(found, wanted.softmax(1), reduction="none").sum(1))
    return torch.stack(terms).mean(0)


def _soft_mask(logits: Tensor, like: Tensor) -> Tensor:
    if logits.shape[1] == 1:
        return _pooled(logits, like).sigmoid()
    return _pooled((logits.argmax(1, keepdim=True) != 0).to(like.dtype), like)


def _pooled(scores: Tensor, like: Tensor) -> Tensor:
    """Average scores [N, 1, H, W] down to the size of a map."""
    return F.adaptive_avg_pool2d(scores, (like.shape[-2], like.shape[-1]))


def _nearest_other(vectors: Tensor) -> Tensor:
    """Return the index [N] of the row nearest to each row, itself excepted."""
    return torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).argmin(1)
