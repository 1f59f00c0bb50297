"""Freed memory stays with the process, in one of its own: the C library remembers the choice."""

import ctypes
import json
import subprocess
import sys

import pytest

LARGE = 2**26
HELD = f"""
import ctypes, json, sys, torch
from avs_bench.runtime.device import open_device
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "heap", "chunks", "fast", "maps", "mapped", "peak", "fast_bytes", "used", "free", "top")]
read = ctypes.CDLL(None).mallinfo2
read.restype = Info
if sys.argv[1] == "kept":
    open_device("cpu")
before = read()
tensor = torch.zeros({LARGE}, dtype=torch.uint8)
during = read()
del tensor
after = read()
print(json.dumps([during.mapped - before.mapped, after.heap + after.mapped - before.heap]))
"""

has_mallinfo2 = hasattr(ctypes.CDLL(None), "mallinfo2")


@pytest.mark.skipif(not has_mallinfo2, reason="no glibc of version 2.33 or later")
def test_a_cpu_keeps_freed_memory():
    def held(how: str) -> list[int]:
        return json.loads(subprocess.check_output([sys.executable, "-c", HELD, how]))

    mapped, left = held("given back")
    assert mapped >= LARGE > left  # by default a mapping of its own, gone with the tensor
    mapped, left = held("kept")
    assert mapped == 0
    assert left >= LARGE
