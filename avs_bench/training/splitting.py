"""How the batch of one optimisation step is split: over processes, and then into parts in turn."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from avs_bench.config import TrainSettings
from avs_bench.data.batch import Batch
from avs_bench.data.clips import ClipLayout
from avs_bench.losses.cross_entropy import valid_pixels
from avs_bench.runtime.processes import ALONE, Processes
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class Totals:
    """What a whole batch has: pixels that are not ignored, frames, and annotated ones."""

    pixels: int
    frames: int
    annotated: int


def annotated(targets: torch.Tensor) -> torch.Tensor:
    """Return which frames [N] have a pixel that is not ignored."""
    return (targets != IGNORE).flatten(1).any(1)


@dataclass(frozen=True)
class Splitting:
    """Each process sees its share of a batch, `part_size` items at a time (0: all of it)."""

    processes: Processes = ALONE
    part_size: int = 0

    def parts(self, batch: Batch) -> list[slice]:
        """Return the parts as rows of this process's share, in order."""
        rows = len(batch.targets)
        size = self.part_size or rows
        return [slice(first, min(first + size, rows)) for first in range(0, rows, size)]

    def clip_parts(self, batch: Batch) -> Iterator[tuple[slice, ClipLayout | None]]:
        """Yield the rows of each part, and the clips that they are; a clip is never divided."""
        if batch.clips is not None:
            return batch.clips.parts(self.part_size)
        return ((rows, None) for rows in self.parts(batch))

    def place(self, rows: slice, batch: Batch) -> slice:
        """Return where rows of this process's share lie in the whole batch."""
        first = self.processes.rank * len(batch.targets)
        return slice(first + rows.start, first + rows.stop)

    def totals(self, targets: torch.Tensor) -> Totals:
        """Return what the whole batch has; `targets` are this process's share."""
        counts = valid_pixels(targets), len(targets), int(annotated(targets).sum())
        return Totals(*self.processes.total(torch.tensor(counts)).tolist())


def splitting_of(settings: TrainSettings, processes: Processes) -> Splitting:
    """Return how batches are split; raise InputError if they cannot be split evenly."""
    share, rest = divmod(settings.batch_size, processes.count)
    if rest:
        raise InputError(
            f"train.batch_size {settings.batch_size} is the batch of all processes together and "
            f"cannot be divided among {processes.count}: give a multiple"
        )
    size = settings.micro_batch_size
    if size and share % size:
        raise InputError(
            f"train.micro_batch_size {size} does not divide the {share} items of a process: "
            "give a divisor, or 0 for all of them at once"
        )
    return Splitting(processes, size)
