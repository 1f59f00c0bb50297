"""What a model scores under a probe, and the figures that say whether it listens."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from torch import Tensor

from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.example import AVSDataset
from avs_bench.data.loader import plain_batches
from avs_bench.metrics import (
    Comparison,
    Confusion,
    Figure,
    Interval,
    bootstrap,
    by_unit,
    compare,
    foreground_fpr_dataset,
    miou_dataset,
)
from avs_bench.probes.definitions import (
    PROBES,
    RIGHT_SOUND,
    Probe,
    probed_batch,
    probed_examples,
    right_answer,
)
from vpo_builder.errors import InputError
from vpo_builder.schema import Subset

Predict = Callable[[Batch], Tensor]
"""A model: class indices [B, H, W] at the size of the batch's targets."""


@dataclass(frozen=True)
class ScoredExample:
    """One prediction under a probe, counted twice.

    `answer` against what is heard, `labelled` against the mask of the example's own sound; `unit`
    is the picture, by which scores are resampled.
    """

    example_id: str
    unit: str
    answer: Confusion
    labelled: Confusion


@dataclass(frozen=True)
class ProbeScores:
    """Scores of the examples that a probe has a question for."""

    probe: str
    examples: tuple[ScoredExample, ...]

    @property
    def answer(self) -> Confusion:
        """Counts over all examples against what is heard, for any dataset-level figure."""
        return sum((example.answer for example in self.examples[1:]), self.examples[0].answer)


def score_probe(
    probe: Probe,
    dataset: AVSDataset,
    subset: Subset,
    settings: Settings,
    predict: Predict,
    seed: int = 0,
) -> ProbeScores:
    """Score a model on a subset under a probe, or under RIGHT_SOUND.

    Depends on the model and the seed, not on the batch size. Raises InputError if no example can
    be asked, or if the probe needs stereo and the settings are mono.
    """
    probed = probed_examples(probe, dataset.subsets[subset], seed)
    batches = plain_batches(dataset, probed, settings)
    classes = len(dataset.classes)
    scored = (_scored(probe, batch, predict, classes, seed) for batch in batches)
    return ProbeScores(probe.name, tuple(chain.from_iterable(scored)))


def _scored(
    probe: Probe, batch: Batch, predict: Predict, classes: int, seed: int
) -> Iterator[ScoredExample]:
    heard = probed_batch(probe, batch, seed)
    items = zip(batch.examples, predict(heard), right_answer(heard), batch.targets, strict=True)
    for example, pred, answer, target in items:
        yield ScoredExample(
            example.example_id,
            example.unit,
            answer=Confusion.of(pred, answer, classes),
            labelled=Confusion.of(pred, target, classes),
        )


def false_positive_rate(scores: ProbeScores) -> Interval:
    """Share of the pixels in which nothing heard is seen that are predicted as an object."""
    answers = by_unit((example.unit, example.answer) for example in scores.examples)
    return bootstrap(answers, foreground_fpr_dataset)


def listening_gain(
    right: ProbeScores,
    silent: ProbeScores,
    figure: Callable[[Confusion], Figure] = miou_dataset,
) -> Comparison:
    """What the sound adds to the score: right sound minus silence, both against the full mask.

    0 for a model that ignores the sound, however well it segments; nearly its whole score for one
    that finds nothing when nothing is heard.
    """
    return _lost(right, silent, "silence", figure)


def pan_sensitivity(
    right: ProbeScores,
    swapped: ProbeScores,
    figure: Callable[[Confusion], Figure] = miou_dataset,
) -> Comparison:
    """What the score loses when left and right are exchanged, beside a silent twin.

    0 for a model that does not hear sides; large for one that then answers with the twin. It is a
    difference and no score: the twin's own mask is not labelled.
    """
    return _lost(right, swapped, "swap-channels", figure)


def _lost(
    right: ProbeScores, probed: ProbeScores, probe: str, figure: Callable[[Confusion], Figure]
) -> Comparison:
    if (right.probe, probed.probe) != (RIGHT_SOUND.name, PROBES[probe].name):
        raise InputError(
            f"expected scores with {RIGHT_SOUND.name} and then with {probe}, got {right.probe} "
            f"and {probed.probe}; score the subset under both"
        )
    asked = {example.example_id for example in probed.examples}
    first = _labelled(example for example in right.examples if example.example_id in asked)
    return compare(first, _labelled(probed.examples), figure)


def _labelled(examples: Iterable[ScoredExample]) -> dict[str, Confusion]:
    return by_unit((example.unit, example.labelled) for example in examples)
