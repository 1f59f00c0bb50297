"""Clips: recordings of any common format -> 16 kHz mono PCM16 wavs of exact length."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from vpo_builder.config import AudioSettings, ClipSettings
from vpo_builder.records import ArchiveMember, Reason
from vpo_builder.rendering.clip_place import ClipPlace
from vpo_builder.rendering.clip_record import recording_mark
from vpo_builder.rendering.decoding import Excerpt, decode
from vpo_builder.rendering.recording import Recording, Waveform
from vpo_builder.runtime.wav import INTEGER, riff_wav
from vpo_builder.sources.archives import as_file

BEYOND_SECONDS = 1.0
"""What is read beyond the longest clip that is used: enough to tell that one is longer."""
HEARD_SECONDS = 3.0
"""What the published VPO loader takes from the centre of a clip (protocol §2)."""
FULL_SCALE = 0.999  # what a 16-bit converter gives for its largest level, less rounding


@dataclass(frozen=True)
class ClipTask:
    """A recording to check and to put in its `place`; with `excerpt`, only that part of it."""

    path: Path | ArchiveMember
    place: ClipPlace
    clips: ClipSettings
    audio: AudioSettings
    excerpt: Excerpt | None = None


def prepare_clip(task: ClipTask) -> Reason | None:
    """Put the clip's wav in its place and return None, or why the recording cannot be used.

    Raises InputError for what may not be replaced there (see ClipPlace).
    """
    mark = recording_mark(task.path, task.excerpt)
    try:
        with as_file(task.path) as path:
            recording = decode(path, task.excerpt, task.clips.max_seconds + BEYOND_SECONDS)
    except ValueError:  # also what a damaged archive gives
        reason: Reason | None = Reason.CLIP_UNDECODABLE
    else:
        reason = reason_against(recording, task.clips, task.audio.seconds)
    if reason is not None:
        task.place.clear()
        return reason
    sound, rate = to_mono(recording, task.audio), task.audio.sample_rate
    wav = encode_wav(tiled(sound, task.audio), rate)
    repeated = len(sound) < fewest_samples(task.audio)
    task.place.put(wav, mark, tiled_from=round(len(sound) / rate, 6) if repeated else None)
    return None


def reason_against(
    recording: Recording, settings: ClipSettings, written_seconds: float
) -> Reason | None:
    """Return the first reason why a recording cannot be used, None if it can.

    Of one that is longer than what is written of it, that part is judged by its sound.
    """
    announced = recording.announced_seconds
    if recording.seconds > settings.max_seconds:
        return Reason.CLIP_TOO_LONG  # first: the rest of it was not read
    if announced is not None and recording.seconds < announced - settings.truncation_seconds:
        return Reason.CLIP_TRUNCATED
    if recording.seconds < settings.min_seconds:
        return Reason.CLIP_TOO_SHORT
    window = round(settings.window_seconds * recording.sample_rate)
    written = recording.mono[: round(written_seconds * recording.sample_rate)]
    centre = _centre(written, window)
    power = float(np.mean(np.square(centre, dtype=np.float64)))
    if not power > 10 ** (settings.silence_dbfs / 10):
        return Reason.CLIP_SILENT
    clipped = np.count_nonzero(np.abs(centre) >= FULL_SCALE) / len(centre)
    if clipped > settings.max_clipped_fraction:
        return Reason.CLIP_CLIPPED
    return None


def to_mono(recording: Recording, settings: AudioSettings) -> Waveform:
    """Return the mean of the channels at the wanted rate, cut to the wanted length."""
    mono = resample_to_mono(recording, settings.sample_rate)
    return mono[: round(settings.seconds * settings.sample_rate)]


def fewest_samples(settings: AudioSettings) -> int:
    """Return the samples of the shortest wav that is written: what is heard of a clip."""
    return round(HEARD_SECONDS * settings.sample_rate)


def tiled(waveform: Waveform, settings: AudioSettings) -> Waveform:
    """Return a waveform, one that is shorter than what is heard repeated up to that length.

    The published loader cuts the centre 3 s out of a shorter clip by negative places, and hears
    less of it the longer it is; our readers repeat it from its beginning, as is done here.
    """
    fewest = fewest_samples(settings)
    return waveform if len(waveform) >= fewest else np.resize(waveform, fewest)


def resample_to_mono(recording: Recording, sample_rate: int) -> Waveform:
    """Return the mean of the channels at the wanted rate, as long as the recording."""
    mono = recording.mono
    length = round(len(mono) * sample_rate / recording.sample_rate)
    if recording.sample_rate != sample_rate:
        mono = soxr.resample(mono, recording.sample_rate, sample_rate, quality="HQ")
        if len(mono) < length:
            mono = np.pad(mono, (0, length - len(mono)))
    return np.asarray(mono[:length])


def encode_wav(waveform: Waveform, sample_rate: int) -> bytes:
    """Return a waveform [samples] or [samples, channels] as a PCM16 wav, cut off at full scale.

    The same bytes as libsndfile's, which takes twice as long over them.
    """
    levels = waveform * 32768.0
    np.rint(levels, out=levels)
    np.clip(levels, -32768, 32767, out=levels)
    return riff_wav(levels.astype("<i2"), INTEGER, sample_rate)


def _centre(mono: Waveform, window: int) -> Waveform:
    start = max(0, (len(mono) - window) // 2)
    return mono[start : start + window]
