"""Which ffmpeg is run."""

import functools
import shutil

import imageio_ffmpeg

from vpo_builder.runtime.errors import InputError


@functools.cache
def ffmpeg_program() -> str:
    """Return the system's ffmpeg, or the one that imageio-ffmpeg brings; raise InputError."""
    program = shutil.which("ffmpeg")
    if program:
        return program
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise InputError("no ffmpeg found: install it (apt-get install ffmpeg)") from None
