"""Finds VGGSound's recordings, by any of the names they go by, in folders and in archives."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from vpo_builder.records import CLIP_SECONDS, ArchiveMember
from vpo_builder.sources.archives import is_archive, members

AUDIO_FOLDERS = ("audios", "audio", "videos", "video")
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4", ".webm"),
    *(".opus", ".oga", ".weba", ".mka", ".aac", ".wma", ".mkv", ".mov", ".m4v", ".avi", ".flv"),
)
"""Endings that are read, the first that exists being taken: lossless before lossy."""
LABEL_FOLDERS = 2
"""So deep below the folder of recordings they are looked for: split, label."""
_NUMBER = r"0*(\d{1,9})(?:\.0+)?"
_NAME = re.compile(rf"([A-Za-z0-9_-]{{11}})_{_NUMBER}(?:_{_NUMBER})?", re.ASCII)

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


def find_recordings(vggsound: Path, rows: Iterable[Named]) -> Mapping[str, Path | ArchiveMember]:
    """Return the recording of each clip that has one: loose files before archived ones.

    `vggsound` is an archive, or a folder with recordings in a folder `audios`, in itself, in
    archives or in folders of labels. Raises InputError for an archive that cannot be used.
    """
    by_key: dict[Key, list[Found]] = defaultdict(list)
    for found in _recordings(vggsound):
        key = _key(found[1])
        if key is not None:
            by_key[key].append(found)
    chosen = {}
    for row in rows:
        choices = [found for key in _keys(row) for found in by_key.get(key, ())]
        if choices:
            best = choices[0] if len(choices) == 1 else min(choices, key=_preference(row))
            _, name, home = best
            chosen[row.clip_id] = home / name if isinstance(home, Path) else home
    return chosen


def seen_and_expected(vggsound: Path) -> str:
    """Return the name of a file that lies among the recordings, and the names that are expected."""
    expected = (
        "expected names such as --0PQM4-hqg_000030.wav, --0PQM4-hqg_30000_40000.mp4 or "
        f"--0PQM4-hqg_30.opus, with one of {', '.join(SUFFIXES)}"
    )
    seen = next(_recordings(vggsound), None)
    if seen is None:
        return f"there is no recording in it: {expected}"
    _, name, home = seen
    return f"it holds {home / name if isinstance(home, Path) else home.path}: {expected}"


def has_recordings(vggsound: Path) -> bool:
    """Tell whether there is anything in which recordings could be, even if it is empty."""
    if any((vggsound / name).is_dir() for name in AUDIO_FOLDERS):
        return True
    return next(_recordings(vggsound), None) is not None


def _recordings(vggsound: Path) -> Iterator[Found]:
    """Yield every file that could be a recording."""
    if vggsound.is_file():
        if is_archive(vggsound):
            yield from _archived(vggsound)
        return
    if not vggsound.is_dir():
        return
    audio = next((vggsound / name for name in AUDIO_FOLDERS if (vggsound / name).is_dir()), None)
    for rank, folder in ((0, audio), (1, vggsound)):
        if folder is not None:
            yield from _in_folder(folder, rank)
    yield from _below(audio or vggsound, LABEL_FOLDERS)


def _in_folder(folder: Path, rank: int) -> Iterator[Found]:
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 -- a Path each takes a second
        if _suffix(name) in SUFFIXES:
            yield rank, name, folder
        elif (folder / name).is_file() and is_archive(folder / name):
            yield from _archived(folder / name)


def _below(folder: Path, depth: int) -> Iterator[Found]:
    """Yield the files of folders below one, ranked behind all others."""
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    for name in names:
        for found in sorted(os.listdir(folder / name)):  # noqa: PTH208 -- as above
            if _suffix(found) in SUFFIXES:
                yield 3, found, folder / name
        if depth > 1:
            yield from _below(folder / name, depth - 1)


def _archived(archive: Path) -> Iterator[Found]:
    return ((2, member.name, member) for member in members(archive))


def _key(name: str) -> Key | None:
    """Return what a file's name says which clip it is, None for another file."""
    stem, suffix = name.rpartition(".")[0], _suffix(name)
    match = _NAME.fullmatch(stem) if suffix in SUFFIXES else None
    if match is None:
        return None
    youtube_id, first, second = match.groups()
    return youtube_id, int(first), None if second is None else int(second)


def _keys(row: Named) -> tuple[Key, Key, Key]:
    """Return what names may say of a clip: its start, or start and end in ms or in seconds."""
    first, last = row.start, row.start + CLIP_SECONDS
    return (
        (row.youtube_id, first, None),
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
