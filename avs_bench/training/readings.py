"""Loss terms on their way from the device to who tells them, without the device waiting for it.

Reading a number from a GPU waits for everything that it was asked before. So the terms of a part
are copied as soon as they are known, before its backward pass, into memory that the GPU can write
to by itself; they are looked at one step late, and told ten steps at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from avs_bench.runtime.device import Arriving, in_main_memory
from avs_bench.runtime.processes import Processes
from avs_bench.training.endings import refuse_no_number

AHEAD = 10
"""Steps that a GPU is sent ahead of what is told of them."""


@dataclass
class _Step:
    """The terms of a step: a tensor [terms] for each part."""

    number: int
    names: tuple[str, ...]
    parts: list[Arriving] = field(default_factory=list)

    def values(self) -> Tensor:
        total, *others = (part.arrived() for part in self.parts)
        for part in others:
            total = total + part
        return total


class LossReadings:
    """Keeps the loss terms of the steps that were taken and not yet read."""

    def __init__(self, device: torch.device, processes: Processes) -> None:
        self._device, self._processes = device, processes
        self._steps: list[_Step] = []

    @property
    def ahead(self) -> int:
        """How many steps may be taken before they are read: one where reading costs nothing."""
        return AHEAD if self._device.type == "cuda" else 1

    def note(self, step: int, terms: Mapping[str, Tensor]) -> None:
        """Begin to copy the terms of a part of a step; its backward pass comes after."""
        if not self._steps or self._steps[-1].number != step:
            self._steps.append(_Step(step, tuple(terms)))
        values = torch.stack([term.detach() for term in terms.values()])
        self._steps[-1].parts.append(in_main_memory(values))

    def refuse_no_number(self) -> None:
        """Raise FailedError if the latest loss of this process is no longer a number."""
        if self._steps:
            latest = self._steps[-1]
            shown = dict(zip(latest.names, latest.values().tolist(), strict=True))
            refuse_no_number(shown, latest.number)

    def read(self) -> list[dict[str, float]]:
        """Return the terms of the whole batch, by name, of every step since the last reading.

        Raises FailedError for the first step whose loss is no longer a number.
        """
        steps, self._steps = self._steps, []
        told = []
        for step in steps:
            whole = self._processes.total(step.values()).tolist()
            told.append(dict(zip(step.names, whole, strict=True)))
            refuse_no_number(told[-1], step.number)
        return told
