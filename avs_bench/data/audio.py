"""What an example sounds like: the centre seconds of its clips, panned and summed."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from avs_bench.data.example import SoundSource
from vpo_builder.errors import InputError

SAMPLE_RATE = 16_000

Waveform = NDArray[np.float32]


def mix(sources: Iterable[SoundSource], seconds: int, channels: int) -> Waveform:
    """Return the sum of the sources [channels, seconds · 16,000], float32, full scale 1.

    One channel is the plain sum; two are L = (1 - pan)·x and R = pan·x, without gain control
    (protocol §2). No source at all is silence.
    """
    length = seconds * SAMPLE_RATE
    mixed = np.zeros((channels, length), dtype=np.float32)
    for source in sources:
        gains = pan_gains(source.pan) if channels == 2 else np.ones(1, dtype=np.float32)
        mixed += gains[:, None] * read_centre(source.clip, length)
    return mixed


def pan_gains(pan: float) -> NDArray[np.float32]:
    """Return the gains (left, right) of a source at `pan` in [0, 1], 0 being left."""
    return np.array([1 - pan, pan], dtype=np.float32)


def read_centre(path: Path, length: int) -> Waveform:
    """Return the centre `length` samples of a 16 kHz mono wav, a shorter one being tiled.

    Only these samples are read from the file. Raises InputError for a file that is missing,
    empty, of another rate or of several channels.
    """
    try:
        with soundfile.SoundFile(path) as clip:
            if (clip.samplerate, clip.channels) != (SAMPLE_RATE, 1) or not clip.frames:
                raise InputError(
                    f"{path}: {clip.frames} samples at {clip.samplerate} Hz in {clip.channels} "
                    f"channels, expected {SAMPLE_RATE} Hz mono: run vpo-data verify"
                )
            clip.seek(max(0, (clip.frames - length) // 2))
            centre = clip.read(length, dtype="float32")
    except soundfile.LibsndfileError as error:
        what = error.error_string if path.exists() else "no such file, though the manifest lists it"
        raise InputError(f"{path}: {what}: run vpo-data verify") from None
    return np.resize(centre, length)  # repeats a shorter clip from its beginning
