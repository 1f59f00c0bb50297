"""Clips: recordings of any common format -> 16 kHz mono PCM16 wavs of exact length."""

import functools
import io
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vpo_builder.atomic import write_atomically
from vpo_builder.config import AudioSettings, ClipSettings
from vpo_builder.ffmpeg_program import ffmpeg_program
from vpo_builder.records import Reason
from vpo_builder.sources.archives import ArchiveMember, as_file

Waveform = NDArray[np.float32]

READ_BY_SOUNDFILE = frozenset({".wav", ".flac", ".ogg", ".mp3"})
FULL_SCALE = 0.999  # what a 16-bit converter gives for its largest level, less rounding
FFMPEG_SECONDS = 120  # hours of sound before an excerpt decode in half of that
_DURATION = re.compile(rb"Duration: (\d+):(\d+):(\d+\.\d+)")
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # what a writer to a pipe leaves in a wav's header


class UndecodableError(ValueError):
    """A file from which no sound can be read."""


@dataclass(frozen=True)
class Recording:
    """Decoded sound: the mean of its channels, [samples] in full scale, and the seconds its file
    announces.
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


@dataclass(frozen=True)
class ClipTask:
    """A recording to check and to write as `target`; with `excerpt`, only that part of it."""

    path: Path | ArchiveMember
    target: Path
    clips: ClipSettings
    audio: AudioSettings
    excerpt: Excerpt | None = None


def prepare_clip(task: ClipTask) -> Reason | None:
    """Write the clip's wav and return None, or return why the recording cannot be used.

    A wav that is there already was written whole by an earlier run and is kept.
    """
    if task.target.exists():
        return None
    try:
        with as_file(task.path) as path:
            recording = decode(path, task.excerpt)
    except ValueError:  # also what a damaged archive gives
        return Reason.CLIP_UNDECODABLE
    reason = reason_against(recording, task.clips)
    if reason is None:
        write_wav(task.target, to_mono(recording, task.audio), task.audio.sample_rate)
    return reason


def decode(path: Path, excerpt: Excerpt | None = None) -> Recording:
    """Return the sound of a file, decoded as float32: integers would wrap a loud Vorbis.

    Of an excerpt, exactly its samples; it announces as much of itself as the file's header does.
    """
    if excerpt is not None:
        return _decode_by_ffmpeg(path, excerpt)
    if path.suffix.lower() in READ_BY_SOUNDFILE:
        return _decode_by_soundfile(path)
    return _decode_by_ffmpeg(path)


def reason_against(recording: Recording, settings: ClipSettings) -> Reason | None:
    """Return the first reason why a recording cannot be used, None if it can."""
    announced = recording.announced_seconds
    if announced is not None and recording.seconds < announced - settings.truncation_seconds:
        return Reason.CLIP_TRUNCATED
    if recording.seconds < settings.min_seconds:
        return Reason.CLIP_TOO_SHORT
    if recording.seconds > settings.max_seconds:
        return Reason.CLIP_TOO_LONG
    window = round(settings.window_seconds * recording.sample_rate)
    centre = _centre(recording.mono, window)
    power = float(np.mean(np.square(centre, dtype=np.float64)))
    if not power > 10 ** (settings.silence_dbfs / 10):
        return Reason.CLIP_SILENT
    if float(np.mean(np.abs(centre) >= FULL_SCALE)) > settings.max_clipped_fraction:
        return Reason.CLIP_CLIPPED
    return None


def to_mono(recording: Recording, settings: AudioSettings) -> Waveform:
    """Return the mean of the channels at the wanted rate, cut to the wanted length."""
    mono = resample_to_mono(recording, settings.sample_rate)
    return mono[: round(settings.seconds * settings.sample_rate)]


def resample_to_mono(recording: Recording, sample_rate: int) -> Waveform:
    """Return the mean of the channels at the wanted rate, as long as the recording."""
    mono = recording.mono
    length = round(len(mono) * sample_rate / recording.sample_rate)
    if recording.sample_rate != sample_rate:
        mono = soxr.resample(mono, recording.sample_rate, sample_rate, quality="HQ")
        if len(mono) < length:
            mono = np.pad(mono, (0, length - len(mono)))
    return np.asarray(mono[:length])


def write_wav(path: Path, waveform: Waveform, sample_rate: int) -> None:
    """Write a waveform [samples] or [samples, channels] as PCM16; louder than full is clipped."""
    write_atomically(path, encode_wav(waveform, sample_rate))


def encode_wav(waveform: Waveform, sample_rate: int) -> bytes:
    """Return the bytes that `write_wav` writes."""
    levels = np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()  # libsndfile hides why a write to a file failed
    soundfile.write(buffer, levels, sample_rate, subtype="PCM_16", format="WAV")
    return buffer.getvalue()


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


def _centre(mono: Waveform, window: int) -> Waveform:
    start = max(0, (len(mono) - window) // 2)
    return mono[start : start + window]


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
    """Return ffmpeg's arguments for the first audio stream of a file, as a float wav on stdout.

    The file is named so that no part of its name is an option, a protocol or a pattern.
    """
    stream = ffmpeg.input(f"file:{path.resolve()}", protocol_whitelist="file,pipe").audio
    if excerpt is not None:
        stream = stream.filter("asetpts", "N/SR/TB")  # count samples: containers round their times
        stream = stream.filter("atrim", start=excerpt.start, end=excerpt.start + excerpt.seconds)
    output = stream.output("pipe:", format="wav", acodec="pcm_f32le", bitexact=None)
    arguments: list[str] = output.global_args("-nostdin", "-hide_banner").get_args()
    return arguments


def _decode_by_ffmpeg(path: Path, excerpt: Excerpt | None = None) -> Recording:
    arguments = decode_arguments(path, excerpt)
    try:
        run = subprocess.run(
            [ffmpeg_program(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FFMPEG_SECONDS,
            check=True,
        )
        with soundfile.SoundFile(io.BytesIO(run.stdout)) as file:
            mono, rate = _read_mono(file), file.samplerate
    except subprocess.SubprocessError as error:
        raise UndecodableError(str(error)) from None
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
