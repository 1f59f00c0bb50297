"""Freed memory stays with the process, in one of its own: the C library remembers the choice.

What is copied to a GPU, and back, is asked of a stand-in.
"""

import ctypes
import json
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from avs_bench.runtime import device

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


class FakeCard:
    """Stands in for torch.cuda and tensors of a GPU, and keeps what is asked, in order."""

    def __init__(self, monkeypatch):
        self.log, self.now = [], "asking"
        monkeypatch.setattr(device, "copying_stream", lambda _, way: f"copying {way}")
        monkeypatch.setattr(torch.cuda, "current_stream", lambda _: self)
        monkeypatch.setattr(torch.cuda, "stream", self.within)

    @contextmanager
    def within(self, stream):
        before, self.now = self.now, stream
        yield
        self.now = before

    def wait_stream(self, stream):
        self.log.append(("asking waits for", stream))

    def tensor(self, *, pinned, at="cpu"):
        card = self

        class Fake:
            device = torch.device(at)

            def is_pinned(self):
                return pinned

            def pin_memory(self):
                card.log.append("pinned")
                return card.tensor(pinned=True)

            def to(self, there, non_blocking=False):
                card.log.append(("copied in", card.now, non_blocking))
                return card.tensor(pinned=False, at=there)

            def record_stream(self, stream):
                card.log.append(("kept for", "asking" if stream is card else stream))

            def cpu(self):
                card.log.append(("read in", card.now))
                return "values"

        return Fake()


@pytest.mark.parametrize("pinned", [True, False])
def test_what_goes_to_a_gpu_is_copied_in_a_stream_of_its_own_and_waited_for_by_the_asking_one(
    monkeypatch, pinned
):
    card, cuda = FakeCard(monkeypatch), torch.device("cuda", 0)
    there = device.on_device(card.tensor(pinned=pinned), cuda)
    assert card.log == [
        *(["pinned"] * (not pinned)),
        ("copied in", "copying there", True),
        ("asking waits for", "copying there"),
        ("kept for", "asking"),
    ]
    assert there.device == cuda
    assert card.now == "asking"


def test_what_a_gpu_has_computed_is_read_without_waiting_for_what_it_was_asked_after(monkeypatch):
    card = FakeCard(monkeypatch)
    there = card.tensor(pinned=False, at="cuda:0")
    assert device.complete_in_main_memory(there) == "values"
    assert card.log == [("read in", "copying back")]


def test_what_comes_from_a_gpu_has_arrived_when_the_stream_of_that_gpu_is_so_far(monkeypatch):
    second, log = torch.device("cuda", 1), []
    host = SimpleNamespace(copy_=lambda _, non_blocking: log.append(("copied", non_blocking)))
    event = SimpleNamespace(record=log.append, synchronize=lambda: log.append("waited"))
    monkeypatch.setattr(torch, "empty", lambda *_, **how: log.append(how["pin_memory"]) or host)
    monkeypatch.setattr(torch.cuda, "Event", lambda **_: event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda of: f"stream of {of}")
    there = SimpleNamespace(device=second, shape=(2,), dtype=torch.uint8)
    arriving = device.in_main_memory(there)
    assert log == [True, ("copied", True), "stream of cuda:1"]
    assert arriving.arrived() is host
    assert log[-1] == "waited"


def test_values_of_a_cpu_have_arrived():
    values = torch.ones(2)
    arriving = device.in_main_memory(values)
    assert arriving.arrived() is values
    assert arriving.copied is None
