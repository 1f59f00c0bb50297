"""Counts what a program waits for on a GPU, without one: on meta tensors, which have no values.

A meta tensor has a shape and no content, so `.item()`, `nonzero`, a boolean index and a copy to
main memory fail on it as surely as they wait on a GPU. What comes from main memory is counted.
"""

import traceback
from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode

READING = ("_local_scalar_dense", "nonzero", "unique", "masked_select")
WITHOUT_WAITING = "on_device"


class Waits(TorchDispatchMode):
    """Counts what is read of which device, and what is copied to it but by `on_device`, by file."""

    def __init__(self):
        super().__init__()
        self.read, self.copied = Counter(), Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name, kwargs = str(function), kwargs or {}
        if any(reading in name for reading in READING):
            device = next(a.device.type for a in args if isinstance(a, torch.Tensor))
            self.read[device, _places()[-1][0]] += 1
        if _copies(name, args, kwargs) and WITHOUT_WAITING not in {who for _, who in _places()}:
            self.copied[_places()[-1][0]] += 1
        return function(*args, **kwargs)


def _copies(name, args, kwargs):
    """Tell whether an operation brings values from main memory to a meta tensor."""
    if "_to_copy" in name:
        there = kwargs.get("device") or args[0].device
        return args[0].device.type == "cpu" and torch.device(there).type == "meta"
    if "copy_" in name:
        return (args[0].device.type, args[1].device.type) == ("meta", "cpu")
    if name.startswith("aten.index") and isinstance(args[1], list):
        here = [index for index in args[1] if index is not None]
        return args[0].device.type == "meta" and any(i.device.type == "cpu" for i in here)
    return False


def _places():
    """Return file and function of every line of ours that is being run, innermost last."""
    frames = [f for f in traceback.extract_stack() if "/avs_bench/" in f.filename]
    return [(f.filename.split("/avs_bench/")[-1], f.name) for f in frames]
