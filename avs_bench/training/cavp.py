"""What CAVP minimises: a loss of true pairs' masks plus the contrastive term (protocol §5)."""

from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Generator, Tensor

from avs_bench.config import Settings
from avs_bench.data.audio import SAMPLE_RATE
from avs_bench.data.batch import Batch
from avs_bench.data.tensors import labels_on, normalise, torch_generator
from avs_bench.losses.contrastive import resize_targets, sample_places
from avs_bench.losses.cross_entropy import binary_cross_entropy, cross_entropy
from avs_bench.models.execution import ExecutedModel
from avs_bench.models.output import AVSOutput
from avs_bench.models.protocol import needs_of
from avs_bench.runtime.device import on_device
from avs_bench.training.bank import AudioBank, Sounds
from avs_bench.training.contrast import Contrast
from avs_bench.training.pairs import (
    Pairs,
    heard_targets,
    rematched,
    shuffled_pairs,
    without_sources,
)
from avs_bench.training.segmentation import SegmentationLoss, segmentation_terms
from avs_bench.training.splitting import Splitting, Totals
from vpo_builder.runtime.errors import InputError


def class_entropy(output: AVSOutput, targets: Tensor, totals: Totals) -> dict[str, Tensor]:
    """Return CAVP's own loss of the masks, see `SegmentationLoss`."""
    return {"cross_entropy": cross_entropy(output.scores, targets, totals.pixels)}


class CavpObjective:
    """The loss terms of a batch, and the bank of clips they draw on.

    Pairs, bank and contrast are those of the whole batch, however it is split. Another method may
    have them too, with its own `loss` of the masks.
    """

    def __init__(
        self,
        settings: Settings,
        classes: int,
        device: torch.device,
        splitting: Splitting,
        loss: SegmentationLoss | None = None,
    ) -> None:
        options = settings.model.options
        if settings.pairs.cross_entropy_weight and options.get("shuffled_items") != "score":
            raise InputError(
                "pairs.cross_entropy_weight scores shuffled pairs, which this model does not: add "
                "--set 'model.options={shuffled_items = \"score\"}'"
            )
        if has_pairs(settings) and settings.image.frames > 1:
            raise InputError(
                "contrastive pairs shuffle the sounds of single frames, and image.frames = "
                f"{settings.image.frames} reads clips: add --set image.frames=1, or leave the "
                "pairs out by --set contrastive.weight=0"
            )
        self._settings = settings
        self._loss = loss or class_entropy
        self._device = device
        self._splitting = splitting
        samples = settings.audio.seconds * SAMPLE_RATE
        depth = settings.train.batch_size if has_pairs(settings) else 0
        self._bank = AudioBank(classes, depth, samples, settings.pairs)

    def loss_terms(
        self, model: ExecutedModel, batch: Batch, epoch: int, step: int
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the weighted terms of each part of the batch, see `Objective`.

        All that is random depends on (seed, step) alone, `step` counting from the run's start.
        """
        if has_pairs(self._settings):
            return self._with_contrast(model, batch, epoch, step)
        return segmentation_terms(self._loss, model, batch, self._splitting, self._device)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps beside the model."""
        return self._bank.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
        self._bank.load_state_dict(state)

    def _with_contrast(
        self, model: ExecutedModel, batch: Batch, epoch: int, step: int
    ) -> Iterator[dict[str, Tensor]]:
        settings, splitting = self._settings.contrastive, self._splitting
        generator = torch_generator("pairs", self._settings.train.seed, step)
        pairs = self._pairs(Sounds.of_all(batch, splitting.processes), epoch, generator)
        parts, totals = splitting.parts(batch), splitting.totals(batch.targets)
        whole = len(parts) == 1
        contrast: Contrast | None = None
        with nullcontext() if whole else model.rehearsal():
            for rows in parts:
                output = model(*self._inputs(model, batch, pairs, rows))
                features = features_of(output)
                if contrast is None:
                    contrast = self._contrast(features, batch, pairs, generator)
                contrast.collect(features, splitting.place(rows, batch))
        assert contrast is not None, "a batch has at least one part"
        contrast.take_loss(settings.temperature)
        for rows in parts:
            output = output if whole else model(*self._inputs(model, batch, pairs, rows))
            term = contrast.term(features_of(output), splitting.place(rows, batch))
            own = output.first(rows.stop - rows.start)
            terms = self._loss(own, labels_on(batch.targets[rows], self._device), totals)
            terms["contrastive"] = settings.weight * term
            yield terms | self._on_shuffled_pairs(output, batch, pairs, rows, totals)

    def _pairs(self, sounds: Sounds, epoch: int, generator: Generator) -> Pairs:
        pairs = shuffled_pairs(sounds, generator)
        if epoch >= self._settings.pairs.rematch_from_epoch:
            pairs = rematched(pairs, sounds, self._bank, self._settings.pairs, generator)
        self._bank.write(sounds)
        return without_sources(pairs, self._settings.pairs, generator)

    def _contrast(
        self, features: Tensor, batch: Batch, pairs: Pairs, generator: Generator
    ) -> Contrast:
        """Draw the pixels of the whole batch at the size of the features."""
        processes = self._splitting.processes
        targets = processes.joined(resize_targets(batch.targets, features.shape[-2:]))
        places = sample_places(targets, pairs.matched, self._settings.contrastive, generator)
        return Contrast(places, len(targets), processes)

    def _inputs(
        self, model: ExecutedModel, batch: Batch, pairs: Pairs, rows: slice
    ) -> tuple[Tensor, Tensor]:
        waveforms, index = pairs.own_and_heard(self._splitting.place(rows, batch))
        sounds = needs_of(model).front_end(on_device(waveforms, self._device))
        images = on_device(batch.images[rows], self._device)
        return normalise(images), sounds[on_device(index, self._device)]

    def _on_shuffled_pairs(
        self, output: AVSOutput, batch: Batch, pairs: Pairs, rows: slice, totals: Totals
    ) -> dict[str, Tensor]:
        """Return the term that teaches silence directly, which the published loss has not."""
        weight = self._settings.pairs.cross_entropy_weight
        if not weight:
            return {}
        place = self._splitting.place(rows, batch)
        targets = labels_on(heard_targets(batch.targets[rows], pairs, place), self._device)
        shuffled = output.scores[rows.stop - rows.start :]
        entropy = binary_cross_entropy if shuffled.shape[1] == 1 else cross_entropy
        return {"shuffled_cross_entropy": weight * entropy(shuffled, targets, totals.pixels)}


def has_pairs(settings: Settings) -> bool:
    """Return whether a run shuffles sounds: each picture is then heard with two."""
    weights = settings.contrastive.weight or settings.pairs.cross_entropy_weight
    return bool(weights) and settings.train.objective != "tpavi"  # which has no pairs


def features_of(output: AVSOutput) -> Tensor:
    """Return the fused features that a loss is taken from; raise InputError if there are none."""
    if output.features is None:
        raise InputError(
            "the objective compares the model's fused features, and this model gives none: leave "
            "out what compares them (--set contrastive.weight=0 --set avsegformer.mix_weight=0), "
            "or give features in its AVSOutput"
        )
    return output.features
