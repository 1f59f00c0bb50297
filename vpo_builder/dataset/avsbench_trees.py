"""Reads AVSBench's published trees: S4 (one source), MS3 (several) and AVSS (semantic).

Only the csv is read here; a video's files are named, not opened, as they lie there: of copies
without wavs the videos in `raw_videos`, without `labels_semantic` the colours in `labels_rgb`. The
pickled spectrograms in `audio_log_mel` are never read: a pickle runs whatever it holds.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

Part = Literal["S4", "MS3", "AVSS"]
MaskForm = Literal["object", "labels", "colours"]
"""What a mask's pixels are: black and white, class indices, or PASCAL VOC's colours of them."""

VIDEO_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}", re.ASCII)
CATEGORY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,120}", re.ASCII)
FRAMES = 5  # S4, MS3 and AVSS's v1: five seconds, one frame of each
FRAMES_V2 = 10
AVSS_FOLDERS = ("v1s", "v1m", "v2")
NO_SOURCES = frozenset({"off-the-screen", "background"})
"""Names in AVSS's a_obj that are no source to be seen: EASE leaves out the same two."""

S4_CATEGORIES: Mapping[str, str] = {
    "ambulance_siren": "vehicle",
    "baby_laughter": "human",
    "cap_gun_shooting": "tool",
    "cat_meowing": "animal",
    "chainsawing_trees": "tool",
    "coyote_howling": "animal",
    "dog_barking": "animal",
    "driving_buses": "vehicle",
    "female_singing": "human",
    "helicopter": "vehicle",
    "horse_clip-clop": "animal",
    "lawn_mowing": "tool",
    "lions_roaring": "animal",
    "male_speech": "human",
    "mynah_bird_singing": "animal",
    "playing_acoustic_guitar": "music",
    "playing_glockenspiel": "music",
    "playing_piano": "music",
    "playing_tabla": "music",
    "playing_ukulele": "music",
    "playing_violin": "music",
    "race_car": "vehicle",
    "typing_on_computer_keyboard": "electronics",
}
"""S4's 23 categories in alphabetical order (protocol §3), with the group that charts colour."""


@dataclass(frozen=True, slots=True)
class Video:
    """A row of the csv with its files; `masks` belong to the first `len(masks)` of `images`.

    `categories` are what sounds in it and is seen, none for MS3, which names none. `folder` is
    AVSS's v1s, v1m or v2, empty elsewhere. `raw` is the video itself, whose sound stands in where
    there is no wav.
    """

    name: str
    subset: Subset
    categories: tuple[str, ...]
    images: tuple[Path, ...]
    masks: tuple[Path, ...]
    audio: Path
    folder: str = ""
    raw: Path | None = None
    mask_form: MaskForm = "object"


@dataclass(frozen=True)
class Tree:
    """A published tree: its videos sorted by folder and name, and the csv that lists them."""

    part: Part
    csv: Path
    sha256: str
    videos: tuple[Video, ...]


@dataclass(frozen=True)
class _Format:
    """How a part is published: its csv, the columns it needs and how a row becomes a video."""

    csv: str
    media: str
    columns: tuple[str, ...]
    video: Callable[[Path, Mapping[str, str], str], Video]


def find_trees(folder: Path) -> tuple[Tree, ...]:
    """Return the trees found in `folder` or one folder below it, in the order S4, MS3, AVSS."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: expected AVSBench as published")
    return tuple(_read(path, part) for part in FORMATS if (path := _find_csv(folder, part)))


def list_in(folder: Path) -> Path | None:
    """Return a list of AVSBench in `folder` or one folder below it, unread; None if none is."""
    names = [published.csv for published in FORMATS.values()]
    found = (path for name in names for path in (folder / name, *sorted(folder.glob(f"*/{name}"))))
    return next(filter(Path.is_file, found), None)


def read_s4(folder: Path) -> Tree:
    """Return the S4 tree in `folder`, e.g. `avsbench_data` or `avsbench_data/Single-source`.

    Raises InputError naming file and line for a missing or repeated csv, wrong columns, a name
    that is no plain file name, an unknown category or subset, and a video listed twice.
    """
    name = FORMATS["S4"].csv
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: expected AVSBench's S4 with its {name}")
    path = _find_csv(folder, "S4")
    if path is None:
        raise InputError(
            f"{folder}: no {name} in it or one folder below: expected AVSBench's S4 as published "
            "(Single-source/s4_meta_data.csv beside s4_data/)"
        )
    return _read(path, "S4")


def _find_csv(folder: Path, part: Part) -> Path | None:
    name = FORMATS[part].csv
    found = [path for path in (folder / name, *sorted(folder.glob(f"*/{name}"))) if path.is_file()]
    if len(found) > 1:
        raise InputError(
            f"{folder}: {name} is there twice, {found[0]} and {found[1]}: give the folder of one"
        )
    return found[0] if found else None


def _read(path: Path, part: Part) -> Tree:
    published = FORMATS[part]
    data = read_regular(path)
    # As unpacked, the media lie in a folder of their own beside the csv; some copies drop it.
    wrapped = path.parent / published.media
    root = wrapped if published.media and wrapped.is_dir() else path.parent
    videos: dict[tuple[str, str], Video] = {}
    for where, row in read_rows(data, published.columns, path):
        video = published.video(root, row, where)
        if videos.setdefault((video.folder, video.name), video) != video:
            raise InputError(
                f"{where}: video {video.name} stands there twice with another subset or category: "
                "delete one of the rows"
            )
    ordered = tuple(_as_it_lies(videos[key]) for key in sorted(videos))
    return Tree(part, path, hashlib.sha256(data).hexdigest(), ordered)


def _as_it_lies(video: Video) -> Video:
    """Return a video with what stands in for its sound or its masks, where only that is there."""
    if video.raw is not None and not video.audio.is_file() and video.raw.is_file():
        video = replace(video, audio=video.raw)
    colours = tuple(mask.parent.with_name("labels_rgb") / mask.name for mask in video.masks)
    if video.mask_form != "labels" or video.masks[0].is_file() or not colours[0].is_file():
        return video
    return replace(video, masks=colours, mask_form="colours")


def read_rows(
    data: bytes, columns: tuple[str, ...], path: Path
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row with its place, for the errors."""
    reader = csv.DictReader(io.StringIO(_text(data, path), newline=""))
    try:
        names = tuple(reader.fieldnames or ())
        _check_columns(names, columns, path)
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise InputError(f"{where}: expected {len(names)} columns, as in line 1")
            yield where, row
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.reader.line_num}: not csv: {error}") from None


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text: expected AVSBench's csv") from None


def _check_columns(found: tuple[str, ...], wanted: tuple[str, ...], path: Path) -> None:
    absent = [name for name in wanted if name not in found]
    if absent:
        raise InputError(
            f"{path}: no column {', '.join(absent)}: expected {','.join(wanted)} in line 1, "
            f"got {','.join(found)[:200]!r}; give AVSBench's csv as published"
        )


def _s4_video(root: Path, row: Mapping[str, str], where: str) -> Video:
    name, category, subset = _name(row["name"], where), row["category"], _subset(row, where)
    if category not in S4_CATEGORIES:
        raise InputError(
            f"{where}: unknown category {category!r}: expected one of S4's {len(S4_CATEGORIES)}, "
            f"such as {next(iter(S4_CATEGORIES))}"
        )
    place = Path(subset, category)
    numbers = range(1, FRAMES + 1)
    annotated = range(1, 2) if subset == "train" else numbers
    return Video(
        name,
        subset,
        (category,),
        tuple(root / "visual_frames" / place / name / f"{name}_{n}.png" for n in numbers),
        tuple(root / "gt_masks" / place / name / f"{name}_{n}.png" for n in annotated),
        root / "audio_wav" / place / f"{name}.wav",
        raw=root / "raw_videos" / place / f"{name}.mp4",
    )


def _ms3_video(root: Path, row: Mapping[str, str], where: str) -> Video:
    name, subset = _name(row["video_id"], where), _subset(row, where)
    numbers = range(1, FRAMES + 1)
    return Video(
        name,
        subset,
        (),
        tuple(root / "visual_frames" / name / f"{name}.mp4_{n}.png" for n in numbers),
        tuple(root / "gt_masks" / subset / name / f"{name}_{n}.png" for n in numbers),
        root / "audio_wav" / subset / f"{name}.wav",
        raw=root / "raw_videos" / f"{name}.mp4",
    )


def _avss_video(root: Path, row: Mapping[str, str], where: str) -> Video:
    name, subset, folder = _name(row["uid"], where), _subset(row, where), row["label"]
    if folder not in AVSS_FOLDERS:
        raise InputError(f"{where}: label {folder!r}, expected one of {', '.join(AVSS_FOLDERS)}")
    # A category holds hyphens, never an underscore, which separates them.
    categories = tuple(row["a_obj"].split("_"))
    for category in categories:
        if not CATEGORY_NAME.fullmatch(category):
            raise InputError(f"{where}: a_obj {row['a_obj']!r}: expected names joined by '_'")
    home = root / folder / name
    numbers = range(FRAMES_V2 if folder == "v2" else FRAMES)
    annotated = range(1) if (folder, subset) == ("v1s", "train") else numbers
    return Video(
        name,
        subset,
        tuple(category for category in categories if category not in NO_SOURCES),
        tuple(home / "frames" / f"{n}.jpg" for n in numbers),
        tuple(home / "labels_semantic" / f"{n}.png" for n in annotated),
        home / "audio.wav",
        folder,
        mask_form="labels",
    )


def _name(name: str, where: str) -> str:
    if not VIDEO_NAME.fullmatch(name):
        raise InputError(f"{where}: {name[:120]!r} is no video's name: expected a plain file name")
    return name


def _subset(row: Mapping[str, str], where: str) -> Subset:
    for subset in SUBSETS:
        if row["split"] == subset:
            return subset
    raise InputError(f"{where}: split {row['split']!r}, expected one of {', '.join(SUBSETS)}")


FORMATS: Mapping[Part, _Format] = {
    "S4": _Format("s4_meta_data.csv", "s4_data", ("name", "start", "category", "split"), _s4_video),
    "MS3": _Format("ms3_meta_data.csv", "ms3_data", ("video_id", "split"), _ms3_video),
    "AVSS": _Format("metadata.csv", "", ("uid", "a_obj", "split", "label"), _avss_video),
}
"""The published trees; the media's folder is the one in which the archives unpack."""
