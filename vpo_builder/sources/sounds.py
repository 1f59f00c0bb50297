"""All the recordings of a build, of VGGSound and of other lists, as one."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from vpo_builder.dataset.clip_ids import alike_but_for_case
from vpo_builder.records import Sounds
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import open_regular
from vpo_builder.sources.audioset import (
    NAMES,
    STRONG,
    VGGSOUNDER_LIST,
    WEAK,
    read_audioset,
    read_vggsounder_list,
)
from vpo_builder.sources.files_below import folders_below, seen_below
from vpo_builder.sources.freesound_sets import ESC_50_LIST, FSD50K_LISTS, read_esc50, read_fsd50k
from vpo_builder.sources.sound_list import NEEDED, is_sound_list, read_sound_list

LISTS = {*FSD50K_LISTS, ESC_50_LIST, VGGSOUNDER_LIST, *NAMES}
"""Names by which published sets are told."""
LONGEST_HEADER = 10_000


class SoundSet(Protocol):
    """A list of recordings that has been opened."""

    @property
    def labels(self) -> frozenset[str]:
        """The labels that class tables may name."""

    def select(self, wanted: frozenset[str]) -> Sounds:
        """Return the clips with a wanted label, and their files."""


def open_sounds(path: Path) -> SoundSet:
    """Return the list at a path: a csv of one's own, a folder with one, or a published set.

    Raises InputError for anything else, naming what was looked for and what lies there.
    """
    published = _published_set(path) if path.is_dir() else None
    if published is not None:
        return published
    lists = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    found = [file for file in lists if is_sound_list(_header(file))]
    if len(found) == 1:
        return read_sound_list(found[0])
    if found:
        raise InputError(f"{path}: holds {found[0].name} and {found[1].name}: give one of them")
    expected = (
        f"expected a csv with the columns {', '.join(NEEDED)}, or the folder of FSD50K (dev.csv), "
        f"ESC-50 ({ESC_50_LIST}), AudioSet (…_segments.csv, audioset_…_strong.tsv) or VGGSounder "
        f"({VGGSOUNDER_LIST})"
    )
    if not path.is_file():
        seen = seen_below(path) if path.exists() else "no such file or folder"
        raise InputError(f"{path}: {seen}: {expected}")
    raise InputError(f"{path}: begins with {_header(path)[:80]!r}: {expected}")


def _published_set(folder: Path) -> SoundSet | None:
    """Return the published set in a folder, known by its lists at any depth."""
    found: dict[str, Path] = {}
    for here, names in folders_below(folder):
        for name in names:
            if name in LISTS or WEAK.fullmatch(name) or STRONG.fullmatch(name):
                found.setdefault(name, here / name)
    lists = {name: path for name, path in found.items() if name in FSD50K_LISTS}
    lists = {name: path for name, path in lists.items() if _header(path).startswith("fname,")}
    if lists:
        return read_fsd50k(folder, lists)
    if ESC_50_LIST in found:
        return read_esc50(folder, found[ESC_50_LIST])
    if VGGSOUNDER_LIST in found:
        return read_vggsounder_list(folder, found[VGGSOUNDER_LIST])
    segments = [path for name, path in found.items() if name not in LISTS]
    return read_audioset(folder, segments, found) if segments else None


def united(parts: Sequence[Sounds]) -> Sounds:
    """Return the clips of several lists, sorted by id.

    Raises InputError for two of one id, and for two whose ids differ in case alone.
    """
    if len(parts) == 1 and not parts[0].credits:
        return parts[0]
    rows = sorted((row for part in parts for row in part.rows), key=lambda row: row.clip_id)
    ids = [row.clip_id for row in rows]
    twice = [(a, b) for a, b in itertools.pairwise(ids) if a == b]
    for first, other in [*twice, *alike_but_for_case(ids)]:
        raise InputError(
            f"--sounds: clip ids {first} and {other} would be one file where capitals do not "
            "count: give one of them another in a column id"
        )
    inputs: dict[str, str] = {}
    for part in parts:
        for name, sha256 in part.inputs.items():
            number = sum(other.startswith(name) for other in inputs)
            inputs[f"{name} ({number + 1})" if number else name] = sha256
    return Sounds(
        tuple(rows),
        {clip: path for part in parts for clip, path in part.paths.items()},
        sum((Counter(part.label_counts) for part in parts), Counter()),
        inputs,
        {clip: credit for part in parts for clip, credit in part.credits.items()},
        tuple(path for part in parts for path in part.packed),
    )


def _header(path: Path) -> str:
    """Return the first line of a file, "" if it has none that is text."""
    try:
        with open_regular(path, largest=None) as file:
            return file.readline(LONGEST_HEADER).decode("utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return ""
