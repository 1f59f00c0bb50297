"""Looks for anything that crosses from one subset into another: a leak.

An image id, a YouTube id or another group of recordings, an identical image or identical decoded
audio in two subsets is a leak. Photographs that only look alike are candidates for a person to
judge. The audit also names images and recordings without a known licence, and classes that are
tested but never trained.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from vpo_builder.audit.near_duplicates import (
    BATCH,
    MAX_BITS,
    NO_HASHES,
    Likeness,
    Photograph,
    likenesses,
    pixel_digest,
)
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import load
from vpo_builder.dataset.picture_hash import Hashes
from vpo_builder.dataset.schema import Sample, Subset
from vpo_builder.dataset.sound_credits import NO_CREDITS, SoundCredit, group_of
from vpo_builder.runtime.threads import in_threads
from vpo_builder.verify.headers import wav_header
from vpo_builder.verify.media import decode_clip

NearDuplicatePolicy = Literal["warn", "drop", "fail"]
LISTED_AT_MOST = 20
"""Image ids named in one line of the report."""


class LeakKind(StrEnum):
    """What is the same in two subsets."""

    IMAGE_ID = "image id"
    YOUTUBE_ID = "YouTube id"
    GROUP = "group of recordings"
    IMAGE = "identical image"
    AUDIO = "identical audio"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file, and a subset that uses it."""

    subset: Subset
    path: Path


@dataclass(frozen=True, slots=True)
class Leak:
    """Something found in more than one subset; `key` is the id, or the hash of the content."""

    kind: LeakKind
    key: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class AuditReport:
    """Everything an audit found.

    `unlicensed` are image ids without a known licence, `unlicensed_clips` clips whose list names
    none; `untrained` are classes that sound in test but not in train. In an `imported` dataset
    licences that are not known are told, and no fault: published copies come without.
    """

    folder: Path
    leaks: tuple[Leak, ...]
    near_duplicates: tuple[Likeness, ...]
    unlicensed: tuple[int, ...]
    untrained: tuple[str, ...]
    imported: bool = False
    unlicensed_clips: tuple[str, ...] = ()

    def passes(self, policy: NearDuplicatePolicy = "warn") -> bool:
        """Whether nothing leaks and every licence is known; an import's need not be.

        `policy` is for near-duplicates.

        Under "drop" none may be left: the build drops them before it renders.
        """
        refused = policy != "warn" and bool(self.near_duplicates)
        unlicensed = bool(self.unlicensed or self.unlicensed_clips) and not self.imported
        return not (self.leaks or unlicensed or refused)


def audit(
    manifest: Manifest,
    licences: Mapping[int, str],
    workers: int | None = None,
    max_bits: int = MAX_BITS,
    credits: Mapping[str, SoundCredit] = NO_CREDITS,
    hashes: Mapping[Path, Hashes] = NO_HASHES,
) -> AuditReport:
    """Return what crosses the subsets of a dataset; `licences` maps image id to licence name.

    `credits` tell the group and the licence of the clips that are not VGGSound's, and `hashes` the
    difference hash of photographs that were decoded just now.
    Reads every clip and every other image once, in `workers` threads (default: one for each core).
    Raises InputError naming a file of the manifest that cannot be read: verify first.
    """
    photographs = _photographs(manifest)
    clips = _clips(manifest)
    alike = likenesses(photographs, workers, max_bits, hashes)
    pixels = _pixel_digests(alike, workers)
    paths = [place.path for place in clips]
    sounds = in_threads(audio_digest, paths, workers, "audit: clips", BATCH)
    leaks = [
        *_shared(LeakKind.IMAGE_ID, ((str(p.image_id), _place(p)) for p in photographs)),
        *_shared_groups(clips, credits),
        *_shared(LeakKind.IMAGE, ((pixels[p], _place(p)) for p in pixels)),
        *_shared(LeakKind.AUDIO, zip(sounds, clips, strict=True)),
    ]
    return AuditReport(
        manifest.folder,
        tuple(leak for leak in leaks if not _is_known(leak, credits)),
        tuple(pair for pair in alike if pixels[pair.first] != pixels[pair.second]),
        tuple(sorted({s.image_id for s in manifest.samples if not licences.get(s.image_id)})),
        _untrained(manifest.samples),
        manifest.meta.imported,
        tuple(
            sorted({c for c in map(_clip_id, clips) if c in credits and not credits[c].has_licence})
        ),
    )


def audio_digest(path: Path) -> str:
    """Return the sha256 of a clip's samples, rate and channels, whatever the file around them.

    A wav of 16-bit PCM holds them as they are, which spares decoding it.
    """
    return load(path, _sound_digest)


def _sound_digest(data: bytes) -> str:
    header = wav_header(data)
    rate, channels = header.sample_rate, header.channels
    levels: bytes | memoryview | None = header.pcm16(data)
    if levels is None:
        samples, rate = decode_clip(data)
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        levels = _levels(samples)
    digest = hashlib.sha256(f"{rate} {channels} ".encode())
    digest.update(levels)
    return digest.hexdigest()


def _levels(samples: npt.NDArray[np.float32]) -> bytes:
    """Return samples as 16-bit levels if they are that, else as they are."""
    scaled = samples * np.float32(32768)
    whole = bool((np.rint(scaled) == scaled).all() and (np.abs(scaled + 0.5) < 32768).all())
    return scaled.astype("<i2").tobytes() if whole else samples.tobytes()


def format_audit(report: AuditReport, policy: NearDuplicatePolicy = "warn") -> Iterator[str]:
    """Yield one line for each thing found, then a summary that says whether the dataset passes."""
    for leak in report.leaks:
        places = ", ".join(_named(place, report.folder) for place in leak.places)
        yield f"leak: {leak.kind} {leak.key[:16]} in {places}"
    for pair in report.near_duplicates:
        first, second = (_named(_place(p), report.folder) for p in (pair.first, pair.second))
        yield f"near-duplicate, {pair.bits} bits apart: {first}, {second}"
    if report.unlicensed:
        more = ", …" if len(report.unlicensed) > LISTED_AT_MOST else ""
        named = ", ".join(map(str, report.unlicensed[:LISTED_AT_MOST]))
        yield f"licence unknown: {len(report.unlicensed)} images: {named}{more}"
    if report.unlicensed_clips:
        more = ", …" if len(report.unlicensed_clips) > LISTED_AT_MOST else ""
        named = ", ".join(report.unlicensed_clips[:LISTED_AT_MOST])
        yield f"licence unknown: {len(report.unlicensed_clips)} recordings: {named}{more}"
    if report.untrained:
        yield f"tested but never trained: {', '.join(report.untrained)}"
    outcome = "passes" if report.passes(policy) else "does not pass"
    yield (
        f"{report.folder}: {len(report.leaks)} leaks, {len(report.near_duplicates)} "
        f"near-duplicates ({policy}), {len(report.unlicensed)} images of unknown licence: {outcome}"
    )


def _photographs(manifest: Manifest) -> list[Photograph]:
    """Return every image file of every subset, once."""
    found = {
        Photograph(sample.image_id, sample.subset, manifest.folder / sample.image)
        for sample in manifest.samples
    }
    return sorted(found, key=lambda photograph: (photograph.path, photograph.subset))


def _clips(manifest: Manifest) -> list[Place]:
    """Return every clip of every subset, once."""
    found = {
        Place(sample.subset, manifest.clip_path(source.clip_id))
        for sample in manifest.samples
        for source in sample.sources
    }
    return sorted(found)


def _place(photograph: Photograph) -> Place:
    return Place(photograph.subset, photograph.path)


def _clip_id(clip: Place) -> str:
    return clip.path.name.removesuffix(".wav")


def _shared_groups(clips: Sequence[Place], credits: Mapping[str, SoundCredit]) -> Iterator[Leak]:
    """Yield a leak for each group of recordings that stands in more than one subset."""
    groups = ((group_of(_clip_id(place), credits), place) for place in clips)
    for leak in _shared(LeakKind.YOUTUBE_ID, groups):
        listed = any(_clip_id(place) in credits for place in leak.places)
        yield replace(leak, kind=LeakKind.GROUP) if listed else leak


def _pixel_digests(alike: Sequence[Likeness], workers: int | None) -> dict[Photograph, str]:
    """Decode in full only what looks alike: identical pixels have identical hashes."""
    photographs = list(dict.fromkeys(p for pair in alike for p in (pair.first, pair.second)))
    paths = [photograph.path for photograph in photographs]
    digests = in_threads(pixel_digest, paths, workers, "audit: photographs that look alike")
    return dict(zip(photographs, digests, strict=True))


def _shared(kind: LeakKind, items: Iterable[tuple[str, Place]]) -> Iterator[Leak]:
    """Yield a leak for each key that stands in more than one subset, sorted by key."""
    places: dict[str, set[Place]] = defaultdict(set)
    for key, place in items:
        places[key].add(place)
    for key, found in sorted(places.items()):
        if len({place.subset for place in found}) > 1:
            yield Leak(kind, key, tuple(sorted(found)))


def _is_known(leak: Leak, credits: Mapping[str, SoundCredit]) -> bool:
    """Whether identical content is only that of a group that is a leak already."""
    groups = {group_of(_clip_id(place), credits) for place in leak.places}
    return leak.kind is LeakKind.AUDIO and len(groups) == 1


def _untrained(samples: Iterable[Sample]) -> tuple[str, ...]:
    heard: dict[Subset, set[str]] = {"train": set(), "val": set(), "test": set()}
    for sample in samples:
        heard[sample.subset].update(source.category for source in sample.sources)
    return tuple(sorted(heard["test"] - heard["train"]))


def _named(place: Place, folder: Path) -> str:
    return f"{place.subset} {place.path.relative_to(folder).as_posix()}"
