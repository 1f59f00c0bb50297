"""One set of answers under the rules of many codes: counted once, and figured by each.

"mIoU" and "F" of one set of predictions differ by ten points between published codes. A variant
counts a clip at a time into a record that adds up (`count`) and makes its figure of the records
(`figure`), so it serves a stream of clips of any length, a stored result and a translator alike.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.figure import Figure
from avs_bench.metrics.record import Record
from avs_bench.metrics.variant_rules import Rules
from avs_bench.names import Family
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class AnsweredClip:
    """A video's answer, or a picture's: class indices [T, H, W], 255 ignored in `target`.

    `probabilities` [T, H, W] are those of "an object, whatever its class"; without them they are 1
    where `pred` is an object. Answers to one picture with several sounds share its name.
    """

    pred: Any
    target: Any
    probabilities: NDArray[np.float32] | None = None
    picture: str = ""

    @property
    def objects(self) -> NDArray[np.float32]:
        """The probabilities of an object."""
        if self.probabilities is not None:
            return self.probabilities
        return (np.asarray(self.pred) > 0).astype(np.float32)


Count = Callable[[AnsweredClip, int], Record]
"""Takes a clip and the number of classes."""
Counted = tuple[str, Record]
"""A clip's picture and its record."""


@dataclass(frozen=True)
class Variant:
    """A figure by the rules of one code; `printed_by` names who prints it.

    `figure` takes the sum of the records, or, `apart`, every clip's with its picture, in the order
    of the dataset. `only` is the family of the datasets whose videos it is for; None: of all.
    """

    name: str
    printed_by: str
    rules: Rules
    count: Count
    figure: Callable[[Any], Figure]
    apart: bool = False
    only: Family | None = None

    def over(self, clips: Iterable[AnsweredClip], classes: int) -> Figure:
        """Return the figure of clips; raise InputError if there is none."""
        return figures_over(clips, classes, [self])[0]


class VariantCounts:
    """Counts clips, in any order, for several variants: each way of counting once."""

    def __init__(self, variants: Sequence[Variant], classes: int) -> None:
        self._variants, self._classes = variants, classes
        self._sums: dict[Count, Record] = {}
        self._apart: dict[Count, dict[int, Counted]] = {}

    def add(self, place: int, clip: AnsweredClip) -> None:
        """Count a clip, which is the `place`-th of its dataset."""
        for count in {variant.count: None for variant in self._variants}:
            record = count(clip, self._classes)
            self._sums[count] = self._sums[count] + record if count in self._sums else record
            if any(one.apart for one in self._variants if one.count is count):
                self._apart.setdefault(count, {})[place] = (clip.picture, record)

    def figures(self) -> tuple[Figure, ...]:
        """Return the figure of each variant; raise InputError if no clip was counted."""
        if not self._sums:
            raise InputError("variants: expected at least one clip of predictions, got none")
        return tuple(map(self._figure, self._variants))

    def _figure(self, variant: Variant) -> Figure:
        if not variant.apart:
            return variant.figure(self._sums[variant.count])
        clips = self._apart[variant.count]
        return variant.figure([clips[place] for place in sorted(clips)])


def figures_over(
    clips: Iterable[AnsweredClip], classes: int, variants: Sequence[Variant]
) -> tuple[Figure, ...]:
    """Return the figures of variants over clips, in one pass.

    Raises InputError for no clip at all, and for what `Confusion.of` and `FrameScores.of` refuse.
    """
    counts = VariantCounts(variants, classes)
    for place, clip in enumerate(clips):
        counts.add(place, clip)
    return counts.figures()
