"""Sound of any file, and the window of it that a model hears with a picture."""

import io
from pathlib import Path

import numpy as np
import soundfile

from avs_bench.data.audio import SAMPLE_RATE, Waveform
from avs_bench.prediction.given_files import open_given
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.ffmpeg_program import FfmpegError, has_stream, run_ffmpeg, source

DECODE_SECONDS = 600
"""Time limit for decoding: an hour of sound takes a few seconds."""
LOOK_SECONDS = 60
LONGEST_SECONDS = 4 * 3600
"""Longer sound is refused: it is held whole, half a gigabyte an hour in stereo."""
MOST_CHANNELS = 8
MOST_BYTES = LONGEST_SECONDS * SAMPLE_RATE * np.dtype(np.float32).itemsize * MOST_CHANNELS


def read_sound(path: Path, channels: int) -> Waveform:
    """Return the first sound of a file as [channels, samples] at 16 kHz, full scale 1.

    Time 0 is that of the pictures: sound that begins later is preceded by silence. One channel is
    the mean of the file's; two are its left and right halved, so that they add up to that mean as
    the training's panned sources do (protocol §2). Raises InputError for a file without sound.
    """
    open_given(path, "a recording").close()
    aligned = "aresample=async=1:first_pts=0"
    form = ["-ar", str(SAMPLE_RATE), "-c:a", "pcm_f32le", "-f", "wav", "-"]
    bound = ["-t", str(LONGEST_SECONDS + 1)]
    try:
        decode = [*source(path), "-map", "0:a:0", "-af", aligned, *bound, *form]
        made = run_ffmpeg(decode, seconds=DECODE_SECONDS, most_bytes=MOST_BYTES).output
        samples, _ = soundfile.read(io.BytesIO(made), dtype="float32", always_2d=True)
    except (FfmpegError, soundfile.SoundFileError) as error:
        raise InputError(_without_sound(path, str(error))) from None
    if len(samples) > LONGEST_SECONDS * SAMPLE_RATE:
        raise InputError(f"{path}: its sound is longer than {LONGEST_SECONDS} s: cut it in parts")
    if not len(samples):
        raise InputError(f"{path}: its sound holds no sample: give one with --audio FILE")
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: its sound holds values that are no numbers: encode it again")
    if channels == 1:
        mono: Waveform = samples.mean(axis=1)[None]
        return mono
    stereo: Waveform = np.stack([samples[:, 0], samples[:, min(1, samples.shape[1] - 1)]])
    return stereo * np.float32(0.5)


def window(sound: Waveform, centre: float, seconds: float) -> Waveform:
    """Return [channels, seconds · 16,000] of a sound, centred at `centre` seconds.

    At either end of the recording the window stays within it; a recording that is shorter than
    the window is repeated, as in training.
    """
    length = round(seconds * SAMPLE_RATE)
    samples = sound.shape[1]
    if samples < length:
        repeated: Waveform = np.take(sound, np.arange(length) % samples, axis=1)
        return repeated
    start = min(max(0, round(centre * SAMPLE_RATE - length / 2)), samples - length)
    return sound[:, start : start + length]


def lasting(sound: Waveform, seconds: float) -> Waveform:
    """Return the sound followed by silence up to `seconds`, if it is shorter."""
    missing = round(seconds * SAMPLE_RATE) - sound.shape[1]
    return np.pad(sound, ((0, 0), (0, max(0, missing))))


def _without_sound(path: Path, reason: str) -> str:
    if not has_stream(path, "a", LOOK_SECONDS) and has_stream(path, "V", LOOK_SECONDS):
        return f"{path}: has no sound: give some with --audio FILE"
    return f"{path}: no sound that ffmpeg can read: {reason}: give another with --audio FILE"
