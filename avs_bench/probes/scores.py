"""What a model scores under a probe, picture by picture."""

from collections.abc import Callable, Iterator
from itertools import chain

from torch import Tensor

from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.example import AVSDataset
from avs_bench.data.loader import plain_batches
from avs_bench.metrics import Confusion
from avs_bench.probes.definitions import Probe, probed_batch, probed_examples, right_answer
from avs_bench.results import ProbedSet, ScoredItem, scored_item, scored_set
from vpo_builder.schema import Subset

Predict = Callable[[Batch], Tensor]
"""A model: class indices [B, H, W] at the size of the batch's targets."""


def score_probe(
    probe: Probe,
    dataset: AVSDataset,
    subset: Subset,
    settings: Settings,
    predict: Predict,
    seed: int = 0,
) -> ProbedSet:
    """Score a model on a subset under a probe, or under RIGHT_SOUND.

    Depends on the model and the seed, not on the batch size. Raises InputError if no example can
    be asked, or if the probe needs stereo and the settings are mono.
    """
    probed = probed_examples(probe, dataset.subsets[subset], seed)
    batches = plain_batches(dataset, probed, settings)
    classes = len(dataset.classes)
    pairs = chain.from_iterable(_pairs(probe, batch, predict, classes, seed) for batch in batches)
    answers, labelled = zip(*pairs, strict=True)
    return ProbedSet(
        probe=probe.name,
        question=probe.question,
        source=probe.source,
        seed=seed,
        answer=scored_set("dataset", classes, answers),
        labelled=scored_set("dataset", classes, labelled),
    )


def _pairs(
    probe: Probe, batch: Batch, predict: Predict, classes: int, seed: int
) -> Iterator[tuple[ScoredItem, ScoredItem]]:
    heard = probed_batch(probe, batch, seed)
    items = zip(batch.examples, predict(heard), right_answer(heard), batch.targets, strict=True)
    for example, pred, answer, target in items:
        if example.mask is None:  # a frame that is seen and not annotated
            continue
        yield tuple(
            scored_item(example.example_id, example.unit, {}, Confusion.of(pred, mask, classes))
            for mask in (answer, target)
        )
