"""The device that a run or an evaluation works on."""

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from vpo_builder.runtime.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST_INT = 2**31 - 1
LARGEST_OF_OLD = 2**25  # older versions of glibc refuse more
CPU_INFO = Path("/proc/cpuinfo")
BF16_FLAGS = {"amx_bf16", "avx512_bf16"}  # Linux's names of x86's instructions


def open_device(name: str) -> torch.device:
    """Return the device `name`: cpu, cuda, cuda:1 …, or auto for a GPU where there is one.

    On a CPU the process keeps freed memory from here on, see `keep_freed_memory`. Raises
    InputError for a device that is not there.
    """
    device = _device(name)
    if device.type == "cpu":
        keep_freed_memory()
    return device


def on_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device without waiting for what a GPU still does.

    A copy from memory that the system may move waits; one from pinned memory does not. It has a
    stream of its own, so it is made while the GPU does what it was asked before, such as the step
    before; only what is asked after it waits for it.
    """
    if device.type != "cuda" or tensor.device == device:
        return tensor.to(device)
    pinned = tensor if tensor.is_pinned() else tensor.pin_memory()
    asking, copying = torch.cuda.current_stream(device), copying_stream(device, "there")
    with torch.cuda.stream(copying):
        copied = pinned.to(device, non_blocking=True)
    asking.wait_stream(copying)
    copied.record_stream(asking)  # else its memory is given away while that stream still reads it
    return copied


@cache
def copying_stream(device: torch.device, _way: Literal["there", "back"]) -> torch.cuda.Stream:
    """Return the stream of a GPU in which batches come, or that in which complete answers go."""
    return torch.cuda.Stream(device)


@dataclass(frozen=True)
class Arriving:
    """Values on their way to main memory; `copied` says when they are there, None that they are."""

    values: torch.Tensor
    copied: torch.cuda.Event | None = None

    def arrived(self) -> torch.Tensor:
        """Return them as soon as they are there."""
        if self.copied is not None:
            self.copied.synchronize()
        return self.values


def in_main_memory(values: torch.Tensor) -> Arriving:
    """Begin to copy values to main memory, into which a GPU writes by itself."""
    if values.device.type != "cuda":
        return Arriving(values.cpu())
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    host.copy_(values, non_blocking=True)
    copied = torch.cuda.Event(blocking=True)  # who waits for it leaves the core to others
    copied.record(torch.cuda.current_stream(values.device))  # of a GPU that need not be the current
    return Arriving(host, copied)


def complete_in_main_memory(values: torch.Tensor) -> torch.Tensor:
    """Return values that a GPU has computed, without waiting for what it was asked after them."""
    if values.device.type != "cuda":
        return values.cpu()
    with torch.cuda.stream(copying_stream(values.device, "back")):
        return values.cpu()


def computes_bf16(device: torch.device) -> bool:
    """Return whether a device has instructions for bfloat16, and so is faster in it.

    Of CPUs only those are known that Linux tells of. Where it must be emulated it is slower.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not CPU_INFO.is_file():
        return False
    return not BF16_FLAGS.isdisjoint(CPU_INFO.read_text().split())


def keep_freed_memory() -> None:
    """Let the C library hand freed memory out again instead of giving it back to the system.

    By default every larger tensor is a mapping of its own, whose pages the system clears anew at
    each step: 22,000 page faults and an eighth of a small model's step. Does nothing where the
    library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        if not mallopt(M_MMAP_THRESHOLD, LARGEST_INT):
            mallopt(M_MMAP_THRESHOLD, LARGEST_OF_OLD)
        mallopt(M_TRIM_THRESHOLD, LARGEST_INT)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"--device {name}: {reason}; leave it out to take what there is") from None
    return device
