"""The class-wise bank of clips that CAVP draws matching sounds from (protocol §5)."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from avs_bench.config import PairSettings
from avs_bench.data.batch import Batch
from avs_bench.runtime.processes import Processes


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


class AudioBank:
    """A queue of the latest `depth` mono waveforms of every class.

    Reading leaves the clip in its queue; writing into a full queue replaces the oldest. Upstream
    begins with queues full of zeros and so hands out silence labelled as a match until they have
    filled; `bank_empty = "silence"` does that too, "skip" gives nothing instead.
    """

    def __init__(self, classes: int, depth: int, samples: int, settings: PairSettings) -> None:
        self._settings = settings
        self._clips = torch.zeros(classes, depth, samples)
        self._written = torch.zeros(classes, dtype=torch.long)

    def read(self, label: int, generator: Generator) -> Tensor | None:
        """Return a clip [samples] of the class, the oldest or a random one, or None."""
        depth, written = self._clips.shape[1], int(self._written[label])
        held = min(depth, written) if self._settings.bank_empty == "skip" else depth
        if not held:
            return None
        if self._settings.bank_draw == "random":
            return self._clips[label, int(torch.randint(held, (), generator=generator))]
        return self._clips[label, written % depth if held == depth else 0]

    def write(self, sounds: Sounds) -> None:
        """Store the sound of every item that has exactly one source.

        Such an item's stereo is (1 - pan)·x and pan·x, so the sum of its channels is x again.
        """
        for item in (~sounds.pans.isnan()).nonzero().squeeze(1).tolist():
            label = int(sounds.sounding[item].nonzero())
            slot = int(self._written[label]) % self._clips.shape[1]
            self._clips[label, slot] = sounds.waveforms[item].sum(dim=0)
            self._written[label] += 1

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps of the bank."""
        return {"clips": self._clips, "written": self._written}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Fill the bank as it was when `state` was taken."""
        self._clips.copy_(state["clips"])
        self._written.copy_(state["written"])
