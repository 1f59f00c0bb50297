"""What a model scores under a probe, picture by picture."""

from collections.abc import Callable, Sequence

from torch import Tensor

from avs_bench.config import AudioSettings, Settings
from avs_bench.data.batch import Batch, reheard
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.loader import plain_batches
from avs_bench.metrics import Confusion
from avs_bench.probes.definitions import Probe, probed_batch, probed_examples, right_answer
from avs_bench.results.records import ProbedSet, ScoredItem, scored_item, scored_set
from vpo_builder.dataset.schema import Subset

Predict = Callable[[Batch], Tensor]
"""A model: class indices [B, H, W] at the size of the batch's targets."""


class ProbeScorer:
    """Gives the pictures of an evaluation a probe's sounds and collects what is answered.

    Depends on the model and the seed, not on the batches that the examples come in. Raises
    InputError if no example can be asked.
    """

    def __init__(
        self,
        probe: Probe,
        examples: Sequence[Example],
        classes: int,
        audio: AudioSettings,
        seed: int = 0,
    ) -> None:
        self._probe, self._classes, self._audio, self._seed = probe, classes, audio, seed
        asked = probed_examples(probe, examples, seed)
        self._asked = {example.example_id: example for example in asked}
        self._answers: list[ScoredItem] = []
        self._labelled: list[ScoredItem] = []

    def asks(self, batch: Batch) -> bool:
        """Tell whether an example of the batch is asked."""
        return any(example.example_id in self._asked for example in batch.examples)

    def hearing(self, batch: Batch) -> Batch:
        """Return the batch as it is to be heard.

        Examples that are not asked keep their sound, and frames without annotation theirs.
        Raises InputError if the probe needs stereo and the batch is mono.
        """
        examples = [self._asked.get(known.example_id, known) for known in batch.examples]
        return probed_batch(self._probe, reheard(batch, examples, self._audio), self._seed)

    def add(self, heard: Batch, preds: Tensor) -> None:
        """Score class indices [B, H, W], the answers to a batch that `hearing` gave."""
        for example, pred, answer, target in zip(
            heard.examples, preds, right_answer(heard), heard.targets, strict=True
        ):
            if example.example_id not in self._asked or example.mask is None:
                continue
            for items, mask in ((self._answers, answer), (self._labelled, target)):
                confusion = Confusion.of(pred, mask, self._classes)
                items.append(scored_item(example.example_id, example.unit, {}, confusion))

    def scores(self) -> ProbedSet:
        """Return what all the answers score."""
        return ProbedSet(
            probe=self._probe.name,
            question=self._probe.question,
            source=self._probe.source,
            seed=self._seed,
            answer=scored_set("dataset", self._classes, self._answers),
            labelled=scored_set("dataset", self._classes, self._labelled),
        )


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
