"""Collects which of several alike the answers choose, with the right sound and under probes.

For pictures whose objects are outlined one by one: MSMI's. Needs no torch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from avs_bench.data.example import Example, SeenObject
from avs_bench.metrics import InstanceScores, SeenObjects
from avs_bench.metrics.arrays import Labels
from avs_bench.probes import Probe
from avs_bench.probes.counts import Told
from avs_bench.results.items import ScoredItem
from avs_bench.results.records import ProbedSet, ScoredSet, scored_item, scored_set
from avs_bench.scoring.scorers import Answer
from vpo_builder.dataset.instances import draw_outline

BANDS = ((0.1, "below 0.1 of the width"), (0.3, "0.1 to 0.3"), (1.0, "above 0.3"))
"""How far apart the nearest of those alike are, and what the group is called; ours."""


class InstanceScorer:
    """Scores the answers to pictures of which instances are known; `told_by` those to a probe."""

    def __init__(self, classes: int, examples: Iterable[Example]) -> None:
        self._classes = classes
        self._own = {one.example_id: one for one in examples if one.objects}
        self._items: list[ScoredItem] = []
        self._heard: dict[str, list[ScoredItem]] = {}

    def add(self, answer: Answer) -> None:
        """Score the answer to a picture's own sound."""
        example = answer.example
        if example.example_id not in self._own:
            return
        seen = _drawn(example, [one.sounds for one in example.objects])
        record = InstanceScores.of(answer.pred, seen, self._classes, answer.objects())
        self._items.append(_item(example, record))

    def told_by(self, probe: Probe) -> Told | None:
        """Return what is to be told the answers to a probe, None for one that has no sides."""
        return partial(self._hear, probe) if probe.stereo and self._own else None

    def _hear(self, probe: Probe, example: Example, pred: Labels, _target: Labels) -> None:
        if example.example_id in self._own and example.questions:
            seen = _drawn(example, _nearest(example, mirrored=probe.mirrors))
            record = InstanceScores.of_choices(pred, seen, self._classes)
            if record.questions:
                self._heard.setdefault(probe.name, []).append(_item(example, record))

    def sets(self) -> tuple[ScoredSet, ...]:
        """Return an item for each picture, as one set; none where no instance is known."""
        return (scored_set("instances", self._classes, self._items),) if self._items else ()

    def with_choices(self, probed: Sequence[ProbedSet]) -> tuple[ProbedSet, ...]:
        """Return what probes scored, with the instances that were chosen under each."""
        sets: Mapping[str, ScoredSet] = {
            name: scored_set("instances", self._classes, items)
            for name, items in self._heard.items()
        }
        return tuple(replace(one, instances=sets.get(one.probe)) for one in probed)


def _item(example: Example, record: InstanceScores) -> ScoredItem:
    groups = {"apart": {_band(one, twins) for one, twins in example.questions.values()}}
    return scored_item(example.example_id, example.unit, groups, record)


def _band(one: SeenObject, twins: Iterable[SeenObject]) -> str:
    apart = min(abs(one.pan - twin.pan) for twin in twins)
    return next(name for largest, name in BANDS if apart <= largest)


def _drawn(example: Example, heard: Sequence[bool]) -> SeenObjects:
    size = (example.height, example.width)
    masks = np.stack([draw_outline(one.counts, *size) for one in example.objects])
    classes = tuple(one.class_index for one in example.objects)
    return SeenObjects(masks, classes, tuple(heard), tuple(one.sounds for one in example.objects))


def _nearest(example: Example, *, mirrored: bool) -> list[bool]:
    """Tell of each object whether the one sound of its class comes from nearest to it.

    None is if two are as near: nobody could say which is meant.
    """
    pans: dict[int, list[float]] = {}
    for source in example.sources:
        pans.setdefault(source.class_index, []).append(1 - source.pan if mirrored else source.pan)
    heard = [False] * len(example.objects)
    for index in example.questions:
        if len(pans.get(index, ())) != 1:
            continue
        places = [n for n, one in enumerate(example.objects) if one.class_index == index]
        away = {n: abs(example.objects[n].pan - pans[index][0]) for n in places}
        nearest = [n for n in places if np.isclose(away[n], min(away.values()), atol=1e-9)]
        if len(nearest) == 1:
            heard[nearest[0]] = True
    return heard
