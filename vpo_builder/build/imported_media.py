"""Checks the files of a published copy one by one, and links or copies them to their places.

A file that is already as published is the very file of the copy: a hard link, or where the file
system has none a copy. One that readers of ours would not take is written anew.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from vpo_builder.dataset.media_files import MASK_MODES, UNDECODABLE
from vpo_builder.dataset.picture_hash import Hashes
from vpo_builder.records import Reason
from vpo_builder.rendering.clip_sound import encode_wav, resample_to_mono
from vpo_builder.rendering.decoding import decode
from vpo_builder.rendering.mask import encode_png
from vpo_builder.rendering.published_picture import published_picture
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import atomic_path, write_atomically
from vpo_builder.verify.headers import image_header, wav_header
from vpo_builder.verify.media import SAMPLE_RATE

SHORT_SECONDS = 3.0  # what the published reader takes from each clip (protocol §2)
Mask = npt.NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True)
class ClipTask:
    """A recording of the copy, or none, and the place of its wav; `copy` makes no link."""

    source: Path | None
    target: Path
    copy: bool


@dataclass(frozen=True)
class ClipOutcome:
    """Why a clip cannot be used, or how it was taken."""

    reason: Reason | None = None
    short: bool = False
    rewritten: bool = False


@dataclass(frozen=True)
class PictureTask:
    """A picture and its mask, and their places.

    `values` maps what the mask may hold to what ours do; `expected` are those of the classes that
    `values` maps what the mask may hold to what ours do; `expected` are the values, of ours, of
    the classes that sound.
    """

    image: Path
    mask: Path
    image_target: Path
    mask_target: Path
    values: Mapping[int, int]
    expected: frozenset[int]
    copy: bool


@dataclass(frozen=True)
class PictureOutcome:
    """Why a sample cannot be used, or its size in pixels, its files' hashes and what was changed.

    `places` is the horizontal centre, in [0, 1], of the box around each value's pixels, `hash` the
    picture's difference hash.
    """

    reason: Reason | None = None
    width: int = 0
    height: int = 0
    sha256: Mapping[Path, str] = field(default_factory=dict)
    places: Mapping[int, float] = field(default_factory=dict)
    rewritten: int = 0
    hash: Hashes | None = None


def import_clip(task: ClipTask) -> ClipOutcome:
    """Put a clip's wav in its place: as it is if it is mono PCM16 of 16 kHz, else converted."""
    if task.source is None:
        return ClipOutcome(Reason.AUDIO_MISSING)
    try:
        data = read_regular(task.source)
        wav, seconds = _as_published(task.source, data)
    except FileNotFoundError:
        return ClipOutcome(Reason.AUDIO_MISSING)
    except (OSError, ValueError):
        return ClipOutcome(Reason.CLIP_UNDECODABLE)
    put_clip(task.target, wav, task.source if wav is data and not task.copy else None)
    return ClipOutcome(None, seconds < SHORT_SECONDS, wav is not data)


def put_clip(target: Path, wav: bytes, source: Path | None) -> None:
    """Put a wav in the folder of clips; raise InputError for another one there."""
    if target.exists() and read_regular(target) != wav:
        raise InputError(
            f"{target}: another recording lies there already: give another --out, or move away "
            "what it holds"
        )
    place(target, wav, source)


def place(target: Path, data: bytes, source: Path | None) -> None:
    """Make `target` hold `data`: a hard link to `source` if there is one and the system can."""
    try:
        if target.read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    if source is not None:
        with suppress(OSError):  # another disk, a file of others, a system without links
            with atomic_path(target) as temporary:
                temporary.hardlink_to(source.resolve())
            return
    write_atomically(target, data)


def import_picture(task: PictureTask) -> PictureOutcome:
    """Check a picture and its mask against each other and put both in their places."""
    try:
        return _taken(task)
    except _UnusableError as error:
        return PictureOutcome(error.reason)


class _UnusableError(Exception):
    """A picture or mask that makes no sample."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def _taken(task: PictureTask) -> PictureOutcome:
    missing, corrupt = Reason.IMAGE_MISSING, Reason.IMAGE_CORRUPT
    image, (published, size, found) = _opened(task.image, _checked_picture, missing, corrupt)
    missing, corrupt = Reason.MASK_MISSING, Reason.MASK_CORRUPT
    mask, pixels = _opened(task.mask, _pixels, missing, corrupt)
    if pixels.shape != (size[1], size[0]):
        raise _UnusableError(Reason.MASK_SIZE_DIFFERS)
    ours = _translated(pixels, task.values, task.expected)
    unchanged = image_header(mask).palette and bool(np.array_equal(ours, pixels))
    drawn = mask if unchanged else encode_png(ours)
    files = (
        (task.image_target, published, task.image, image),
        (task.mask_target, drawn, task.mask, mask),
    )
    for target, content, source, original in files:
        place(target, content, None if task.copy or content is not original else source)
    return PictureOutcome(
        None,
        *size,
        {target: hashlib.sha256(content).hexdigest() for target, content, _, _ in files},
        {value: _centre(ours == value) for value in sorted(task.expected)},
        sum(content is not original for _, content, _, original in files),
        found,
    )


def _opened(
    path: Path, decode: Callable[[bytes], T], missing: Reason, corrupt: Reason
) -> tuple[bytes, T]:
    """Return a file's bytes and what `decode` makes of them."""
    try:
        data = read_regular(path)
        return data, decode(data)
    except FileNotFoundError:
        raise _UnusableError(missing) from None
    except UNDECODABLE:
        raise _UnusableError(corrupt) from None


def _translated(pixels: Mask, values: Mapping[int, int], expected: frozenset[int]) -> Mask:
    """Return a mask with our values; a class may lie wholly under others, but not every one."""
    found = np.flatnonzero(np.bincount(pixels.ravel(), minlength=256)).tolist()
    held = [value for value in found if value]
    if not held:
        raise _UnusableError(Reason.MASK_EMPTY)
    if not set(held) <= values.keys():
        raise _UnusableError(Reason.MASK_OF_NO_CLASS)
    if not {values[value] for value in held} <= expected:
        raise _UnusableError(Reason.MASK_OF_OTHERS)
    lookup = np.zeros(256, np.uint8)
    for theirs, value in values.items():
        lookup[theirs] = value
    return lookup[pixels]


def _checked_picture(data: bytes) -> tuple[bytes, tuple[int, int], Hashes]:
    """Return the bytes to publish for a picture, its width and height, and its hash."""
    header = image_header(data)
    with Image.open(io.BytesIO(data)) as image:
        published, _, found = published_picture(data, image)
    return published, (header.width, header.height), found


def _pixels(data: bytes) -> Mask:
    with Image.open(io.BytesIO(data)) as image:
        if image.mode not in MASK_MODES:
            raise ValueError(f"a mask of mode {image.mode}")
        return np.array(image)


def _centre(held: npt.NDArray[np.bool_]) -> float:
    columns = np.flatnonzero(held.any(axis=0))
    if not len(columns):
        return 0.5  # hidden under others: it shows nowhere
    left, right = columns[[0, -1]].tolist()
    return float(round((left + right + 1) / 2 / held.shape[1], 6))


def _as_published(path: Path, data: bytes) -> tuple[bytes, float]:
    """Return the bytes to publish for a recording, and its seconds; raise ValueError for none."""
    try:
        header = wav_header(data)
    except ValueError:
        header = None
    wanted = (SAMPLE_RATE, 1, 16, True)
    if header is not None and 0 < header.frames == header.announced:
        found = (header.sample_rate, header.channels, header.bits, header.pcm)
        if found == wanted:
            return data, header.frames / header.sample_rate
    recording = decode(path)
    announced = recording.announced_seconds
    if not len(recording.mono) or (announced or 0) > recording.seconds + 1 / SAMPLE_RATE:
        raise ValueError("cut short")
    wav = encode_wav(resample_to_mono(recording, SAMPLE_RATE), SAMPLE_RATE)
    return wav, recording.seconds
