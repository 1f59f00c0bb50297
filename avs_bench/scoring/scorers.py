"""From answers, in any order and any batches, to the items of a metric family. Needs no torch."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avs_bench.data.example import Example
from avs_bench.metrics import Confusion, FrameScores, VideoScores, size_band
from avs_bench.metrics.arrays import Labels
from avs_bench.names import OwnFamily
from avs_bench.results.items import ScoredItem
from avs_bench.results.records import ScoredSet, scored_item, scored_set
from vpo_builder.dataset.schema import IGNORE


@dataclass(frozen=True)
class Answer:
    """An answer to one example, a model's or one that somebody gives.

    `pred` [H, W] and `target` [H, W] are class indices; `objects()` returns the probabilities
    [H, W] float32 of "an object, whatever its class", which not every family asks for.
    """

    example: Example
    pred: Labels
    target: Labels
    objects: Callable[[], NDArray[np.float32]]


class Scorer(Protocol):
    """Collects answers and gives back what they score."""

    def add(self, answer: Answer) -> None:
        """Take the answer to one example."""

    def scores(self) -> ScoredSet:
        """Return what all answers score."""


def scorer_of(family: OwnFamily, classes: int, examples: Iterable[Example]) -> Scorer:
    """Return the scorer of a family for these examples, each to be answered once."""
    if family == "video":
        return VideoScorer(classes, examples)
    return PictureScorer(family, classes)


class PictureScorer:
    """Scores each example by itself, at dataset level or per frame."""

    def __init__(self, family: OwnFamily, classes: int) -> None:
        self._family, self._classes = family, classes
        self._record = Confusion if family == "dataset" else FrameScores
        self._items: list[ScoredItem] = []

    def add(self, answer: Answer) -> None:
        """Score the answer by itself."""
        example, target = answer.example, answer.target
        record = self._record.of(answer.pred, target, self._classes)
        groups = groups_of([example], target)
        self._items.append(scored_item(example.example_id, example.unit, groups, record))

    def scores(self) -> ScoredSet:
        """Return an item for each example."""
        return scored_set(self._family, self._classes, self._items)


_Frame = tuple[Example, NDArray[np.float32], Labels]


class VideoScorer:
    """Scores the frames of a video together, as soon as the last of them is answered.

    Any class is the object, as in AVSBench-Salient.
    """

    def __init__(self, classes: int, examples: Iterable[Example]) -> None:
        self._classes = classes
        self._missing = Counter(example.unit for example in examples)
        self._open: dict[str, list[_Frame]] = {}
        self._items: list[ScoredItem] = []

    def add(self, answer: Answer) -> None:
        """Keep the answer until its video is complete."""
        video = answer.example.unit
        frames = self._open.setdefault(video, [])
        frames.append((answer.example, answer.objects(), answer.target))
        self._missing[video] -= 1
        if not self._missing[video]:
            self._items.append(self._scored(video, self._open.pop(video)))

    def scores(self) -> ScoredSet:
        """Return an item for each video."""
        return scored_set("video", self._classes, self._items)

    def _scored(self, video: str, frames: list[_Frame]) -> ScoredItem:
        examples, objects, targets = zip(*frames, strict=True)
        target = np.stack(targets)
        sounds = np.where(target == IGNORE, IGNORE, target > 0)
        record = VideoScores.of_probabilities(np.stack(objects), sounds, ignore=IGNORE)
        return scored_item(video, video, groups_of(examples, target), record)


def groups_of(examples: Iterable[Example], target: Labels) -> dict[str, set[str]]:
    """Return the groups of an example, or of the examples of a video, with their size band."""
    groups: dict[str, set[str]] = {"size": {size_band(target)}}
    for example in examples:
        for kind, names in example.groups.items():
            groups.setdefault(kind, set()).update((names,) if isinstance(names, str) else names)
    return groups
