"""Calls of ffmpeg: never asking, never reaching the network, always with a time limit."""

import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from vpo_builder.runtime.ffmpeg_program import FfmpegError, ffmpeg_program, last_line

STALL_SECONDS = 60
"""A running ffmpeg that neither gives nor takes a byte for so long is ended."""


@contextmanager
def reading(arguments: Sequence[str]) -> Iterator["Pipe"]:
    """Yield the output of a running ffmpeg; raise FfmpegError if it fails.

    Leaving the block early ends it.
    """
    with _running(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as (process, said):
        assert process.stdout is not None
        pipe = Pipe(process, process.stdout, said)
        yield pipe
        if pipe.ended and process.wait(STALL_SECONDS):
            raise FfmpegError(said())


@contextmanager
def writing(arguments: Sequence[str]) -> Iterator["Pipe"]:
    """Yield the input of a running ffmpeg and wait for its end; raise FfmpegError if it fails."""
    with _running(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (process, said):
        assert process.stdin is not None
        try:
            yield Pipe(process, process.stdin, said)
            process.stdin.close()
            code = process.wait(STALL_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            raise FfmpegError(said()) from None
        if code:
            raise FfmpegError(said())


class Pipe:
    """One end of a running ffmpeg, which is killed when it stalls."""

    def __init__(
        self, process: subprocess.Popen[bytes], stream: IO[bytes], said: Callable[[], str]
    ) -> None:
        self._process, self._stream, self._said = process, stream, said
        self.ended = False

    def complaint(self) -> str:
        """Return the last error that ffmpeg printed and worked around, or nothing."""
        self._process.wait(STALL_SECONDS)
        return self._said()

    def read(self, size: int) -> bytes | None:
        """Return exactly `size` bytes, or None at the end."""
        with self._watched():
            data = self._stream.read(size)
        self.ended = len(data) < size
        return None if self.ended else data

    def write(self, data: bytes) -> None:
        """Hand over all of `data`."""
        with self._watched():
            self._stream.write(data)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        watchdog = threading.Timer(STALL_SECONDS, self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()


@contextmanager
def _running(
    arguments: Sequence[str], *, stdin: int, stdout: int
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            [ffmpeg_program(), "-nostdin", "-hide_banner", "-loglevel", "error", *arguments],
            stderr=messages,
            stdin=stdin,
            stdout=stdout,
        )

        def said() -> str:
            messages.seek(0)
            return last_line(messages.read().decode(errors="replace"))

        try:
            yield process, said
        finally:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None and not stream.closed:
                    with suppress(BrokenPipeError):  # bytes kept for a process that is gone
                        stream.close()
            process.wait()
