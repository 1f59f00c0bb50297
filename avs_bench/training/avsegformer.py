"""What AVSegFormer minimises: a loss of the masks and one of the mask feature (avsegformer.md)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from avs_bench.config import AVSegFormerSettings, Settings
from avs_bench.losses.cross_entropy import binary_cross_entropy, cross_entropy
from avs_bench.losses.dice import dice, feature_mask, objects
from avs_bench.models.output import AVSOutput
from avs_bench.training.cavp import CavpObjective, features_of
from avs_bench.training.segmentation import SegmentationLoss
from avs_bench.training.splitting import Splitting, Totals, annotated


@dataclass(frozen=True)
class MaskLosses:
    """The terms of annotated frames; those without annotation teach nothing.

    S4, MS3 and AVSS differ in the number of logits and in what is annotated, not in code. Masks
    of one object compare by Dice or binary cross-entropy, classes by cross-entropy. The mean of
    the mask feature is one more mask, of any object.
    """

    settings: AVSegFormerSettings

    def __call__(self, output: AVSOutput, targets: Tensor, totals: Totals) -> dict[str, Tensor]:
        """Return the terms of frames with targets [N, H, W], see `SegmentationLoss`."""
        terms: dict[str, Tensor] = {}
        if output.scores.shape[1] == 1:
            terms[self.settings.mask_loss] = self._of_mask(output.logits[:, 0], targets, totals)
        else:
            terms["cross_entropy"] = cross_entropy(output.scores, targets, totals.pixels)
        if self.settings.mix_weight:
            size = (targets.shape[-2], targets.shape[-1])
            mask = feature_mask(features_of(output).float(), size)
            mix = self._of_mask(mask, objects(targets), totals)
            terms["mix"] = self.settings.mix_weight * mix
        return terms

    def _of_mask(self, logits: Tensor, targets: Tensor, totals: Totals) -> Tensor:
        """Return the loss of logits [N, H, W] of "an object" against targets of 0, 1 and 255."""
        if self.settings.mask_loss == "bce":
            return binary_cross_entropy(logits.unsqueeze(1), targets, totals.pixels)
        return (dice(logits.float(), targets) * annotated(targets)).sum() / max(1, totals.annotated)


def avsegformer_objective(
    settings: Settings,
    classes: int,
    device: torch.device,
    splitting: Splitting,
    loss: SegmentationLoss | None = None,
) -> CavpObjective:
    """Return AVSegFormer's losses, and with `contrastive.weight` CAVP's pairs on its mask feature.

    The published method has no pairs.
    """
    losses = loss or MaskLosses(settings.avsegformer)
    return CavpObjective(settings, classes, device, splitting, losses)
