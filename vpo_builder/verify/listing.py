"""Reads `SHA256SUMS` and compares it with what lies in the folder."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from sys import intern

from vpo_builder.dataset.faults import Fault
from vpo_builder.dataset.manifest import CHECKSUMS, META
from vpo_builder.dataset.places import AUDIO_FOLDER, MS_HOME
from vpo_builder.dataset.schema import ManifestMeta
from vpo_builder.runtime.regular_files import read_regular

UNLISTED = frozenset({META, CHECKSUMS})
"""Files of a dataset that cannot be in its list of checksums."""

HOMES = ("", MS_HOME, f"../../{AUDIO_FOLDER}/")
"""Where listed files lie, seen from the dataset: in it, in MS's, among the clips (protocol §2)."""


def read_checksums(folder: Path, meta: ManifestMeta | None) -> tuple[dict[str, str], list[Fault]]:
    """Return path -> sha256 for the lines that can be used, and the faults of the others."""
    try:
        data = read_regular(folder / CHECKSUMS)
    except OSError as error:
        return {}, [Fault(CHECKSUMS, f"cannot be read: {error.strerror}")]
    reasons = []
    listed, unusable = _parse(data)
    if meta is not None and hashlib.sha256(data).hexdigest() != meta.checksums_sha256:
        reasons.append(f"its sha256 is not the one in {META}")
    if meta is not None and data.count(b"\n") != meta.files:
        reasons.append(f"{data.count(bytes([10]))} lines, {META} counts {meta.files} files")
    if list(listed) != sorted(listed):
        reasons.append("its lines are not sorted by path")
    return listed, [Fault(CHECKSUMS, reason) for reason in reasons + unusable]


def unlisted_files(folder: Path, listed: Mapping[str, str]) -> list[Fault]:
    """Return a fault for each file below `folder` that the list does not name."""
    known = listed.keys() | UNLISTED
    faults = []
    for parent, _, names in os.walk(folder):
        relative = Path(parent).relative_to(folder)
        paths = ((relative / name).as_posix() for name in names)
        faults += [Fault(path, "no list names this file") for path in paths if path not in known]
    return faults


def _parse(data: bytes) -> tuple[dict[str, str], list[str]]:
    listed: dict[str, str] = {}
    reasons = []
    for number, line in enumerate(data.decode("utf-8", errors="replace").split("\n"), start=1):
        digest, _, path = line.partition("  ")
        if not line:
            continue
        if len(digest) != 64 or not _is_inside(path):
            reasons.append(f"line {number} is not `sha256  path`: {line[:120]!r}")
        elif path in listed:
            reasons.append(f"line {number} lists {path} a second time")
        else:
            listed[intern(path)] = intern(digest)  # `diff` holds the lists of two builds
    return listed, reasons


def _is_inside(path: str) -> bool:
    """Whether a listed path is relative and stays within one of HOMES."""
    home = max((home for home in HOMES if path.startswith(home)), key=len)
    parts = path.removeprefix(home).split("/")
    return not {"", ".", ".."} & set(parts) and "\0" not in path
