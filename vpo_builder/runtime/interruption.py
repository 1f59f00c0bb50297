"""Ends a command that is interrupted or told to end: cleanly, with the shell's own exit codes."""

import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_TERMINATED = 128 + signal.SIGTERM


class TerminatedError(BaseException):
    """SIGTERM: what a batch system sends before it kills."""


def resumable(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command clean up after SIGINT and SIGTERM, then exit with code 130 or 143."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        handles = threading.current_thread() is threading.main_thread()
        previous = signal.signal(signal.SIGTERM, _terminate) if handles else None
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            _exit(EXIT_INTERRUPTED)
        except TerminatedError:
            _exit(EXIT_TERMINATED)
        finally:
            if handles:
                signal.signal(signal.SIGTERM, previous)

    return wrapped


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the end of the block, for what must not be left half done.

    Python runs handlers in the main thread alone, so elsewhere there is nothing to put off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for one in arrived:
            signal.raise_signal(one)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise TerminatedError


def _exit(code: int) -> None:
    click.echo("stopped: run the same command again; it resumes", err=True)
    sys.exit(code)
