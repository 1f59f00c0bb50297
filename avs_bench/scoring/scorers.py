"""From answers, in any order and any batches, to the items of a metric family."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from avs_bench.data.example import Example
from avs_bench.metrics import Confusion, Family, FrameScores, VideoScores, size_band
from avs_bench.models.inference import object_logits
from avs_bench.results.records import ScoredItem, ScoredSet, scored_item, scored_set
from vpo_builder.dataset.schema import IGNORE


@dataclass(frozen=True)
class Answer:
    """A model's answer to one example.

    `logits` [classes, H, W], float32, where the model is; `pred` [H, W] uint8 class indices and
    `target` [H, W] int64, in main memory.
    """

    example: Example
    logits: Tensor
    pred: Tensor
    target: Tensor


class Scorer(Protocol):
    """Collects answers and gives back what they score."""

    def add(self, answer: Answer) -> None:
        """Take the answer to one example."""

    def scores(self) -> ScoredSet:
        """Return what all answers score."""


def scorer_of(
    family: Family, classes: int, examples: Iterable[Example], unseen: frozenset[int]
) -> Scorer:
    """Return the scorer of a family for these examples, each to be answered once.

    `unseen` are the class indices that were held out of training (none: no such groups).
    """
    if family == "video":
        return VideoScorer(classes, examples, unseen)
    return PictureScorer(family, classes, unseen)


class PictureScorer:
    """Scores each example by itself, at dataset level or per frame."""

    def __init__(self, family: Family, classes: int, unseen: frozenset[int]) -> None:
        self._family, self._classes, self._unseen = family, classes, unseen
        self._record = Confusion if family == "dataset" else FrameScores
        self._items: list[ScoredItem] = []

    def add(self, answer: Answer) -> None:
        """Score the answer by itself."""
        example, target = answer.example, answer.target
        record = self._record.of(answer.pred, target, self._classes)
        groups = groups_of([example], target, self._unseen)
        self._items.append(scored_item(example.example_id, example.unit, groups, record))

    def scores(self) -> ScoredSet:
        """Return an item for each example."""
        return scored_set(self._family, self._classes, self._items)


class VideoScorer:
    """Scores the frames of a video together, as soon as the last of them is answered.

    Any class is the object, as in AVSBench-Salient: see `object_logits`.
    """

    def __init__(self, classes: int, examples: Iterable[Example], unseen: frozenset[int]) -> None:
        self._classes, self._unseen = classes, unseen
        self._missing = Counter(example.unit for example in examples)
        self._open: dict[str, list[tuple[Example, np.ndarray, np.ndarray]]] = {}
        self._items: list[ScoredItem] = []

    def add(self, answer: Answer) -> None:
        """Keep the answer until its video is complete."""
        video = answer.example.unit
        frames = self._open.setdefault(video, [])
        values = object_logits(answer.logits[None])[0].cpu().numpy()
        frames.append((answer.example, values, answer.target.numpy()))
        self._missing[video] -= 1
        if not self._missing[video]:
            self._items.append(self._scored(video, self._open.pop(video)))

    def scores(self) -> ScoredSet:
        """Return an item for each video."""
        return scored_set("video", self._classes, self._items)

    def _scored(
        self, video: str, frames: list[tuple[Example, np.ndarray, np.ndarray]]
    ) -> ScoredItem:
        examples, logits, targets = zip(*frames, strict=True)
        target = np.stack(targets)
        sounds = np.where(target == IGNORE, IGNORE, target > 0)
        record = VideoScores.of(np.stack(logits), sounds, ignore=IGNORE)
        return scored_item(video, video, groups_of(examples, target, self._unseen), record)


def groups_of(
    examples: Iterable[Example], target: Tensor | np.ndarray, unseen: frozenset[int]
) -> dict[str, set[str]]:
    """Return the groups of an example, or of the examples of a video, with their size band.

    With `unseen` also whether a class heard is one that training left out.
    """
    groups: dict[str, set[str]] = {"size": {size_band(target)}}
    for example in examples:
        for kind, name in example.groups.items():
            groups.setdefault(kind, set()).add(name)
        if unseen:
            heard = {source.class_index for source in example.sources}
            names = {"unseen" if index in unseen else "seen" for index in heard}
            groups.setdefault("classes", set()).update(names)
    return groups
