"""How the batch of one optimisation step is split: over processes, and then into parts in turn."""

from dataclasses import dataclass

import torch

from avs_bench.config import TrainSettings
from avs_bench.data.batch import Batch
from avs_bench.losses.cross_entropy import valid_pixels
from avs_bench.runtime.processes import ALONE, Processes
from vpo_builder.runtime.errors import InputError


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

    def place(self, rows: slice, batch: Batch) -> slice:
        """Return where rows of this process's share lie in the whole batch."""
        first = self.processes.rank * len(batch.targets)
        return slice(first + rows.start, first + rows.stop)

    def valid_pixels(self, targets: torch.Tensor) -> int:
        """Return how many pixels of the whole batch are not ignored; `targets` are the share's."""
        return self.total(valid_pixels(targets))

    def total(self, count: int) -> int:
        """Return the sum of the processes' counts."""
        return int(self.processes.total(torch.tensor(count)))


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
