"""What is heard in a whole batch, whichever process read it."""

from dataclasses import dataclass

from torch import Tensor

from avs_bench.data.batch import Batch
from avs_bench.processes import Processes


@dataclass(frozen=True)
class Sounds:
    """The sounds of B items.

    `waveforms` [B, channels, samples]; `sounding` and `seen` [B, classes] bool, the classes heard
    and those in the picture; `pans` [B], the pan of an item with exactly one source, NaN
    otherwise; `kinds` [B] as in `Batch`.
    """

    waveforms: Tensor
    sounding: Tensor
    seen: Tensor
    pans: Tensor
    kinds: Tensor

    @classmethod
    def of_all(cls, batch: Batch, processes: Processes) -> "Sounds":
        """Return those of the whole batch, of which `batch` is this process's part."""
        own = (batch.waveforms, batch.sounding, batch.seen, batch.pans, batch.kinds)
        return cls(*map(processes.joined, own))
