"""What a model is asked of a batch, and who is told what it answers, while it sees the next one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from avs_bench.data.batch import Batch
from avs_bench.metrics.threshold_curve import probabilities_of
from avs_bench.models.inference import (
    Segmented,
    object_logits,
    predicted_classes,
    refuse_no_numbers,
)
from avs_bench.probes.scores import ProbeScorer
from avs_bench.runtime.device import Arriving, complete_in_main_memory, in_main_memory
from avs_bench.scoring.scorers import Answer

Watcher = Callable[[Batch, int, Tensor], None]
"""Is shown each batch, the row of an example in it, and its prediction [H', W'] uint8."""


@dataclass(frozen=True)
class Heard:
    """A batch as it was heard, the classes predicted and whether the scores are numbers."""

    batch: Batch
    preds: Arriving
    whole: Arriving

    @classmethod
    def of(cls, batch: Batch, answer: Segmented) -> "Heard":
        """Begin to bring what a model says of a batch to main memory."""
        preds = predicted_classes(answer.logits)
        return cls(batch, in_main_memory(preds), in_main_memory(answer.whole))

    def arrived(self) -> Tensor:
        """Return class indices [B, H', W'] uint8; raise InputError for scores that are none."""
        refuse_no_numbers(self.batch, self.whole.arrived())
        return self.preds.arrived()


@dataclass(frozen=True)
class Telling:
    """Tells those who count, and a watcher, as long as `stopped_by` is 0."""

    told: Sequence[Callable[[Answer], None]]
    watch: Watcher | None
    stopped_by: Callable[[], int]

    def tell(
        self, own: Heard, logits: Tensor, others: Sequence[tuple[ProbeScorer, Heard]]
    ) -> list[None]:
        """Tell the answers to a batch, of which `logits` lie on the device; a None for each."""
        if self.stopped_by():
            return []
        batch, preds, answered = own.batch, own.arrived(), 0
        for row, example in enumerate(batch.examples):
            if example.mask is None:  # seen beside the others of its clip, and not annotated
                continue
            objects = partial(_object_probabilities, logits[row])
            answer = Answer(example, preds[row].numpy(), batch.targets[row].numpy(), objects)
            for tell in self.told:
                tell(answer)
            if self.watch:
                self.watch(batch, row, preds[row])
            answered += 1
        for probe, heard in others:
            probe.add(heard.batch, heard.arrived())
        return [None] * answered


def asked(
    segmented: Callable[[Sequence[Batch]], Iterator[Segmented]],
    batches: Iterable[Batch],
    probes: Sequence[ProbeScorer],
    telling: Telling,
) -> Iterator[Callable[[], list[None]]]:
    """Have a model see each batch, and yield what tells its answers; it waits for no device."""
    for batch in batches:
        if telling.stopped_by():
            return
        asking = [probe for probe in probes if probe.asks(batch)]
        hearings = [batch, *(probe.hearing(batch) for probe in asking)]
        answers = segmented(hearings)
        first = next(answers)
        own = Heard.of(batch, first)
        others = [Heard.of(*heard) for heard in zip(hearings[1:], answers, strict=True)]
        yield partial(telling.tell, own, first.logits, list(zip(asking, others, strict=True)))


def _object_probabilities(logits: Tensor) -> NDArray[np.float32]:
    """Return [H, W] of an answer's logits [classes, H, W], wherever they are.

    In float64, so that another program's probabilities of the same logits are these.
    """
    wide = complete_in_main_memory(logits[None]).double()
    return probabilities_of(object_logits(wide)[0].numpy(), ())
