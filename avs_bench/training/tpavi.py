"""What TPAVI minimises: cross-entropy plus how well the masked maps match the sound (P2)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.losses.cross_entropy import binary_cross_entropy, cross_entropy
from avs_bench.losses.tpavi import cosine_matching, divergence_matching
from avs_bench.models.execution import ExecutedModel
from avs_bench.models.output import AVSOutput
from avs_bench.training.segmentation import SegmentationLoss, segmentation_terms
from avs_bench.training.splitting import Splitting, Totals, annotated


class TpaviObjective:
    """The loss terms of a batch; nothing is remembered from step to step.

    S4, MS3 and AVSS differ in `settings.tpavi` and in what is labelled, not in code: a frame
    without annotation is ignored, so S4 trains on the first frame of each clip.
    """

    def __init__(
        self,
        settings: Settings,
        classes: int,
        device: torch.device,
        splitting: Splitting,
        loss: SegmentationLoss | None = None,
    ) -> None:
        self._settings = settings.tpavi
        self._loss = loss or self._terms
        self._device = device
        self._splitting = splitting

    def loss_terms(
        self, model: ExecutedModel, batch: Batch, epoch: int, step: int
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the weighted terms of each part of the batch, see `Objective`."""
        return segmentation_terms(self._loss, model, batch, self._splitting, self._device)

    def _terms(self, output: AVSOutput, targets: Tensor, totals: Totals) -> dict[str, Tensor]:
        binary = output.logits.shape[1] == 1
        entropy = binary_cross_entropy if binary else cross_entropy
        terms = {"cross_entropy": entropy(output.logits, targets, totals.pixels)}
        if self._settings.weight and output.map_audio:  # which a model without sound has not
            terms["matching"] = self._settings.weight * self._matching(output, targets, totals)
        return terms

    def _matching(self, output: AVSOutput, targets: Tensor, totals: Totals) -> Tensor:
        """Return S4's term as the mean over frames, MS3's summed, AVSS's over labelled frames."""
        audio = tuple(heard.flatten(0, -2) for heard in output.map_audio)
        if self._settings.matching == "cosine":
            return cosine_matching(output.maps, audio, output.logits).sum() / totals.frames
        matching = divergence_matching(
            output.maps, audio, output.logits, normalise=self._settings.normalise
        )
        if output.logits.shape[1] == 1:
            return matching.sum()
        return (matching * annotated(targets)).sum() / max(1, totals.annotated)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps beside the model: nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
