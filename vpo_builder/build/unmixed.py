"""Makes clips of a sample's mixed sound, which mixed as published give that sound again.

The published stereo mix is L = sum of (1 - pan) x and R = sum of pan x, so that L + R is the mono
one. With the places from the masks these are two equations for the sources: one source comes out
as it was, two at different places also, of more the shortest solution is taken. Where the places
do not explain the stereo mix, each source gets its share of the mono one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from vpo_builder.build.imported_media import put_clip
from vpo_builder.dataset.media_files import UNDECODABLE
from vpo_builder.dataset.schema import Sample
from vpo_builder.records import Reason
from vpo_builder.rendering.clip_sound import encode_wav
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.tasks import Executor
from vpo_builder.verify.media import SAMPLE_RATE, decode_clip

Waveforms = npt.NDArray[np.float64]
TOLERANCE = 1e-3
"""Of full scale: more than three 16-bit roundings, less than can be heard."""


@dataclass(frozen=True)
class MixTask:
    """A sample's mixes, the place of each of its sources, and where their clips go."""

    mono: Path
    stereo: Path
    pans: tuple[float, ...]
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class MixOutcome:
    """Why a sample's sound cannot be used; `mono_only` if its stereo mix is not kept."""

    reason: Reason | None = None
    mono_only: bool = False


def import_mixes(
    samples: Sequence[tuple[Sample, tuple[Path, Path]]], audio: Path, executor: Executor
) -> tuple[dict[str, Reason], int]:
    """Put the clips of samples in a folder; each comes with its mixes, mono and stereo.

    Returns why samples cannot be used, and how many keep their mono sound alone.
    """
    tasks = [
        MixTask(
            *mixes,
            tuple(source.pan for source in sample.sources),
            tuple(audio / f"{source.clip_id}.wav" for source in sample.sources),
        )
        for sample, mixes in samples
    ]
    outcomes = executor(import_mix, tasks, "sounds")
    named = zip((sample.sample_id for sample, _ in samples), outcomes, strict=True)
    failed = {name: found.reason for name, found in named if found.reason is not None}
    return failed, sum(outcome.mono_only for outcome in outcomes)


def import_mix(task: MixTask) -> MixOutcome:
    """Put the clips of a sample in their places."""
    try:
        mono, stereo = _read(task.mono, 1), _read(task.stereo, 2)
    except UNDECODABLE:
        return MixOutcome(Reason.CLIP_UNDECODABLE)
    if mono is None and stereo is None:
        return MixOutcome(Reason.AUDIO_MISSING)
    heard = stereo.sum(axis=0, keepdims=True) if mono is None and stereo is not None else mono
    assert heard is not None, "one of the two is there"
    clips = None if stereo is None else unmixed(stereo, heard[0], task.pans)
    kept = clips if clips is not None else np.repeat(heard / len(task.pans), len(task.pans), axis=0)
    for target, clip in zip(task.targets, kept, strict=True):
        put_clip(target, encode_wav(clip.astype(np.float32), SAMPLE_RATE), None)
    return MixOutcome(None, clips is None)


def unmixed(stereo: Waveforms, mono: Waveforms, pans: Sequence[float]) -> Waveforms | None:
    """Return a clip for each pan, [sources, samples], None where they do not give both mixes.

    `stereo` is [2, samples] and `mono` [samples].
    """
    if stereo.shape[1] != len(mono):
        return None
    gains = np.stack([1 - np.asarray(pans), np.asarray(pans)])
    clips: Waveforms = np.linalg.pinv(gains) @ stereo
    wrong = max(np.abs(gains @ clips - stereo).max(), np.abs(clips.sum(axis=0) - mono).max())
    return clips if wrong < TOLERANCE and np.abs(clips).max() <= 1 else None


def _read(path: Path, channels: int) -> Waveforms | None:
    """Return a mix [channels, samples] of 16 kHz, None if it is not there."""
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return None
    samples, rate = decode_clip(data)
    if not len(samples) or (1 if samples.ndim == 1 else samples.shape[1]) != channels:
        raise ValueError(f"{samples.shape}: expected {channels} channels")
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ")
    return np.atleast_2d(np.asarray(samples, np.float64).T)
