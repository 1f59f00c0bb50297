"""Collects the answers to one picture with several sounds, and scores whether they follow it.

Where no picture of a dataset has several, as in AVSBench, the second is that of the off-screen
probe: a sound of nothing in the picture, whose right answer is empty. Needs no torch.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from avs_bench.data.example import Example
from avs_bench.metrics import ListeningScores
from avs_bench.metrics.arrays import Labels
from avs_bench.names import ProbeName
from avs_bench.probes.counts import Told
from avs_bench.probes.definitions import PROBES, probed_examples
from avs_bench.results.items import ScoredItem
from avs_bench.results.records import ScoredSet, scored_item, scored_set
from avs_bench.scoring.scorers import Answer, groups_of
from vpo_builder.dataset.schema import IGNORE

PAIRING: ProbeName = "off-screen"
_Heard = tuple[Example, Labels, Labels]


class ListeningScorer:
    """Scores the answers to a picture's sounds together, as soon as the last of them is given.

    `probes` are the names of those that are asked too, with `seed`.
    """

    def __init__(
        self, classes: int, examples: Sequence[Example], probes: Collection[str] = (), seed: int = 0
    ) -> None:
        self._classes = classes
        self._missing = _heard_with_several(examples)
        self._pairs = not self._missing and PAIRING in probes
        if self._pairs:
            asked = probed_examples(PROBES[PAIRING], examples, seed)
            self._missing = {example.example_id: 2 for example in asked}
        self._open: dict[str, list[_Heard]] = {}
        self._items: list[ScoredItem] = []

    def add(self, answer: Answer) -> None:
        """Keep the answer to a picture's own sound until all are there."""
        self.hear(answer.example, answer.pred, answer.target)

    def told_by(self, probe: str) -> Told | None:
        """Return what is to be told the answers to a probe, None for one that makes no pairs."""
        return self.hear if self._pairs and probe == PAIRING else None

    def hear(self, example: Example, pred: Any, target: Any) -> None:
        """Keep class indices [H, W], an answer to a sound and the right one."""
        picture = example.example_id if self._pairs else example.unit
        if picture not in self._missing:
            return
        heard = self._open.setdefault(picture, [])
        heard.append((example, _copied(pred), _copied(target)))
        self._missing[picture] -= 1
        if not self._missing[picture]:
            self._items += _scored(picture, self._open.pop(picture))

    def sets(self) -> tuple[ScoredSet, ...]:
        """Return an item for each picture, as one set; none where no picture asks anything."""
        return (scored_set("listening", self._classes, self._items),) if self._items else ()


def _heard_with_several(examples: Sequence[Example]) -> dict[str, int]:
    """Return how many sounds each such picture has; a manifest may give a picture two sizes."""
    sizes: dict[str, list[tuple[int, int]]] = {}
    for one in examples:
        if one.groups.get("picture") == "counterfactual":
            sizes.setdefault(one.unit, []).append((one.height, one.width))
    alike = {unit: found for unit, found in sizes.items() if len(set(found)) == 1}
    return {unit: len(found) for unit, found in alike.items() if len(found) > 1}


def _copied(labels: Any) -> Labels:
    return np.asarray(labels).astype(np.uint8)  # else a view of a batch would keep all of it


def _scored(picture: str, heard: list[_Heard]) -> list[ScoredItem]:
    """Return the item of a picture, none if its sounds have one answer."""
    examples, preds, targets = zip(*sorted(heard, key=lambda one: one[0].example_id), strict=True)
    target = np.stack(targets)
    record = ListeningScores.of(np.stack(preds), target, ignore=IGNORE)
    if not record.pictures:
        return []
    groups = groups_of(examples, target.max(axis=0)) | {"sounds": {str(len(examples))}}
    return [scored_item(picture, examples[0].unit, groups, record)]
