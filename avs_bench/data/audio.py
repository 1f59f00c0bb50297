"""What an example sounds like: the centre seconds of its clips, panned and summed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from avs_bench.data.example import SoundSource
from vpo_builder.dataset.avsbench_media import read_recording
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import open_regular

SAMPLE_RATE = 16_000
CHECK = "get the file again (vpo-data verify lists every fault of a built dataset)"
GET_AGAIN = "get the file again, as AVSBench's authors give it"
"""The remedy in a tree that we have not built."""
KEPT_RECORDINGS = 4
"""So many decoded recordings a process keeps: the frames of a video follow each other."""

Waveform = NDArray[np.float32]


def mix(
    sources: Iterable[SoundSource], seconds: int, channels: int, frame_step: float = 1.0
) -> Waveform:
    """Return the sum of the sources [channels, seconds · 16,000], float32, full scale 1.

    One channel is the plain sum; two are L = (1 - pan)·x and R = pan·x, without gain control
    (protocol §2). No source at all is silence. A recording in which several classes sound is
    heard once. Frames of a video are `frame_step` seconds apart in it.
    """
    length = seconds * SAMPLE_RATE
    mixed = np.zeros((channels, length), dtype=np.float32)
    heard = dict.fromkeys((source.clip, source.frame, source.pan) for source in sources)
    for clip, frame, pan in heard:
        gains = pan_gains(pan) if channels == 2 else np.ones(1, dtype=np.float32)
        if frame is None:
            waveform = read_centre(clip, length)
        else:
            waveform = read_moment(clip, frame, length, frame_step)
        mixed += gains[:, None] * waveform
    return mixed


def pan_gains(pan: float) -> NDArray[np.float32]:
    """Return the gains (left, right) of a source at `pan` in [0, 1], 0 being left."""
    return np.array([1 - pan, pan], dtype=np.float32)


def read_centre(path: Path, length: int) -> Waveform:
    """Return the centre `length` samples of a 16 kHz mono wav, a shorter one being tiled.

    Only these samples are read from the file. Raises InputError for a file that is missing,
    empty, of another rate or of several channels.
    """
    with _opened(path) as clip:
        clip.seek(max(0, (clip.frames - length) // 2))
        samples: Waveform = clip.read(length, dtype="float32")
        return np.resize(samples, length)  # repeats a shorter clip from its beginning


def read_moment(path: Path, frame: int, length: int, frame_step: float) -> Waveform:
    """Return `length` samples of a video's recording at 16 kHz, where frame `frame` sounds.

    With 1 s the window begins at `frame · frame_step` seconds; a longer one has that second in
    its centre. A window that would leave the recording is moved into it, and a shorter recording
    tiled. Several channels are averaged, as VGGish does; another rate, or the sound of a video, is
    resampled as a whole. Raises InputError for a file without sound.
    """
    first = round(frame * frame_step * SAMPLE_RATE) - (length - SAMPLE_RATE) // 2
    try:
        part = _plain_part(path, first, length)
        if part is None:
            seen = path.stat()
            whole = _recording(path, seen.st_mtime_ns, seen.st_size)
            first = max(0, min(first, len(whole) - length))
            part = whole[first : first + length]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, though its list has it: {GET_AGAIN}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be heard: {error}: {GET_AGAIN}") from None
    return np.resize(part, length)


def _plain_part(path: Path, first: int, length: int) -> Waveform | None:
    """Return what a 16 kHz recording holds of a window, None of any other file."""
    with open_regular(path, largest=None) as file:
        try:
            with soundfile.SoundFile(file.fileno(), closefd=False) as clip:
                if clip.samplerate != SAMPLE_RATE or not clip.frames:
                    return None
                clip.seek(max(0, min(first, clip.frames - length)))
                part: Waveform = clip.read(length, dtype="float32", always_2d=True).mean(axis=1)
                return part
        except soundfile.LibsndfileError:
            return None


@lru_cache(KEPT_RECORDINGS)
def _recording(path: Path, _changed: int, _size: int) -> Waveform:
    return read_recording(path, SAMPLE_RATE)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a clip of a dataset of ours."""
    try:
        with (
            open_regular(path, largest=None) as file,
            soundfile.SoundFile(file.fileno(), closefd=False) as clip,
        ):
            if (clip.samplerate, clip.channels) != (SAMPLE_RATE, 1) or not clip.frames:
                raise InputError(
                    f"{path}: {clip.frames} samples at {clip.samplerate} Hz in {clip.channels} "
                    f"channels, expected {SAMPLE_RATE} Hz mono: {CHECK}"
                )
            yield clip
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, though the dataset lists it: {CHECK}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: {CHECK}") from None
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: {error.error_string}: {CHECK}") from None
