"""Checks a finished dataset against its own manifest: every file, hash, size, id and count.

Each listed file is read once; its hash, its header and a mask's values are checked from the same
bytes. A file whose hash is right holds what the build wrote, so photographs and clips are decoded
only on request.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.faults import Fault
from vpo_builder.dataset.manifest import (
    CHECKSUMS,
    MANIFEST,
    META,
    Manifest,
    decode_manifest,
    decode_meta,
    read_meta,
)
from vpo_builder.dataset.places import audio_folder
from vpo_builder.dataset.schema import ManifestMeta
from vpo_builder.dataset.untrusted import meta_faults
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.threads import in_threads
from vpo_builder.verify.clip_notes import clips_other_than_noted
from vpo_builder.verify.listing import read_checksums, unlisted_files
from vpo_builder.verify.manifest_records import record_faults
from vpo_builder.verify.media import Expected, expected_media, media_faults
from vpo_builder.verify.outlines import outline_faults

__all__ = ["Fault", "Verification", "format_verification", "verify"]

BATCH = 64
"""Files a thread takes at once: few enough to balance, enough to hide the hand-over."""


@dataclass(frozen=True)
class Verification:
    """What `verify` looked at and what it found wrong; faults are sorted by path."""

    folder: Path
    samples: int
    files: int
    size_bytes: int
    faults: tuple[Fault, ...]


def verify(folder: Path, workers: int | None = None, *, decode: bool = False) -> Verification:
    """Check the dataset in `folder` and return every fault found.

    `workers` threads read and hash (default: one for each core). `decode` also decodes every
    photograph, clip and outline.
    Raises InputError if `folder` holds no finished dataset.
    """
    if not (folder / META).exists():
        read_meta(folder)  # names the reason: no folder, no dataset, or an unfinished build
    meta, manifest, faults = _read_records(folder)
    listed, found = read_checksums(folder, meta)
    faults += found + unlisted_files(folder, listed)
    expected: dict[str, Expected] = {}
    if manifest is not None:
        expected = expected_media(manifest)
        faults += clips_other_than_noted(folder, audio_folder(manifest.meta.split), listed)
        faults += [Fault(path, f"not listed in {CHECKSUMS}") for path in expected.keys() - listed]
        # Only of records without a fault are sizes small enough to draw.
        faults += outline_faults(manifest, listed, decode=decode and not record_faults(manifest))
    size_bytes = 0
    for size, found in _check_files(folder, listed, expected, workers, decode):
        size_bytes += size
        faults += found
    ordered = tuple(sorted(faults, key=lambda fault: (fault.path, fault.reason)))
    samples = len(manifest.samples) if manifest is not None else 0
    return Verification(folder, samples, len(listed), size_bytes, ordered)


def format_verification(result: Verification) -> Iterator[str]:
    """Yield one line for each fault, then a summary."""
    for fault in result.faults:
        yield f"{fault.path}: {fault.reason}"
    count = len(result.faults)
    outcome = "no fault" if not count else "1 fault" if count == 1 else f"{count} faults"
    yield (
        f"{result.folder}: {result.samples} samples, {result.files} files, "
        f"{result.size_bytes / 1e6:.1f} MB: {outcome}"
    )


def _read_records(folder: Path) -> tuple[ManifestMeta | None, Manifest | None, list[Fault]]:
    """Return what can be read of the records, trusted or not: only paths that are listed are read.

    A stranger's manifest has all its faults told, not the first.
    """
    meta = None
    try:
        meta = decode_meta(folder)
        manifest = decode_manifest(folder, meta)
    except InputError as error:
        name = META if meta is None else MANIFEST
        reasons = meta_faults(meta) if meta is not None else ()
        faults = [Fault(META, reason) for reason in reasons]
        return meta, None, [*faults, Fault(name, str(error).removeprefix(f"{folder / name}: "))]
    return meta, manifest, record_faults(manifest)


def _check_files(
    folder: Path,
    listed: Mapping[str, str],
    expected: Mapping[str, Expected],
    workers: int | None,
    decode: bool,
) -> Iterator[tuple[int, list[Fault]]]:
    """Yield the bytes read and the faults found for each file."""

    def check(path: str) -> tuple[int, list[Fault]]:
        size, reasons = _check_file(f"{folder}/{path}", listed[path], expected.get(path), decode)
        return size, [Fault(path, reason) for reason in reasons]

    return in_threads(check, list(listed), workers, "files", BATCH)


def _check_file(
    path: str, digest: str, expected: Expected | None, decode: bool
) -> tuple[int, list[str]]:
    try:
        data = read_regular(Path(path))
    except FileNotFoundError:
        return 0, ["missing"]
    except OSError as error:
        return 0, [f"cannot be read: {error.strerror}"]
    reasons = []
    if hashlib.sha256(data).hexdigest() != digest:
        reasons.append(f"its sha256 is not the one in {CHECKSUMS}")
    if expected is not None:
        reasons += media_faults(data, expected, decode=decode)
    return len(data), reasons
