"""In which order examples are read: a function of the step, so that a run resumes anywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from avs_bench.data.example import Clip
from avs_bench.data.seeds import numpy_generator


@dataclass(frozen=True)
class Draw:
    """Which example comes next: its index, and the pass over the data that it belongs to."""

    index: int
    epoch: int


@dataclass(frozen=True)
class TrainingOrder:
    """The endless sequence of shuffled passes over `examples` examples, cut into batches.

    A batch may reach over the end of a pass, so every example is seen equally often whatever
    the batch size, and a dataset smaller than a batch is trained on all the same.
    """

    examples: int
    batch_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in a pass, at least one."""
        return max(1, self.examples // self.batch_size)

    def batch(self, step: int) -> list[Draw]:
        """Return the draws of optimisation step `step`, counted from 0 over the whole run."""
        places = range(step * self.batch_size, (step + 1) * self.batch_size)
        return [self._draw(*divmod(place, self.examples)) for place in places]

    def batches(
        self, first_step: int, steps: int, rows: slice = slice(None)
    ) -> Iterator[list[Draw]]:
        """Yield these rows of the batches of the steps from `first_step` up to `steps`."""
        return (self.batch(step)[rows] for step in range(first_step, steps))

    def _draw(self, epoch: int, place: int) -> Draw:
        return Draw(int(_permutation(self.examples, self.seed, epoch)[place]), epoch)


@lru_cache(maxsize=4)
def _permutation(examples: int, seed: int, epoch: int) -> np.ndarray:
    return numpy_generator("order", seed, epoch).permutation(examples)


def evaluation_batches(clips: Sequence[Clip], batch_size: int) -> Iterator[list[int]]:
    """Yield indices of clips of one picture size, at most `batch_size` at a time.

    Padding to a common size would let a score depend on what else is in the batch.
    """

    def size(index: int) -> tuple[int, int]:
        return clips[index][0].height, clips[index][0].width

    for _, group in groupby(sorted(range(len(clips)), key=size), key=size):
        indices = list(group)
        for first in range(0, len(indices), batch_size):
            yield indices[first : first + batch_size]
