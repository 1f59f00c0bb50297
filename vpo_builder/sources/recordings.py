"""Finds VGGSound's recordings, by any of the names they go by, in folders and in archives."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vpo_builder.records import CLIP_SECONDS, ArchiveMember
from vpo_builder.runtime.outside_text import say
from vpo_builder.sources.archives import is_archive, is_packed, members
from vpo_builder.sources.files_below import folders_below

CSV_NAME = "vggsound.csv"
AUDIO_FOLDERS = ("audios", "audio", "videos", "video")
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4", ".webm"),
    *(".opus", ".oga", ".weba", ".mka", ".aac", ".wma", ".mkv", ".mov", ".m4v", ".avi", ".flv"),
    *(".aiff", ".aif", ".caf", ".au", ".w64", ".wv", ".mp2", ".ac3", ".amr"),
    *(".3gp", ".mpg", ".mpeg", ".ts", ".ogv", ".wmv"),
)
"""Endings that are read, the first that exists being taken: lossless before lossy."""
_NUMBER = r"0*(\d{1,9})(?:\.0+)?"
_NAME = re.compile(rf"([A-Za-z0-9_-]{{11}})_{_NUMBER}(?:_{_NUMBER})?(\.[^.]*)", re.ASCII)

Found = tuple[int, str, Path | ArchiveMember]
"""The rank of the place, 0 being looked at first, the file's name, and its folder or itself."""
Key = tuple[str, int, int | None]
"""A video's id, and the numbers behind it in a file's name."""


class Named(Protocol):
    """A clip, and the names that its file may have."""

    @property
    def youtube_id(self) -> str:
        """The video's id."""

    @property
    def start(self) -> int:
        """The second at which the clip begins in it."""

    @property
    def clip_id(self) -> str:
        """The clip's id."""

    @property
    def file_stems(self) -> tuple[str, str]:
        """The published names of its file, without endings."""


@dataclass(frozen=True)
class Recordings:
    """The recording of each clip that has one; packed archives where nothing else is there."""

    paths: Mapping[str, Path | ArchiveMember]
    packed: tuple[Path, ...] = ()


def find_recordings(vggsound: Path, rows: Iterable[Named]) -> Recordings:
    """Return the recording of each clip that has one: loose files before archived ones.

    `vggsound` is an archive, or a folder with recordings or archives of them at any depth. Packed
    tars are left aside, with a word, where clips are found without them. Raises InputError for an
    archive that cannot be used.
    """
    of_video: dict[str, list[tuple[Key, Found]]] = defaultdict(list)
    packed: list[Path] = []
    for found in _recordings(vggsound, packed):
        key = _key(found[1])
        if key is not None:
            of_video[key[0]].append((key, found))
    chosen = {}
    for row in rows:
        there = of_video.get(row.youtube_id)
        if there is None:
            continue
        keys = _keys(row)
        choices = [found for key, found in there if key in keys]
        if len(choices) > 1:  # one may be what a broken download has left
            choices = [found for found in choices if not _is_empty(found)] or choices
        if choices:
            best = choices[0] if len(choices) == 1 else min(choices, key=_preference(row))
            _, name, home = best
            chosen[row.clip_id] = home / name if isinstance(home, Path) else home
    if packed and chosen:
        more = f" and {len(packed) - 1} more" if len(packed) > 1 else ""
        say(f"{packed[0]}{more}: packed, left aside for what lies unpacked beside it", err=True)
        packed = []
    return Recordings(chosen, tuple(packed))


def clip_of_names(rows: Iterable[Named]) -> Callable[[str], str | None]:
    """Return what tells of a file's name which clip it is, None for no clip of the rows."""
    clips = {key: row.clip_id for row in rows for key in _keys(row)}

    def clip_of(name: str) -> str | None:
        key = _key(name)
        return None if key is None else clips.get(key)

    return clip_of


def seen_and_expected(vggsound: Path) -> str:
    """Return the name of a file that lies among the recordings, and the names that are expected."""
    expected = (
        "expected names such as --0PQM4-hqg_000030.wav, --0PQM4-hqg_30_40.mp4 or "
        f"--0PQM4-hqg_30.opus, at any depth, with one of {', '.join(SUFFIXES)}"
    )
    seen = next(_recordings(vggsound, []), None)
    if seen is None:
        below = (here / name for here, names in folders_below(vggsound) for name in names)
        other = next((path for path in below if path.name != CSV_NAME), None)
        beside = "" if other is None else f", but {other}"
        return f"there is no recording in it{beside}: {expected}"
    _, name, home = seen
    return f"it holds {home / name if isinstance(home, Path) else home.path}: {expected}"


def has_recordings(vggsound: Path) -> bool:
    """Tell whether there is anything in which recordings could be, be it empty."""
    if any((vggsound / name).is_dir() for name in AUDIO_FOLDERS):
        return True
    packed: list[Path] = []
    return next(_recordings(vggsound, packed), None) is not None or bool(packed)


def _recordings(vggsound: Path, packed: list[Path]) -> Iterator[Found]:
    """Yield every file that could be a recording; add packed archives to `packed`."""
    if vggsound.is_file():
        yield from _of_file(vggsound, packed)
        return
    plain = next((vggsound / name for name in AUDIO_FOLDERS if (vggsound / name).is_dir()), None)
    ranks = {plain: 0, vggsound: 1}
    for folder, names in folders_below(vggsound):
        rank = ranks.get(folder, 2)
        for name in names:
            if _suffix(name) in SUFFIXES:
                yield rank, name, folder
            elif is_packed(name) or is_archive(name):
                yield from _of_file(folder / name, packed)


def _of_file(path: Path, packed: list[Path]) -> Iterator[Found]:
    if is_packed(path.name):
        packed.append(path)
    elif is_archive(path.name):
        yield from ((3, member.name, member) for member in members(path))


def _is_empty(found: Found) -> bool:
    _, name, home = found
    try:
        return not ((home / name).stat().st_size if isinstance(home, Path) else home.size)
    except OSError:
        return True


def _key(name: str) -> Key | None:
    """Return what a file's name says which clip it is, None for another file."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    youtube_id, first, second, suffix = match.groups()
    if suffix.lower() not in SUFFIXES:
        return None
    return youtube_id, int(first), None if second is None else int(second)


def _keys(row: Named) -> tuple[Key, ...]:
    """Return what names may say of a clip: its start, or start and end, in seconds or in ms.

    A start in ms alone is how AudioSet's strong lists name a clip.
    """
    first, last = row.start, row.start + CLIP_SECONDS
    return (
        (row.youtube_id, first, None),
        *([(row.youtube_id, 1000 * first, None)] if first else []),
        (row.youtube_id, 1000 * first, 1000 * last),
        (row.youtube_id, first, last),
    )


def _suffix(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{dot}{ending}".lower() if stem else ""


def _preference(row: Named) -> Callable[[Found], tuple[int, bool, int, str]]:
    """Return the order of a clip's files: by place, published names first, then by ending."""

    def order(found: Found) -> tuple[int, bool, int, str]:
        rank, name, _ = found
        unusual = name.rpartition(".")[0] not in row.file_stems
        return rank, unusual, SUFFIXES.index(_suffix(name)), name

    return order
