"""Collects answers, in any order, for every variant of the figures of a subset."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avs_bench.data.example import AVSDataset
from avs_bench.metrics.arrays import Labels
from avs_bench.metrics.variant_table import variants_for
from avs_bench.metrics.variants import AnsweredClip, VariantCounts
from avs_bench.results.records import Result
from avs_bench.results.translation import Translation, translation_of
from avs_bench.scoring.scorers import Answer
from vpo_builder.dataset.schema import Subset


@dataclass(frozen=True)
class _Frame:
    pred: Labels
    target: Labels
    objects: NDArray[np.float32]


class Translator:
    """Takes the answer to each example once, and counts a clip as soon as it is complete.

    A clip is a video, or a picture with one sound where there are only pictures. `start` comes
    first.
    """

    def start(self, dataset: AVSDataset, subset: Subset) -> None:
        """Await the answers to a subset of a dataset in the table of classes that is scored."""
        examples, self._videos = dataset.subsets[subset], bool(dataset.videos)
        self._variants = variants_for(dataset.family)
        self._counts = VariantCounts(self._variants, len(dataset.classes))
        self._frames: dict[str, dict[str, _Frame | None]] = {}
        for example in examples:
            clip = example.unit if self._videos else example.example_id
            self._frames.setdefault(clip, {})[example.example_id] = None
        self._places = {clip: place for place, clip in enumerate(self._frames)}

    def add(self, answer: Answer) -> None:
        """Keep the answer until its clip is complete."""
        example = answer.example
        clip = example.unit if self._videos else example.example_id
        frames = self._frames[clip]
        frames[example.example_id] = _Frame(answer.pred, answer.target, answer.objects())
        known = [frame for frame in frames.values() if frame is not None]
        if len(known) == len(frames):
            picture = "" if self._videos else example.unit
            self._counts.add(self._places[clip], _clip(known, picture))
            del self._frames[clip]

    def translation(self, result: Result) -> Translation:
        """Return every figure of what was added, whose scores are `result`."""
        return translation_of(result, self._variants, self._counts.figures())


def _clip(frames: Sequence[_Frame], picture: str) -> AnsweredClip:
    return AnsweredClip(
        np.stack([frame.pred for frame in frames]),
        np.stack([frame.target for frame in frames]),
        np.stack([frame.objects for frame in frames]),
        picture,
    )
