"""What CAVP minimises: cross-entropy on the true pairs plus the contrastive term (protocol §5)."""

import torch
from torch import Tensor

from avs_bench.config import Settings
from avs_bench.data.audio import SAMPLE_RATE
from avs_bench.data.batch import Batch
from avs_bench.data.images import normalise
from avs_bench.data.seeds import torch_generator
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.losses.contrastive import contrastive
from avs_bench.losses.cross_entropy import cross_entropy, valid_pixels
from avs_bench.models.execution import Call
from avs_bench.training.bank import AudioBank
from avs_bench.training.pairs import Pairs, rematched, shuffled_pairs


class CavpObjective:
    """The loss terms of a batch, and the bank of clips they draw on."""

    def __init__(self, settings: Settings, classes: int, device: torch.device) -> None:
        self._settings = settings
        self._device = device
        samples = settings.audio.seconds * SAMPLE_RATE
        self._bank = AudioBank(classes, settings.train.batch_size, samples, settings.pairs)

    def loss_terms(self, model: Call, batch: Batch, epoch: int, step: int) -> dict[str, Tensor]:
        """Return the weighted terms by name; their sum is what the step minimises.

        `model` is called with images and spectrograms.
        All that is random depends on (seed, step) alone, `step` counting from the run's start.
        """
        weight = self._settings.contrastive.weight
        targets = batch.targets.to(self._device)
        images = normalise(batch.images.to(self._device))
        if not weight:
            output = model(images, self._spectrograms(batch.waveforms))
            return {"cross_entropy": cross_entropy(output.logits, targets, valid_pixels(targets))}

        generator = torch_generator("pairs", self._settings.train.seed, step)
        pairs = self._pairs(batch, epoch, generator)
        sounds = torch.cat([batch.waveforms, pairs.waveforms])
        output = model(images, self._spectrograms(sounds))
        term = contrastive(
            output.features, batch.targets, pairs.matched, self._settings.contrastive, generator
        )
        return {
            "cross_entropy": cross_entropy(output.logits, targets, valid_pixels(targets)),
            "contrastive": weight * term,
        }

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps beside the model."""
        return self._bank.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
        self._bank.load_state_dict(state)

    def _pairs(self, batch: Batch, epoch: int, generator: torch.Generator) -> Pairs:
        pairs = shuffled_pairs(batch, generator)
        if epoch >= self._settings.pairs.rematch_from_epoch:
            pairs = rematched(pairs, batch, self._bank, self._settings.pairs, generator)
        self._bank.write(batch)
        return pairs

    def _spectrograms(self, waveforms: Tensor) -> Tensor:
        return cavp_logmel(waveforms.to(self._device))
