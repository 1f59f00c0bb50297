"""What was predicted, as `predictions.json` and the page hold it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from avs_bench.prediction.segmenter import Prediction


@dataclass(frozen=True)
class Moment:
    """One mask: the frame it was predicted from, its time, and the share of the picture by class.

    `attention` are the smallest and the largest attention, which its map is stretched between.
    """

    frame: int
    seconds: float
    areas: dict[str, float]
    attention: tuple[float, float] | None = None


@dataclass(frozen=True)
class PredictedItem:
    """A picture or a video that was predicted, and the folder of its files."""

    name: str
    kind: Literal["image", "video"]
    folder: str
    width: int
    height: int
    seconds: float
    moments: tuple[Moment, ...]
    attention: bool

    @property
    def classes(self) -> list[str]:
        """The classes that were found, the one with the largest sum of areas first."""
        sums: dict[str, float] = {}
        for moment in self.moments:
            for name, area in moment.areas.items():
                sums[name] = sums.get(name, 0.0) + area
        return sorted(sums, key=lambda name: (-sums[name], name))


@dataclass(frozen=True)
class Predictions:
    """Everything that one call of `avs-bench predict` made."""

    model: str
    classes: tuple[str, ...]
    command: str
    items: tuple[PredictedItem, ...]


def moment_of(
    prediction: Prediction, classes: Sequence[str], frame: int = 0, seconds: float = 0.0
) -> Moment:
    """Return what is in a prediction; shares below one in ten thousand count as nothing."""
    indices, pixels = np.unique(prediction.mask, return_counts=True)
    areas = {
        classes[index]: round(int(number) / prediction.mask.size, 4)
        for index, number in zip(indices.tolist(), pixels.tolist(), strict=True)
        if index
    }
    found = {name: area for name, area in areas.items() if area}
    return Moment(frame, round(seconds, 4), found, prediction.span)
