"""Freed memory stays with the process, in one of its own: the C library remembers the choice."""

import subprocess
import sys

import pytest

STEPS = """
import resource, sys, torch
from avs_bench.device import open_device
if sys.argv[1] == "kept":
    open_device("cpu")
def step():
    for _ in range(3):
        torch.ones(2**24)  # 64 MiB
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is Linux's")
def test_a_cpu_hands_freed_memory_out_again():
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", STEPS, how]))
        for how in ("given back", "kept")
    }
    assert faults["kept"] < faults["given back"] / 4
