"""Steps that cannot go on: memory that is full, and a loss that is no longer a number."""

import contextlib
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from vpo_builder.runtime.errors import is_full_memory


class FailedError(Exception):
    """What happened, in `what`, and what to do about it, in `remedy`.

    Only who keeps the checkpoints can say what is left: see `RunFolder.failures_in_one_line`.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what, self.remedy = what, remedy


@contextmanager
def memory_errors(doing: str, remedy: str) -> Iterator[None]:
    """Raise FailedError for an error that says that memory, a GPU's or the machine's, is full."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_full_memory(error):
            raise
        raise FailedError(f"{doing}: out of memory", remedy) from None


def refuse_no_number(terms: Mapping[str, float], step: int) -> None:
    """Raise FailedError unless the sum of the loss terms is a number."""
    if math.isfinite(sum(terms.values())):
        return
    shown = ", ".join(f"{name} {value}" for name, value in terms.items())
    raise FailedError(
        f"step {step}: the loss is {sum(terms.values())} ({shown})",
        "begin a run with a lower rate, such as --set optim.lr=1e-4",
    )


class StoppedError(Exception):
    """A run was told to stop and has kept everything up to `step`; `signal` told it."""

    def __init__(self, signal_number: int, step: int) -> None:
        super().__init__(f"stopped after step {step}; go on with --resume")
        self.exit_code = 128 + signal_number


class StopRequest:
    """Remembers the first SIGTERM or SIGINT while the context is open; a second one ends at once.

    `signal` is its number, 0 as long as there was none. A request that `answers` says at once that
    it was heard.
    """

    def __init__(self, *, answers: bool = False) -> None:
        self.signal = 0
        self._answers = answers
        self._before: dict[int, Any] = {}  # what `signal.signal` takes and gives back

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()
        if self._answers:
            _write_at_once("stopping after this step; a second time stops at once")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()


def _write_at_once(line: str) -> None:
    """Write a line to stderr from a signal's handler, which may have stopped another writer."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no stderr, or no real one
        number = sys.stderr.fileno()
        below_a_bar = "\n" if os.isatty(number) else ""
        os.write(number, f"{below_a_bar}{line}\n".encode())
