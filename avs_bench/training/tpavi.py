"""What TPAVI minimises: cross-entropy plus how well the masked maps match the sound (P2)."""

from collections.abc import Callable

import torch
from torch import Tensor

from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.images import normalise
from avs_bench.data.spectrograms import vggish_examples
from avs_bench.losses.cross_entropy import cross_entropy, valid_pixels
from avs_bench.losses.tpavi import binary_cross_entropy, cosine_matching, divergence_matching
from avs_bench.models import AVSOutput
from vpo_builder.schema import IGNORE


class TpaviObjective:
    """The loss terms of a batch; nothing is remembered from step to step.

    S4, MS3 and AVSS differ in `settings.tpavi` and in what is labelled, not in code: a frame
    without annotation is ignored, so S4 trains on the first frame of each clip.
    """

    def __init__(self, settings: Settings, classes: int, device: torch.device) -> None:
        self._settings = settings.tpavi
        self._device = device

    def loss_terms(
        self, model: Callable[..., AVSOutput], batch: Batch, epoch: int, step: int
    ) -> dict[str, Tensor]:
        """Return the weighted terms by name; their sum is what the step minimises."""
        targets = batch.targets.to(self._device)
        images = normalise(batch.images.to(self._device))
        sounds = vggish_examples(batch.waveforms.to(self._device).mean(dim=1))
        output = model(images, sounds)
        binary = output.logits.shape[1] == 1
        entropy = binary_cross_entropy if binary else cross_entropy
        terms = {"cross_entropy": entropy(output.logits, targets, valid_pixels(targets))}
        if self._settings.weight:
            terms["matching"] = self._settings.weight * self._matching(output, targets, binary)
        return terms

    def _matching(self, output: AVSOutput, targets: Tensor, binary: bool) -> Tensor:
        """Return S4's term as the mean over frames, MS3's summed, AVSS's over labelled frames."""
        audio = [heard.flatten(0, 1) for heard in output.map_audio]
        if self._settings.matching == "cosine":
            return cosine_matching(output.maps, audio, output.logits).mean()
        frames = divergence_matching(
            output.maps, audio, output.logits, normalise=self._settings.normalise
        )
        if binary:
            return frames.sum()
        labelled = (targets != IGNORE).flatten(1).any(1)
        return (frames * labelled).sum() / labelled.sum().clamp(min=1)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps beside the model: nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
