"""Reads AVSBench's lists of videos: which part of which YouTube video each one is.

The lists do not say it outright. A name begins with the YouTube id; what follows is the part's
start, as in VGGSound's two kinds of file names: `_000030` in seconds, `_30000_40000` in
milliseconds. S4 cuts five seconds out of ten, its column `start` saying where (the published
preprocess_s4.py: five seconds, or what is left after a start above 5). Where the name has no start,
the columns `s_min` and `s_sec`, or `start`, count from the video's beginning.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.avsbench_trees import FORMATS, FRAMES, FRAMES_V2, Part, Video, read_rows
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

_NAME = re.compile(r"([A-Za-z0-9_-]{11})(?:_(\d{6})|_(\d{1,9})_\d{1,9})?(?:\.mp4)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,6}(?:\.0*)?", re.ASCII)
VGGSOUND_SECONDS = 10
TREE_FOLDERS: Mapping[Part, str] = {
    "S4": "Single-source",
    "MS3": "Multi-sources",
    "AVSS": "AVSBench_semantic",
}
"""The folders in which AVSBench's parts are published."""


@dataclass(frozen=True)
class ListedVideo:
    """A row of a list: what it is published as, and the seconds of the YouTube video that it is."""

    video: Video
    youtube_id: str
    start: int
    seconds: int
    line: str

    @property
    def record(self) -> str:
        """The part's name, as VGGSound names clips."""
        return f"{self.youtube_id}_{self.start:06d}"


@dataclass(frozen=True)
class VideoList:
    """A list: its part of AVSBench, the line that heads it, and its videos in their order."""

    part: Part
    head: str
    videos: tuple[ListedVideo, ...]


def read_video_list(path: Path, out: Path) -> VideoList:
    """Return the videos of a csv, with the paths that they have below `out` when published.

    Raises InputError naming file and line for columns of no part of AVSBench, a name that does
    not begin with a YouTube id, and a time that is none.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; expected a csv of AVSBench"
        ) from None
    head, *lines = data.decode("utf-8-sig", errors="replace").splitlines() or [""]
    part = _part(head, path)
    published = FORMATS[part]
    root = out / TREE_FOLDERS[part] / published.media
    videos = []
    for (where, row), line in zip(
        read_rows(data, published.columns, path), filter(None, lines), strict=False
    ):
        videos.append(_listed(published.video(root, row, where), row, part, line, where))
    return VideoList(part, head, tuple(videos))


def list_path(part: Part, out: Path) -> Path:
    """Return where the csv of a part is published below `out`."""
    return out / TREE_FOLDERS[part] / FORMATS[part].csv


def _part(head: str, path: Path) -> Part:
    names = {name.strip() for name in head.split(",")}
    for part in FORMATS:
        if names >= set(FORMATS[part].columns):
            return part
    choices = "; ".join(",".join(published.columns) for published in FORMATS.values())
    raise InputError(f"{path}: no list of AVSBench: expected in line 1 the columns {choices}")


def _listed(video: Video, row: Mapping[str, str], part: Part, line: str, where: str) -> ListedVideo:
    match = _NAME.fullmatch(video.name)
    if match is None:
        raise InputError(
            f"{where}: {video.name!r}: expected a YouTube id of 11 characters, alone or followed "
            "by _000030 or _30000_40000"
        )
    youtube_id, seconds, first = match.groups()
    named = int(seconds) if seconds else int(first) // 1000 if first else None
    within = _seconds(row.get("start", ""), where)
    if part == "S4" and within < VGGSOUND_SECONDS:
        length = FRAMES if within <= FRAMES else VGGSOUND_SECONDS - within
        return ListedVideo(video, youtube_id, (named or 0) + within, length, line)
    if named is None:
        named = 60 * _seconds(row.get("s_min", ""), where) + _seconds(row.get("s_sec", ""), where)
        named += within
    length = FRAMES_V2 if video.folder == "v2" else FRAMES
    return ListedVideo(video, youtube_id, named, length, line)


def _seconds(text: str, where: str) -> int:
    if not text.strip():
        return 0
    if not _WHOLE.fullmatch(text.strip()):
        raise InputError(f"{where}: {text[:40]!r} is no whole number of seconds or minutes")
    return int(float(text))
