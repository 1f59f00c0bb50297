"""What the answers to a probe score, whoever gave them. Needs no torch."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.data.example import Example
from avs_bench.metrics import Confusion
from avs_bench.probes.definitions import Probe, probed_examples
from avs_bench.results.items import ScoredItem
from avs_bench.results.records import ProbedSet, scored_item, scored_set
from vpo_builder.dataset.schema import IGNORE

Told = Callable[[Example, Any, Any], None]
"""Is told an example as it was heard, the answer to it and the right one, class indices [H, W]."""


def right_answer(target: NDArray[Any], heard: Collection[int]) -> NDArray[Any]:
    """Return class indices of what is heard: labelled classes that do not sound are background.

    `target` is of any shape, `heard` are class indices. Ignored pixels stay ignored.
    """
    return np.where(np.isin(target, [*heard, IGNORE]), target, 0)


class ProbeCounts:
    """Counts the answers to a probe, in any order, and has somebody `told` each.

    Raises InputError if no example can be asked.
    """

    def __init__(
        self,
        probe: Probe,
        examples: Sequence[Example],
        classes: int,
        seed: int,
        told: Told | None = None,
    ) -> None:
        self._probe, self._classes, self._seed, self._told = probe, classes, seed, told
        self.asked = {
            example.example_id: example for example in probed_examples(probe, examples, seed)
        }
        self.beside = probe.beside(examples, seed) if probe.beside else None
        self._answers: list[ScoredItem] = []
        self._labelled: list[ScoredItem] = []

    def add(self, example_id: str, pred: Any, target: Any) -> None:
        """Count class indices [H, W], an answer to an example that is asked, and its own mask."""
        example, target = self.asked[example_id], np.asarray(target)
        answer = right_answer(target, self._probe.heard_classes(example))
        if self._told:
            self._told(example, pred, answer)
        for items, mask in ((self._answers, answer), (self._labelled, target)):
            confusion = Confusion.of(pred, mask, self._classes)
            items.append(scored_item(example_id, example.unit, {}, confusion))

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
