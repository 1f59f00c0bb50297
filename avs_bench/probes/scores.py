"""Asks a model the questions of a probe, batch by batch."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from avs_bench.config import AudioSettings, Settings
from avs_bench.data.audio import Waveform, mix
from avs_bench.data.batch import Batch, reheard
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.loader import plain_batches
from avs_bench.probes.counts import ProbeCounts, Told
from avs_bench.probes.definitions import Probe
from avs_bench.results.records import ProbedSet
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError

Predict = Callable[[Batch], Tensor]
"""A model: class indices [B, H, W] at the size of the batch's targets."""


def probed_batch(
    probe: Probe, batch: Batch, seed: int = 0, beside: Sequence[Waveform | None] = ()
) -> Batch:
    """A batch of `probed_examples` as the model is to hear it; the batch given is unchanged.

    `beside` are the mixes of what the probe has beside each example, if it has any.
    """
    others = beside or [None] * len(batch.examples)
    waveforms = [
        torch.from_numpy(probe.sound(waveform.numpy(), other, seed, example.example_id))
        for waveform, example, other in zip(batch.waveforms, batch.examples, others, strict=True)
    ]
    return replace(
        batch,
        waveforms=torch.stack(waveforms),
        sounding=torch.zeros_like(batch.sounding) if probe.drowns else batch.sounding,
        pans=1 - batch.pans if probe.mirrors else batch.pans,
    )


class ProbeScorer:
    """Gives the pictures of an evaluation a probe's sounds and collects what is answered.

    Depends on the model and the seed, not on the batches that the examples come in. Raises
    InputError if no example can be asked, and for a probe of two channels where one is heard.
    """

    def __init__(
        self,
        probe: Probe,
        examples: Sequence[Example],
        classes: int,
        audio: AudioSettings,
        seed: int = 0,
        told: Told | None = None,
    ) -> None:
        if probe.stereo and audio.channels != 2:
            raise InputError(
                f"probe {probe.name}: the model hears {audio.channels} channel, expected 2; "
                "probe a model that was trained with --set audio.channels=2"
            )
        self._probe, self._audio, self._seed = probe, audio, seed
        self._counts = ProbeCounts(probe, examples, classes, seed, told)

    def asks(self, batch: Batch) -> bool:
        """Tell whether an example of the batch is asked."""
        return any(example.example_id in self._counts.asked for example in batch.examples)

    def hearing(self, batch: Batch) -> Batch:
        """Return the batch as it is to be heard.

        Examples that are not asked keep their sound, and frames without annotation theirs.
        Raises InputError if the probe needs stereo and the batch is mono.
        """
        examples = [self._counts.asked.get(known.example_id, known) for known in batch.examples]
        heard = reheard(batch, examples, self._audio)
        return probed_batch(self._probe, heard, self._seed, self._beside(batch))

    def _beside(self, batch: Batch) -> list[Waveform | None]:
        sources, audio = self._counts.beside, self._audio
        if sources is None:
            return []
        return [
            mix(sources.get(known.example_id, ()), audio.seconds, audio.channels, audio.frame_step)
            for known in batch.examples
        ]

    def add(self, heard: Batch, preds: Tensor) -> None:
        """Score class indices [B, H, W], the answers to a batch that `hearing` gave."""
        for example, pred, target in zip(heard.examples, preds, heard.targets, strict=True):
            if example.example_id in self._counts.asked and example.mask is not None:
                self._counts.add(example.example_id, pred, target)

    def scores(self) -> ProbedSet:
        """Return what all the answers score."""
        return self._counts.scores()


def score_probe(
    probe: Probe,
    dataset: AVSDataset,
    subset: Subset,
    settings: Settings,
    predict: Predict,
    seed: int = 0,
) -> ProbedSet:
    """Score anything that predicts, on a subset under a probe, or under RIGHT_SOUND.

    Raises InputError as `ProbeScorer`.
    """
    examples = dataset.subsets[subset]
    scorer = ProbeScorer(probe, examples, len(dataset.classes), settings.audio, seed)
    for batch in filter(scorer.asks, plain_batches(dataset, examples, settings)):
        heard = scorer.hearing(batch)
        scorer.add(heard, predict(heard))
    return scorer.scores()
