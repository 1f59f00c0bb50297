"""Ends a command that is interrupted or told to end: cleanly, with the shell's own exit codes."""

import functools
import signal
import sys
import threading
from collections.abc import Callable
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


def _terminate(number: int, frame: FrameType | None) -> None:
    raise TerminatedError


def _exit(code: int) -> None:
    click.echo("stopped: run the same command again; it resumes", err=True)
    sys.exit(code)
