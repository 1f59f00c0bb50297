"""Watches over the processes of a run: each says that it lives, and ends when another has died.

A collective operation waits for a process that is gone: gloo fails when a connection closes, nccl
waits for minutes, and neither sees a process that hangs.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from torch.distributed.distributed_c10d import Store

from vpo_builder.runtime.outside_text import say

FAILED, EXIT_INPUT = "avs-bench/failed", 2
LOST = (
    "another process of this run has ended or hangs: what it said itself, or the system's log, "
    "tells why; start all of them again with --resume"
)
BEAT_SECONDS = 1.0
SILENT_SECONDS = 18.0
"""So long may a process say nothing: while it holds Python's lock, or the machine is overloaded."""
GRACE_SECONDS = 5.0
"""So long a process has to end by itself, from the error of a collective, before it is ended."""
ANSWER_SECONDS = 1.0
"""So long the holder of the store stays after its error, for others that ask who was first."""
LEFT = 2**40
"""More beats than any run has: the process has left the run and needs no watching."""


class Heartbeats:
    """The beats of all processes in the store that they share; `rank` is this one's."""

    def __init__(self, store: Store, rank: int, count: int) -> None:
        self._store, self._rank = store, rank
        now = time.monotonic()
        self._heard = {other: (0, now) for other in range(count) if other != rank}

    def someone_is_lost(self) -> bool:
        """Beat, and tell whether another process has failed, is silent, or holds the store no more.

        Python's clock stands still while the machine sleeps, as the beats do.
        """
        try:
            self._store.add(_key(self._rank), 1)
            for other, (beats, since) in self._heard.items():
                latest = self._store.add(_key(other), 0)
                if latest != beats:
                    self._heard[other] = latest, time.monotonic()
                elif latest < LEFT and time.monotonic() - since > SILENT_SECONDS:
                    return True
            return self._store.add(FAILED, 0) > 0
        except RuntimeError:  # its holder has ended
            return True

    def leave(self) -> None:
        """Say that this process leaves the run, as a run that ends or stops does."""
        with suppress(RuntimeError):
            self._store.add(_key(self._rank), LEFT)


def is_first_to_fail(store: Store) -> bool:
    """Note that this process fails, and tell whether it is the first: that one speaks."""
    try:
        return store.add(FAILED, 1) == 1
    except RuntimeError:  # who held it has ended, and nobody can be asked
        return True


def answer_those_who_fail_too(store: Store, count: int) -> None:
    """Hold the store a moment longer: an error that all have would be told by each without it."""
    until = time.monotonic() + ANSWER_SECONDS
    while store.add(FAILED, 0) < count and time.monotonic() < until:
        time.sleep(ANSWER_SECONDS / 100)


@contextmanager
def watched(store: Store, rank: int, count: int) -> Iterator[None]:
    """End this process with one line, from a thread, when another one is lost within the block."""
    beats, over = Heartbeats(store, rank, count), threading.Event()

    def watch() -> None:
        while not over.wait(BEAT_SECONDS):
            if beats.someone_is_lost():
                break
        if not over.wait(GRACE_SECONDS):
            if is_first_to_fail(store):
                say(f"error: {LOST}", err=True)
            os._exit(EXIT_INPUT)  # the main thread may wait in a collective for ever

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
        beats.leave()
    except SystemExit:  # a run that was told to stop, in every process
        beats.leave()
        raise
    finally:
        over.set()
        watching.join(GRACE_SECONDS)  # in the store's midst it would abort an interpreter that ends


def _key(rank: int) -> str:
    return f"avs-bench/beats/{rank}"
