"""Stops a run between two steps when it is told to: SIGTERM of a batch system, or Ctrl-C."""

import signal
import threading
from types import FrameType


class StoppedError(Exception):
    """A run was told to stop and has kept everything up to `step`; `signal` told it."""

    def __init__(self, signal_number: int, step: int) -> None:
        super().__init__(f"stopped after step {step}; go on with --resume")
        self.exit_code = 128 + signal_number


class StopRequest:
    """Remembers the first SIGTERM or SIGINT while the context is open; a second one ends at once.

    `signal` is its number, 0 as long as there was none.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, object] = {}

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

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
