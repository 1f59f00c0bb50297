"""Mixes: what the published loader makes of a sample's clips, written to disk on request."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from vpo_builder.config import AudioSettings
from vpo_builder.records import PlannedSample
from vpo_builder.rendering.clip_sound import HEARD_SECONDS
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.wav import encode_float_wav
from vpo_builder.runtime.whole_files import write_atomically

MIX_FOLDER = "mix"


@dataclass(frozen=True)
class MixTask:
    """The clips of a sample, the pan of each in [0, 1], and where their mix goes."""

    clips: tuple[Path, ...]
    pans: tuple[float, ...]
    target: Path


def render_mixes(
    samples: Sequence[PlannedSample],
    audio: Path,
    folder: Path,
    settings: AudioSettings,
    executor: Executor,
) -> dict[Path, str]:
    """Write the mixes that `audio.render` asks for and return each file's sha256."""
    if settings.render == "mono":
        return {}
    tasks = [
        MixTask(
            tuple(audio / f"{source.clip_id}.wav" for source in planned.sample.sources),
            tuple(source.pan for source in planned.sample.sources),
            folder / MIX_FOLDER / f"{planned.sample.sample_id}.wav",
        )
        for planned in samples
    ]
    hashes = executor(write_mix, tasks, "mixes")
    return {task.target: sha256 for task, sha256 in zip(tasks, hashes, strict=True)}


def write_mix(task: MixTask) -> str:
    """Write a sample's mix, 32-bit float since a sum may exceed 1, and return its sha256."""
    rates = {soundfile.info(path).samplerate for path in task.clips}
    if len(rates) != 1:
        raise RuntimeError(f"{task.target}: clips of several rates: {sorted(rates)}")
    rate = rates.pop()
    length = round(HEARD_SECONDS * rate)
    waveforms = [centre_tiled(_read(path), length) for path in task.clips]
    wav = encode_float_wav(mix(waveforms, task.pans), rate)
    write_atomically(task.target, wav)
    return hashlib.sha256(wav).hexdigest()


def mix(waveforms: Sequence[NDArray[np.float32]], pans: Sequence[float]) -> NDArray[np.float32]:
    """Return [samples, 2]: left is the sum of (1 - pan) x, right the sum of pan x, no gain."""
    stereo = np.zeros((len(waveforms[0]), 2), np.float32)
    for waveform, pan in zip(waveforms, pans, strict=True):
        stereo += waveform[:, None] * np.array([1.0 - pan, pan], np.float32)
    return stereo


def centre_tiled(waveform: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return the centre `length` samples; a shorter waveform is repeated, as clips are."""
    start = max(0, len(waveform) // 2 - length // 2)
    centre = waveform[start : start + length]
    return np.tile(centre, -(-length // len(centre)))[:length]


def _read(path: Path) -> NDArray[np.float32]:
    samples, _ = soundfile.read(path, dtype="float32")
    return np.asarray(samples, np.float32)
