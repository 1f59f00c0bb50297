"""Finds VGGSound's recordings, by any of the names they go by, in folders and in archives."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from vpo_builder.sources.archives import ArchiveMember, is_archive, members

AUDIO_FOLDERS = ("audios", "audio", "videos", "video")
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4", ".webm")
"""Endings that are read, the first that exists being taken: lossless before lossy."""


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
    by_stem: dict[str, list[tuple[int, Path | ArchiveMember]]] = defaultdict(list)
    for rank, recording in _recordings(vggsound):
        if recording.suffix.lower() in SUFFIXES:
            by_stem[recording.stem].append((rank, recording))
    found = {}
    for row in rows:
        choices = [item for stem in row.file_stems for item in by_stem.get(stem, ())]
        if choices:
            found[row.clip_id] = min(choices, key=_preference)[1]
    return found


def has_recordings(vggsound: Path) -> bool:
    """Tell whether there is anything in which recordings could be, be it empty."""
    if any((vggsound / name).is_dir() for name in AUDIO_FOLDERS):
        return True
    return next(_recordings(vggsound), None) is not None


def _recordings(vggsound: Path) -> Iterator[tuple[int, Path | ArchiveMember]]:
    """Yield every file with the rank of its place: 0 is looked at first."""
    if vggsound.is_file():
        if is_archive(vggsound):
            yield from ((2, member) for member in members(vggsound))
        return
    if not vggsound.is_dir():
        return
    audio = next((vggsound / name for name in AUDIO_FOLDERS if (vggsound / name).is_dir()), None)
    for rank, folder in ((0, audio), (1, vggsound)):
        if folder is None:
            continue
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                yield rank, path
            elif path.is_file() and is_archive(path):
                yield from ((2, member) for member in members(path))


def _preference(item: tuple[int, Path | ArchiveMember]) -> tuple[int, int, str]:
    rank, recording = item
    return rank, SUFFIXES.index(recording.suffix.lower()), recording.name
