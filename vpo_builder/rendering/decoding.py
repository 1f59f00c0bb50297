"""Decodes recordings of any common format to mono float32, in process or by ffmpeg."""

import functools
import io
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vpo_builder.runtime.ffmpeg_program import ffmpeg_program

Waveform = NDArray[np.float32]

READ_BY_SOUNDFILE = frozenset({".wav", ".flac", ".ogg", ".mp3"})
FFMPEG_SECONDS = 120  # hours of sound before an excerpt decode in half of that
_DURATION = re.compile(rb"Duration: (\d+):(\d+):(\d+\.\d+)")
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # what a writer to a pipe leaves in a wav's header


class UndecodableError(ValueError):
    """A file from which no sound can be read."""


@dataclass(frozen=True)
class Recording:
    """Decoded sound.

    `mono` [samples] is the mean of its channels in full scale; `announced_seconds` is how long the
    file says that it is.
    """

    mono: Waveform
    sample_rate: int
    announced_seconds: float | None

    @property
    def seconds(self) -> float:
        """The length that decoding gave."""
        return len(self.mono) / self.sample_rate


@dataclass(frozen=True)
class Excerpt:
    """A part of a longer recording, in seconds of its sound."""

    start: float
    seconds: float


def decode(path: Path, excerpt: Excerpt | None = None) -> Recording:
    """Return the sound of a file, decoded as float32: integers would wrap a loud Vorbis.

    Of an excerpt, exactly its samples; it announces as much of itself as the file's header does.
    """
    if excerpt is not None:
        return _decode_by_ffmpeg(path, excerpt)
    if path.suffix.lower() in READ_BY_SOUNDFILE:
        return _decode_by_soundfile(path)
    return _decode_by_ffmpeg(path)


@functools.cache
def decoder_versions() -> dict[str, str]:
    """Return name and version of everything that touches a sample on its way."""
    banner = subprocess.run(
        [ffmpeg_program(), "-version"], capture_output=True, check=True, timeout=FFMPEG_SECONDS
    ).stdout.decode(errors="replace")
    return {
        "libsndfile": soundfile.__libsndfile_version__,
        "soxr": soxr.__libsoxr_version__,
        "ffmpeg": banner.split("\n", 1)[0].removeprefix("ffmpeg version ").split(" ", 1)[0],
    }


def _decode_by_soundfile(path: Path) -> Recording:
    try:
        with soundfile.SoundFile(path) as file:
            announced = file.frames / file.samplerate
            mono = _read_mono(file)
            rate = file.samplerate
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise UndecodableError(str(error)) from None
    if path.suffix.lower() == ".wav":
        announced = max(announced, _wav_seconds(path) or 0.0)
    return _recording(mono, rate, announced)


def _read_mono(file: soundfile.SoundFile) -> Waveform:
    """Return the mean of the channels in full scale.

    16-bit levels are scaled here: exactly what reading float32 gives, and libsndfile takes three
    times as long over it for a wav. They are let go before the mean is made: asked for more at
    once, the allocator returns it to the system, and a clip takes twice as long.
    """
    if file.subtype == "PCM_16":
        samples = file.read(dtype="int16", always_2d=True).astype(np.float32)
        return _mean_of_channels(samples, 2**-15)
    return _mean_of_channels(file.read(dtype="float32", always_2d=True), 1)


def _mean_of_channels(samples: Waveform, scale: float) -> Waveform:
    """Return the mean of [samples, channels] times a power of two, which rounds nothing."""
    channels = samples.shape[1]
    if channels == 2:  # the same figures as mean gives, in a thirtieth of its time
        mono, scale = samples[:, 0] + samples[:, 1], scale / 2
    else:
        mono = samples[:, 0] if channels == 1 else samples.mean(axis=1)
    mono *= np.float32(scale)
    return mono


def decode_arguments(path: Path, excerpt: Excerpt | None = None) -> list[str]:
    """Return ffmpeg's arguments for the first audio stream of a file, as a float wav on stdout."""
    stream = ffmpeg_input(path).audio
    if excerpt is not None:
        stream = stream.filter("asetpts", "N/SR/TB")  # count samples: containers round their times
        stream = stream.filter("atrim", start=excerpt.start, end=excerpt.start + excerpt.seconds)
    output = stream.output("pipe:", format="wav", acodec="pcm_f32le", bitexact=None)
    return output_arguments(output)


def ffmpeg_input(path: Path, **options: float) -> Any:
    """Return a file as ffmpeg-python's input.

    It is named so that no part of its name is an option, a protocol or a pattern.
    """
    return ffmpeg.input(f"file:{path.resolve()}", protocol_whitelist="file,pipe", **options)


def output_arguments(output: Any) -> list[str]:
    """Return the arguments for an output of ffmpeg-python's."""
    arguments: list[str] = output.global_args("-nostdin", "-hide_banner").get_args()
    return arguments


def run_ffmpeg(arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Return what ffmpeg wrote; raise UndecodableError if it fails or takes too long."""
    try:
        return subprocess.run(
            [ffmpeg_program(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FFMPEG_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise UndecodableError(str(error)) from None


def _decode_by_ffmpeg(path: Path, excerpt: Excerpt | None = None) -> Recording:
    run = run_ffmpeg(decode_arguments(path, excerpt))
    try:
        with soundfile.SoundFile(io.BytesIO(run.stdout)) as file:
            mono, rate = _read_mono(file), file.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise UndecodableError(str(error)) from None
    announced = _duration(run.stderr)
    if excerpt is not None and announced is not None:
        announced = min(excerpt.seconds, announced - excerpt.start)
        if announced <= 0:
            return Recording(mono, rate, 0.0)  # it begins where the recording has ended
    return _recording(mono, rate, announced)


def _duration(messages: bytes) -> float | None:
    """Return the seconds that ffmpeg says the file announces."""
    found = _DURATION.search(messages)
    if found is None:
        return None
    hours, minutes, seconds = (float(part) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def _recording(mono: Waveform, rate: int, announced: float | None) -> Recording:
    if not len(mono):
        raise UndecodableError("no samples")
    if not np.isfinite(mono).all():
        raise UndecodableError("samples that are no numbers")
    return Recording(mono, rate, announced)


def _wav_seconds(path: Path) -> float | None:
    """Return the length a wav's header announces: libsndfile shortens it to what is there."""
    with path.open("rb") as file:
        riff = file.read(12)
        if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
            return None
        bytes_per_second = 0
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                known = bytes_per_second and size not in _UNKNOWN_SIZES
                return size / bytes_per_second if known else None
            end = file.tell() + size + size % 2
            if name == b"fmt " and size >= 12:
                (bytes_per_second,) = struct.unpack("<8xI", file.read(12))
            file.seek(end)
    return None
