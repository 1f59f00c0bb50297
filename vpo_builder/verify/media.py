"""Holds the bytes of images, masks and clips against what the manifest says of them."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import UNDECODABLE, fault_of
from vpo_builder.verify.headers import image_header, wav_header
from vpo_builder.verify.single_plus import SALIENT, salient_label

SAMPLE_RATE = 16_000
"""Of clips whose build does not say otherwise (protocol §2, on-disk layout)."""

LONGEST_CLIP_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class ExpectedImage:
    """Pixels of a photograph."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ExpectedMask:
    """Pixels of a mask, and the values it holds beside 0."""

    width: int
    height: int
    values: frozenset[int]


@dataclass(frozen=True, slots=True)
class ExpectedClip:
    """A clip's sample rate in Hz, number of channels, and frames if every clip has as many."""

    sample_rate: int
    channels: int
    frames: int | None = None


Expected = ExpectedImage | ExpectedMask | ExpectedClip


def expected_media(manifest: Manifest) -> dict[str, Expected]:
    """Return path -> what the manifest says of it, for every image, mask and clip it names."""
    values = {row.name: row.mask_value for row in manifest.meta.classes}
    single_plus = manifest.meta.split == "avsbench-single-plus"
    clip = _expected_clip(manifest.meta.config.get("audio"), single_plus)
    expected: dict[str, Expected] = {}
    for sample in manifest.samples:
        categories = (source.category for source in sample.sources)
        present = frozenset(values[name] for name in categories if name in values)
        expected[sample.image] = ExpectedImage(sample.width, sample.height)
        expected[sample.mask] = ExpectedMask(sample.width, sample.height, present)
        if single_plus:
            salient = ExpectedMask(sample.width, sample.height, frozenset({SALIENT}))
            expected[salient_label(sample)] = salient
        for source in sample.sources:
            expected[f"{manifest.meta.audio}/{source.clip_id}.wav"] = clip
    return expected


def _expected_clip(audio: object, same_length: bool) -> ExpectedClip:
    """Return what the settings say of every clip; those that say nonsense say nothing."""
    settings = audio if isinstance(audio, dict) else {}
    rate, seconds = settings.get("sample_rate", SAMPLE_RATE), settings.get("seconds")
    if not isinstance(rate, int):
        rate = SAMPLE_RATE
    if same_length and isinstance(seconds, int | float) and 0 < seconds <= LONGEST_CLIP_SECONDS:
        return ExpectedClip(rate, channels=1, frames=round(seconds * rate))
    return ExpectedClip(rate, channels=1)


def decode_clip(data: bytes) -> tuple[npt.NDArray[np.float32], int]:
    """Return a clip's samples, [frames] or [frames, channels], and its rate in Hz.

    Raises ValueError if fewer are there than its header announces, which libsndfile takes as they
    are, and whatever soundfile raises.
    """
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    announced = wav_header(data).announced
    if len(samples) != announced:
        raise ValueError(f"{len(samples)} frames, its header announces {announced}: cut short")
    return samples, rate


def media_faults(data: bytes, expected: Expected, *, decode: bool) -> list[str]:
    """Return what is wrong with a file's bytes.

    A mask is always decoded, for its values; a photograph and a clip past their headers only
    with `decode`.
    """
    try:
        if isinstance(expected, ExpectedClip):
            return _clip_faults(data, expected, decode)
        faults = _size_faults(data, expected)
        if not faults and (decode or isinstance(expected, ExpectedMask)):
            faults = _pixel_faults(data, expected)
    except UNDECODABLE as error:
        return [f"cannot be decoded: {fault_of(error)}"]
    return faults


def _size_faults(data: bytes, expected: ExpectedImage | ExpectedMask) -> list[str]:
    header = image_header(data)
    faults = []
    if (header.width, header.height) != (expected.width, expected.height):
        faults.append(
            f"{header.width}×{header.height} pixels, "
            f"the manifest says {expected.width}×{expected.height}"
        )
    if isinstance(expected, ExpectedMask) and not header.palette:
        faults.append("not a PNG of 8-bit palette indices")
    return faults


def _pixel_faults(data: bytes, expected: ExpectedImage | ExpectedMask) -> list[str]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        if isinstance(expected, ExpectedImage):
            return []
        found = frozenset(np.flatnonzero(image.histogram()).tolist()) - {0}
    # A class may lie wholly under smaller ones, where several sound; it can never come in addition.
    hidden = expected.values - found
    if found <= expected.values and (not hidden or found):
        return []
    return [f"mask holds {_listed(found)}, the sources say {_listed(expected.values)}"]


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(values))) or "nothing"


def _clip_faults(data: bytes, expected: ExpectedClip, decode: bool) -> list[str]:
    header = wav_header(data)
    wanted = (expected.sample_rate, expected.channels, 16, True)
    found = (header.sample_rate, header.channels, header.bits, header.pcm)
    faults = []
    if found != wanted:
        faults.append(
            f"{header.sample_rate} Hz, {header.channels} channels, {header.bits} bits: "
            f"expected {expected.sample_rate} Hz, {expected.channels}, 16-bit PCM"
        )
    if header.frames <= 0:
        faults.append("no audio frames")
    elif header.frames < header.announced:
        faults.append(f"cut short: {header.frames} audio frames of {header.announced}")
    elif header.frames != (expected.frames or header.frames):
        faults.append(f"{header.frames} audio frames, expected {expected.frames}")
    if decode and not faults:
        frames = len(soundfile.read(io.BytesIO(data), dtype="int16")[0])
        if frames != header.frames:
            faults.append(f"{frames} frames decode, its header says {header.frames}")
    return faults
