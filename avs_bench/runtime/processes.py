"""The processes of a run: one by itself, or as many as torchrun started.

Everything here is exact: sums are the same on every process, and with one process nothing happens.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from avs_bench.runtime.heartbeats import (
    EXIT_INPUT,
    LOST,
    answer_those_who_fail_too,
    is_first_to_fail,
    watched,
)
from vpo_builder.runtime.errors import InputError, as_input_error

BUCKET = 2**24
"""Values summed at a time: 64 MiB, large enough for a network's full speed."""


@dataclass(frozen=True)
class Processes:
    """The number of this process, from 0, and how many there are."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """Return this process's part of the rows of a batch; every part has the same size."""
        size = rows // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def total(self, value: Tensor) -> Tensor:
        """Return the sum over all processes, without a gradient."""
        if self.count == 1:
            return value
        value = value.detach().clone().contiguous()
        dist.all_reduce(value)
        return value

    def largest(self, value: int) -> int:
        """Return the largest of the processes' values."""
        if self.count == 1:
            return value
        tensor = torch.tensor(value)
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return int(tensor)

    def joined(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes, which must have equally many, in their order."""
        if self.count == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.count)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def messages(self, message: bytes) -> list[bytes]:
        """Return the message of every process, of any length, in their order."""
        if self.count == 1:
            return [message]
        length = self.largest(len(message))
        padded = torch.zeros(1, length + 8, dtype=torch.uint8)
        content = len(message).to_bytes(8, "big") + message
        padded[0, : len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        rows = [row.numpy().tobytes() for row in self.joined(padded)]
        return [row[8 : 8 + int.from_bytes(row[:8], "big")] for row in rows]

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace every gradient by its sum over all processes.

        Not DistributedDataParallel, which averages, wants every parameter used in every step and
        knows nothing of a step in several parts; a sum after the last part is exact for all.
        """
        if self.count == 1:
            return
        for bucket in _buckets([p.grad for p in parameters if p.grad is not None]):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            dist.all_reduce(flat)
            parts = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view(gradient.shape))


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    held = 0
    for gradient in gradients:
        bucket.append(gradient)
        held += gradient.numel()
        if held >= BUCKET:
            yield bucket
            bucket, held = [], 0
    if bucket:
        yield bucket


ALONE = Processes()


def torchrun_started() -> bool:
    """Return whether this is one of several processes that torchrun, or its like, started."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started, or stay alone where it did not.

    Tensors on a CPU travel by gloo, those on a GPU by nccl. Of the errors that a user can mend the
    first one in any process is raised as an InputError, and so is the loss of a process; the other
    processes end without a word.
    """
    if not torchrun_started():
        yield ALONE
        return
    store, rank, count = next(rendezvous("env://"))
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count)
    with watched(store, rank, count):
        try:
            yield Processes(rank, count)
        except Exception as error:
            lost = _is_of_a_collective(error)
            known = InputError(LOST) if lost else as_input_error(error)
            if known is None:
                raise
            if not is_first_to_fail(store):
                raise SystemExit(EXIT_INPUT) from None
            if rank == 0 and not lost:  # by "env://" the holder of the store
                answer_those_who_fail_too(store, count)
            raise known from None
    dist.destroy_process_group()  # not after an error: the others may be waiting


def _is_of_a_collective(error: Exception) -> bool:
    """Tell whether a collective failed, as every one does once another process has ended."""
    named = isinstance(error, RuntimeError) and "gloo" in str(error)
    return named or isinstance(error, dist.DistError)
