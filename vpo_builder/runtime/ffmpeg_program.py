"""Which ffmpeg is run, and how: never asking, within bounds of time and size."""

import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import require_regular

CHOICE = "VPO_FFMPEG"
"""The environment variable that names the program to run instead of the system's."""
BLOCK_BYTES = 2**16
EMPTY_WORDS = ("To ignore this", "Conversion failed", "Error opening output", "Last message")
"""What ffmpeg's last lines begin with when the reason stands above them."""


class FfmpegError(Exception):
    """ffmpeg could not do it; the text is the last line that it printed."""


@dataclass(frozen=True)
class FfmpegRun:
    """What ffmpeg wrote to its output, and the beginning and end of what it said."""

    output: bytes
    said: str


@functools.cache
def ffmpeg_program() -> str:
    """Return the program that VPO_FFMPEG names, else the system's, else imageio-ffmpeg's.

    Raises InputError where there is none.
    """
    chosen = os.environ.get(CHOICE)
    program = shutil.which(chosen or "ffmpeg")
    if program:
        return program
    if chosen:
        raise InputError(f"{CHOICE}={chosen}: no such program: give the path of an ffmpeg")
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise InputError("no ffmpeg found: install it (apt-get install ffmpeg)") from None


def run_ffmpeg(arguments: Sequence[str], *, seconds: float, most_bytes: int) -> FfmpegRun:
    """Run ffmpeg to its end.

    Raises FfmpegError if it fails, takes longer than `seconds` or writes more than `most_bytes`
    to its output: no more than that is ever held.
    """
    command = [ffmpeg_program(), "-nostdin", "-hide_banner", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        late = threading.Event()
        messages = _Messages(process.stderr)

        def give_up() -> None:
            late.set()
            process.kill()

        limit = threading.Timer(seconds, give_up)
        limit.daemon = True
        limit.start()
        try:
            output = _read_at_most(process.stdout, most_bytes)
            code = process.wait()
            said = messages.text()
        finally:
            limit.cancel()
            process.kill()
    if late.is_set():
        raise FfmpegError(f"no result within {seconds:.0f} seconds")
    if code:
        raise FfmpegError(last_line(said) or "no reason given")
    return FfmpegRun(output, said)


def source(path: Path) -> list[str]:
    """Return the arguments that read a file: no part of its name is an option or an address."""
    return ["-protocol_whitelist", "file,pipe", "-i", f"file:{path.resolve()}"]


def has_stream(path: Path, kind: str, seconds: float) -> bool:
    """Tell whether a file holds a stream of a kind, "a" (sound) or "V" (moving pictures).

    It is not decoded, and the answer is ffmpeg's exit status: its words differ among versions.
    """
    looked = ["-map", f"0:{kind}:0", "-c", "copy", "-frames", "1", "-f", "null", "-"]
    try:
        require_regular(path, largest=None)
        run_ffmpeg([*source(path), *looked], seconds=seconds, most_bytes=0)
    except (FfmpegError, OSError):
        return False
    return True


def last_line(said: str) -> str:
    """Return the last line of ffmpeg's messages that says what is wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(EMPTY_WORDS)]
    return telling[-1] if telling else ""


def _read_at_most(stream: IO[bytes], most_bytes: int) -> bytes:
    blocks, size = [], 0
    while block := stream.read(BLOCK_BYTES):
        blocks.append(block)
        size += len(block)
        if size > most_bytes:
            raise FfmpegError(f"it gives more than {most_bytes} bytes")
    return b"".join(blocks)


class _Messages:
    """Takes what a program says as it comes and keeps the first and the last block of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._first, self._last = stream, b"", b""
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what was kept; the program must have ended."""
        self._thread.join()
        return (self._first + self._last).decode(errors="replace")

    def _take(self) -> None:
        while block := self._stream.read1(BLOCK_BYTES):  # type: ignore[attr-defined]
            if len(self._first) < BLOCK_BYTES:
                self._first += block
            else:
                self._last = (self._last + block)[-BLOCK_BYTES:]
