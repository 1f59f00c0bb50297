"""The metrics with the face that a training loop knows: update, compute, merge, reset.

As torchmetrics has it, without a dependency on it. Needs numpy only; torch is used where the
caller's processes are joined by it.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Generic, Self, TypeVar

from avs_bench.metrics.families import FIGURES
from avs_bench.metrics.figure import Figure
from avs_bench.metrics.record import Record
from avs_bench.metrics.records_by_family import RECORDS, blank_record
from avs_bench.names import Family

R = TypeVar("R", bound=Record)


class Meter(Generic[R]):
    """Counts what `update` is given, and makes figures of the counts.

    `empty` is the record of nothing, `of` counts the arguments of one `update`, `figures` are made
    of the sum. Counts are integers, so that any order, any batches and any processes give the same
    figures. With `sync_on_compute`, where torch.distributed is initialised, `compute` is of all
    processes (of `group`) together, so each of them must call it.

    >>> meter = Meter.of_family("dataset", classes=2)
    >>> meter.update(pred=[[0, 1], [1, 1]], target=[[0, 1], [0, 255]])
    >>> print(f"{float(meter.compute()['miou_dataset']):.2f}")
    0.50
    """

    def __init__(
        self,
        empty: R,
        of: Callable[..., R],
        figures: Sequence[Callable[[R], Figure]],
        *,
        sync_on_compute: bool = True,
        group: Any = None,
    ) -> None:
        self.record = self._empty = empty
        self._of, self._figures = of, tuple(figures)
        self._sync, self._group = sync_on_compute, group

    @classmethod
    def of_family(
        cls,
        family: Family,
        classes: int = 2,
        *,
        figures: Sequence[Callable[[Any], Figure]] = (),
        **options: Any,
    ) -> "Meter[Any]":
        """Return the meter of a metric family, with its own figures and then with `figures`.

        "dataset" and "frame" take class indices [..., H, W] in [0, classes), 255 ignored; "video"
        takes the logits [T, H, W] of a video and its masks of 0 and 1; "instances" class
        indices [H, W] and the picture's `SeenObjects`; "listening" class indices
        [sounds, H, W], one picture's with several sounds. `options` are those of the class.
        """
        kind: type[Meter[Any]] = cls
        return kind(
            blank_record(family, classes),
            RECORDS[family](classes),
            (*FIGURES[family], *figures),
            **options,
        )

    def update(self, pred: Any, target: Any) -> None:
        """Count a batch, arrays of numpy or torch; raise InputError for what cannot be counted."""
        self.record += self._of(pred, target)

    def compute(self) -> dict[str, Figure]:
        """Return the figures by name; `float(figure)` is a value in [0, 1], or NaN."""
        total = self.total()
        return {figure.name: figure for figure in (make(total) for make in self._figures)}

    def merge(self, *others: Self) -> None:
        """Add what other meters of the same kind have counted."""
        for other in others:
            self.record += other.record

    def reset(self) -> None:
        """Forget what was counted."""
        self.record = self._empty

    def total(self) -> R:
        """Return the counts, of all processes together if they are joined."""
        distributed = sys.modules.get("torch.distributed")  # else nobody has joined any
        if not (self._sync and distributed and distributed.is_available()):
            return self.record
        if not distributed.is_initialized() or distributed.get_world_size(self._group) == 1:
            return self.record
        import torch

        device = "cuda" if distributed.get_backend(self._group) == "nccl" else "cpu"
        vector = torch.from_numpy(self.record.vector()).to(device)
        distributed.all_reduce(vector, group=self._group)
        return self.record.with_vector(vector.cpu().numpy())
