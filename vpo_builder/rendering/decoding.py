"""Decodes recordings of any common format to mono float32, in process or by ffmpeg."""

import functools
import io
import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import soundfile
import soxr

from vpo_builder.rendering.announced_length import (
    announced_by_ffmpeg,
    box_is_cut_short,
    last_packet_seconds,
    mp3_counts_its_frames,
    wav_seconds,
)
from vpo_builder.rendering.libav import END_SECONDS, decode_by_libav
from vpo_builder.rendering.recording import (
    MOST_SAMPLES,
    Recording,
    UndecodableError,
    Waveform,
    checked_recording,
    mean_of_channels,
)
from vpo_builder.runtime.ffmpeg_program import FfmpegError, FfmpegRun, ffmpeg_program, run_ffmpeg
from vpo_builder.runtime.regular_files import open_regular, require_regular

READ_BY_SOUNDFILE = frozenset({".wav", ".flac", ".ogg", ".mp3"})
SOUGHT_IN_BY_SOUNDFILE = READ_BY_SOUNDFILE - {".mp3"}
"""A place in an MP3 is found by guessing where its frames lie."""
FFMPEG_SECONDS = 120  # hours of sound before an excerpt decode in half of that
UNKNOWN_FRAMES = 2**40
"""More than a header can count; libsndfile says so where it does not know."""
READ_AHEAD_BYTES = 2**14
"""What a decoder of MP3 leaves of a file that it has read: tags at its end."""
BESIDE_SAMPLES = 2**20
"""Bytes that ffmpeg may write beside the samples."""


@dataclass(frozen=True)
class Excerpt:
    """A part of a longer recording, in seconds of its sound."""

    start: float
    seconds: float


def decode(
    path: Path, excerpt: Excerpt | None = None, most_seconds: float | None = None
) -> Recording:
    """Return the sound of a file, decoded as float32: integers would wrap a loud Vorbis.

    Of an excerpt, exactly its samples; it announces as much of itself as the file's header does.
    No more than `most_seconds` are read, whatever the file announces. A file that is not what its
    name says is given to ffmpeg. Raises UndecodableError for what is no recording.
    """
    try:
        require_regular(path, largest=None)  # only so much of it is read
        suffix = path.suffix.lower()
        if suffix in (READ_BY_SOUNDFILE if excerpt is None else SOUGHT_IN_BY_SOUNDFILE):
            read = _decode_by_soundfile(path, excerpt, most_seconds)
            if read is not None:
                return read
        elif excerpt is None:
            read = decode_by_libav(path, most_seconds)
            if read is not None:
                return read
        return _decode_by_ffmpeg(path, excerpt, most_seconds)
    except OSError as error:
        raise UndecodableError(str(error)) from None


@functools.cache
def decoder_versions() -> dict[str, str]:
    """Return name and version of everything that touches a sample on its way."""
    banner = subprocess.run(
        [ffmpeg_program(), "-version"], capture_output=True, check=True, timeout=FFMPEG_SECONDS
    ).stdout.decode(errors="replace")
    import av  # here, since the commands' help must not wait for it

    return {
        "libsndfile": soundfile.__libsndfile_version__,
        "soxr": soxr.__libsoxr_version__,
        "ffmpeg": banner.split("\n", 1)[0].removeprefix("ffmpeg version ").split(" ", 1)[0],
        "pyav": f"{av.__version__} (ffmpeg {av.ffmpeg_version_info})",
    }


def _decode_by_soundfile(
    path: Path, excerpt: Excerpt | None, most_seconds: float | None
) -> Recording | None:
    """Return the sound of a file, None if libsndfile finds no format or no sample in it."""
    with open_regular(path, largest=None) as handle:
        try:
            opened = soundfile.SoundFile(handle.fileno(), closefd=False)
        except soundfile.SoundFileError:
            return None
        try:
            with opened as file:
                sought_in_mp3 = excerpt is not None and file.format == "MP3"
                plain = file.seekable() and 0 < file.frames < UNKNOWN_FRAMES  # GSM's is not
                if sought_in_mp3 or not plain:
                    return None
                announced: float | None = file.frames / file.samplerate
                rate = file.samplerate
                if excerpt is not None:
                    file.seek(min(round(excerpt.start * rate), file.frames))
                    most_seconds = excerpt.seconds
                mono = _read_mono(file, most_seconds)
                if file.format == "MP3" and not mp3_counts_its_frames(path):
                    # The number of frames was a guess: what lies beyond it is not read.
                    read = os.lseek(handle.fileno(), 0, os.SEEK_CUR)
                    if read < handle.seek(0, os.SEEK_END) - READ_AHEAD_BYTES:
                        return None
                    announced = None
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise UndecodableError(str(error)) from None
    if announced is not None and path.suffix.lower() == ".wav":
        announced = max(announced, wav_seconds(path) or 0.0)
    if excerpt is not None:
        return _excerpt(mono, rate, announced, excerpt)
    return checked_recording(mono, rate, announced)


def _excerpt(mono: Waveform, rate: int, announced: float | None, excerpt: Excerpt) -> Recording:
    """Return an excerpt, which announces as much of itself as its file's header does."""
    if announced is not None:
        announced = min(excerpt.seconds, announced - excerpt.start)
        if announced <= 0:
            return Recording(mono, rate, 0.0)  # it begins where the recording has ended
    return checked_recording(mono, rate, announced)


def _read_mono(file: soundfile.SoundFile, most_seconds: float | None) -> Waveform:
    """Return the mean of the channels in full scale, of the first `most_seconds`.

    16-bit levels are scaled here: exactly what reading float32 gives, and libsndfile takes three
    times as long over it for a wav. They are let go before the mean is made: asked for more at
    once, the allocator returns it to the system, and a clip takes twice as long.
    """
    frames = file.frames - file.tell()
    if most_seconds is not None:
        frames = min(frames, math.ceil(most_seconds * file.samplerate))
    if frames * file.channels > MOST_SAMPLES:
        raise UndecodableError(f"{frames} samples of {file.channels} channels")
    if file.subtype == "PCM_16":
        samples = file.read(frames, dtype="int16", always_2d=True).astype(np.float32)
        return mean_of_channels(samples.T, 2**-15)
    return mean_of_channels(file.read(frames, dtype="float32", always_2d=True).T, 1)


def decode_arguments(
    path: Path, excerpt: Excerpt | None = None, most_seconds: float | None = None
) -> list[str]:
    """Return ffmpeg's arguments for the first audio stream of a file, as a float wav on stdout."""
    stream = ffmpeg_input(path)["a:0"]  # a dubbed video has several
    if excerpt is not None:
        stream = stream.filter("asetpts", "N/SR/TB")  # count samples: containers round their times
        stream = stream.filter("atrim", start=excerpt.start, end=excerpt.start + excerpt.seconds)
    bound = {} if most_seconds is None else {"t": most_seconds}
    output = stream.output("pipe:", format="wav", acodec="pcm_f32le", bitexact=None, **bound)
    return output_arguments(output)


def ffmpeg_input(path: Path, **options: float) -> Any:
    """Return a file as ffmpeg-python's input.

    It is named so that no part of its name is an option, a protocol or a pattern.
    """
    return ffmpeg.input(f"file:{path.resolve()}", protocol_whitelist="file,pipe", **options)


def output_arguments(output: Any) -> list[str]:
    """Return the arguments for an output of ffmpeg-python's."""
    arguments: list[str] = output.get_args()
    return arguments


def ffmpeg_run(arguments: list[str]) -> FfmpegRun:
    """Return what ffmpeg wrote and said; raise UndecodableError if it fails or takes too long."""
    most_bytes = MOST_SAMPLES * np.dtype(np.float32).itemsize + BESIDE_SAMPLES
    try:
        return run_ffmpeg(arguments, seconds=FFMPEG_SECONDS, most_bytes=most_bytes)
    except FfmpegError as error:
        raise UndecodableError(str(error)) from None


def _decode_by_ffmpeg(path: Path, excerpt: Excerpt | None, most_seconds: float | None) -> Recording:
    run = ffmpeg_run(decode_arguments(path, excerpt, most_seconds))
    try:
        with soundfile.SoundFile(io.BytesIO(run.output)) as file:
            mono, rate = _read_mono(file, None), file.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise UndecodableError(str(error)) from None
    announced = whole = announced_by_ffmpeg(path, run.said)
    if excerpt is not None and announced is not None:
        announced = min(excerpt.seconds, announced - excerpt.start)
        if announced <= 0:
            return Recording(mono, rate, 0.0)  # it begins where the recording has ended
    seconds = len(mono) / rate
    ends_early = announced is not None and seconds < announced - END_SECONDS
    if ends_early and whole is not None and _reaches(path, whole):
        announced = seconds
    return checked_recording(mono, rate, announced)


def _reaches(path: Path, announced: float) -> bool:
    """Tell whether a file is there up to its announced end, even if only with pictures.

    A container announces the longest of its streams: sound may end before them.
    """
    if box_is_cut_short(path):
        return False
    try:
        return last_packet_seconds(path, FFMPEG_SECONDS) >= announced - END_SECONDS
    except FfmpegError:
        return False
