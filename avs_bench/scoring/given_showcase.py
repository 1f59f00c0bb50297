"""Offers given answers to a showcase: their pictures and sounds are read only if they are kept."""

from collections.abc import Callable

import numpy as np

from avs_bench.data.audio import mix
from avs_bench.data.example import AVSDataset
from avs_bench.data.images import PictureReader
from avs_bench.metrics import Confusion
from avs_bench.results.showcase import Candidate, Showcase
from avs_bench.scoring.scorers import Answer
from vpo_builder.runtime.errors import InputError

SECONDS = 3
"""Of sound to listen to, as VPO's readers take it."""


def showing(showcase: Showcase, dataset: AVSDataset) -> Callable[[Answer], None]:
    """Return what offers every answer to a showcase."""
    reader = PictureReader(dataset.mask_lookup, cache_mib=0)

    def watch(answer: Answer) -> None:
        example, pred, target = answer.example, answer.pred, answer.target

        heard = tuple(sorted(dataset.classes[index] for index in example.heard))

        def make() -> Candidate:
            try:
                picture = np.asarray(reader.read(example).image)
                sound = mix(example.sources, SECONDS, channels=1)
            except InputError as error:
                raise InputError(
                    f"{error}; --examples 0 needs neither pictures nor sounds"
                ) from None
            mask, own = (np.asarray(labels, np.uint8) for labels in (target, pred))
            return Candidate(picture, mask, own, sound, heard)

        confusion = Confusion.of(pred, target, len(dataset.classes))
        showcase.offer(example.example_id, example.unit, confusion, make)

    return watch
