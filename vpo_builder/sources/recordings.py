"""Finds VGGSound's recordings, by any of the names they go by, in folders and in archives."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from vpo_builder.records import ArchiveMember
from vpo_builder.sources.archives import is_archive, members

AUDIO_FOLDERS = ("audios", "audio", "videos", "video")
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4", ".webm")
"""Endings that are read, the first that exists being taken: lossless before lossy."""


Found = tuple[int, str, Path | ArchiveMember]
"""The rank of the place, 0 being looked at first, the file's name, and its folder or itself."""


class Named(Protocol):
    """A clip, and the names that its file may have."""

    @property
    def clip_id(self) -> str:
        """The clip's id."""

    @property
    def file_stems(self) -> tuple[str, str]:
        """The names of its file, without endings."""


def find_recordings(vggsound: Path, rows: Iterable[Named]) -> Mapping[str, Path | ArchiveMember]:
    """Return the recording of each clip that has one: loose files before archived ones.

    `vggsound` is an archive, or a folder with recordings in a folder `audios`, in itself, or in
    archives. Raises InputError for an archive that cannot be used.
    """
    by_stem: dict[str, list[Found]] = defaultdict(list)
    for rank, name, home in _recordings(vggsound):
        if _suffix(name) in SUFFIXES:
            by_stem[name.rpartition(".")[0]].append((rank, name, home))
    found = {}
    for row in rows:
        first, second = row.file_stems
        choices = by_stem.get(first, []) + by_stem.get(second, [])
        if choices:
            _, name, home = choices[0] if len(choices) == 1 else min(choices, key=_preference)
            found[row.clip_id] = home / name if isinstance(home, Path) else home
    return found


def has_recordings(vggsound: Path) -> bool:
    """Tell whether there is anything in which recordings could be, be it empty."""
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
        if folder is None:
            continue
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 -- a Path each takes a second
            if _suffix(name) in SUFFIXES:
                yield rank, name, folder
            elif (folder / name).is_file() and is_archive(folder / name):
                yield from _archived(folder / name)


def _archived(archive: Path) -> Iterator[Found]:
    return ((2, member.name, member) for member in members(archive))


def _suffix(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{dot}{ending}".lower() if stem else ""


def _preference(found: Found) -> tuple[int, int, str]:
    rank, name, _ = found
    return rank, SUFFIXES.index(_suffix(name)), name
