"""Reads AudioSet's lists, weak and strong, and VGGSounder's as a set of sounds of its own."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec

from vpo_builder.dataset.clip_ids import YOUTUBE_CLIP
from vpo_builder.dataset.sound_credits import SoundCredit
from vpo_builder.records import CLIP_SECONDS, ClipRow, SoundRow, Sounds
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.sources.label_equivalents import equivalents
from vpo_builder.sources.recordings import find_recordings
from vpo_builder.sources.selecting import Listed, SoundList, read_text
from vpo_builder.sources.vggsound import YOUTUBE_ID
from vpo_builder.sources.vggsounder import read_vggsounder

AUDIOSET, VGGSOUNDER = "AudioSet", "VGGSounder"
WEAK, STRONG = re.compile(r".+_segments\.csv"), re.compile(r"audioset_.+_strong\.tsv")
NAMES = ("class_labels_indices.csv", "mid_to_display_name.tsv", "ontology.json")
SEGMENT = re.compile(r"([A-Za-z0-9_-]{11})_([0-9]{1,9})", re.ASCII)
"""A clip of the strong lists: its video, and the millisecond at which it begins there."""
VGGSOUNDER_LIST = "vggsounder.csv"
LICENCE = "list: CC BY 4.0; recording: rights with its uploader"
HEARD_SECONDS = 3.0  # of a clip's centre (protocol §2)
LEAST_SECONDS = 0.5
"""Decided: an event of the strong labels that sounds shorter than that there is not heard."""

Labels = dict[tuple[str, int, str], set[str]]
"""The labels of each clip: the id of its video, the second at which it begins, and its split."""


@dataclass(frozen=True)
class AudioSetList:
    """AudioSet's lists in a folder; `names` maps the ids of labels to their names."""

    folder: Path
    lists: Sequence[Path]
    names: Mapping[str, str]
    names_input: tuple[str, str]

    @cached_property
    def labels(self) -> frozenset[str]:
        """Every label of its vocabulary."""
        return frozenset(self.names.values())

    def select(self, wanted: frozenset[str]) -> Sounds:
        """Return the clips with a wanted label, or one alike, and the files that are there."""
        alike = equivalents("audioset")
        clips: Labels = {}
        inputs = dict([self.names_input])
        for path in self.lists:
            text, inputs[path.name] = read_text(path)
            strong = STRONG.fullmatch(path.name) is not None
            clips |= (_strong if strong else _weak)(text, path, self.names)
        listed, outside = [], Counter[str]()
        for (youtube_id, start, split), labels in clips.items():
            ordered = tuple(sorted(labels))
            ours = tuple(filter(None, (alike.get(label.lower()) for label in ordered)))
            if wanted.isdisjoint((*ordered, *ours)):
                outside[ordered[0] if ordered else ""] += 1
            else:
                listed.append(
                    _listed(AUDIOSET, ClipRow(youtube_id, start, "", split), ordered, ours)
                )
        named = {f"{AUDIOSET}/{name}": sha256 for name, sha256 in inputs.items()}
        sounds = SoundList(self.folder, _found(self.folder, listed), named).select(wanted)
        return replace(sounds, label_counts=Counter(sounds.label_counts) + outside)


def read_audioset(folder: Path, lists: Sequence[Path], names: Mapping[str, Path]) -> AudioSetList:
    """Return AudioSet's lists in a folder; `names` are the files there that name the labels.

    Train lists are train, those of eval test; a group is a video. Raises InputError if nothing
    names the labels.
    """
    path = next((names[name] for name in NAMES if name in names), None)
    if path is None:
        raise InputError(
            f"{folder}: nothing names AudioSet's labels: expected {' or '.join(NAMES)} in it"
        )
    text, sha256 = read_text(path)
    # Those of eval last: of a clip in both, that counts. Strong ones after weak ones, likewise.
    strong = {path: STRONG.fullmatch(path.name) is not None for path in lists}
    ordered = sorted(lists, key=lambda path: (_split(path) == "test", strong[path], path.name))
    return AudioSetList(folder, ordered, _names_of(text, path), (path.name, sha256))


def read_vggsounder_list(folder: Path, path: Path) -> SoundList:
    """Return what people heard in VGGSound's test clips, as clips of their own, all test."""
    heard, sha256 = read_vggsounder(path)
    listed = []
    for name, labels in heard.items():
        named = YOUTUBE_CLIP.fullmatch(name)
        if not named:
            raise InputError(f"{path}: video_id {name[:80]!r}: expected --0PQM4-hqg_000030 or such")
        row = ClipRow(named[1], int(named[2]), "", "test")
        if labels:
            listed.append(_listed(VGGSOUNDER, row, tuple(sorted(labels)), ()))
    return SoundList(folder, _found(folder, listed), {f"{VGGSOUNDER}/{path.name}": sha256})


def _listed(source: str, row: ClipRow, labels: tuple[str, ...], alike: tuple[str, ...]) -> Listed:
    credit = SoundCredit(
        clip_id=f"{source.lower()}-{row.clip_id}",
        group=row.youtube_id,
        source=source,
        licence=LICENCE,
        page=f"https://www.youtube.com/watch?v={row.youtube_id}&t={row.start}s",
    )
    sound = SoundRow(credit.clip_id, row.youtube_id, labels, row.split)
    return Listed(sound, f"{row.clip_id}.wav", None, credit, alike)


def _found(folder: Path, listed: Sequence[Listed]) -> tuple[Listed, ...]:
    """Return the clips in the order of ids, each with its recording below the folder."""
    names = {item.file.removesuffix(".wav"): item for item in listed}
    rows = [ClipRow(name[:11], int(name[12:]), "", "") for name in names]
    paths = find_recordings(folder, rows).paths
    found = [replace(item, place=paths.get(name)) for name, item in names.items()]
    return tuple(sorted(found, key=lambda item: item.row.clip_id))


def _weak(text: str, path: Path, names: Mapping[str, str]) -> Labels:
    """Return the clips of a csv of id, start, end and labels, behind lines that begin with #."""
    split, clips = _split(path), Labels()
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    for line, row in _rows(reader, path):
        if row[0].startswith("#"):
            continue
        if len(row) != 4 or not YOUTUBE_ID.fullmatch(row[0]):
            raise InputError(f"{path}, line {line}: expected a video's id, start, end and labels")
        labels = {names[mid] for mid in row[3].split(",") if mid in names}
        clips[row[0], int(_seconds(row[1], path, line)), split] = labels
    return clips


def _strong(text: str, path: Path, names: Mapping[str, str]) -> Labels:
    """Return the clips of a tsv of events, each with what sounds in the three seconds heard."""
    split, clips = _split(path), Labels()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    first, last = ((CLIP_SECONDS + sign * HEARD_SECONDS) / 2 for sign in (-1, 1))
    for line, row in _rows(reader, path):
        if row[0] == "segment_id":
            continue
        named = SEGMENT.fullmatch(row[0])
        if len(row) != 4 or not named:
            raise InputError(f"{path}, line {line}: expected a clip's id, start, end and label")
        begin, end = (_seconds(cell, path, line) for cell in row[1:3])
        labels = clips.setdefault((named[1], int(named[2]) // 1000, split), set())
        if min(end, last) - max(begin, first) >= LEAST_SECONDS and row[3] in names:
            labels.add(names[row[3]])
    return clips


def _rows(reader: "Iterator[list[str]]", path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        for line, row in enumerate(reader, start=1):
            if row:
                yield line, row
    except csv.Error as error:
        raise InputError(f"{path}: not a list of AudioSet's: {error}") from None


def _seconds(text: str, path: Path, line: int) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,9})?", text.strip(), re.ASCII):
        raise InputError(f"{path}, line {line}: {text[:80]!r} are no seconds")
    return float(text)


def _split(path: Path) -> str:
    """Return the split of a list by its name."""
    return "test" if "eval" in path.name else "train"


def _names_of(text: str, path: Path) -> dict[str, str]:
    try:
        if path.suffix == ".json":
            rows = msgspec.json.decode(text, type=list[_Label])
            pairs = [(row.id, row.name) for row in rows]
        elif path.suffix == ".tsv":
            pairs = [(mid, name) for mid, _, name in (t.partition("\t") for t in text.splitlines())]
        else:
            pairs = [(row["mid"], row["display_name"]) for row in csv.DictReader(io.StringIO(text))]
    except (*BAD_JSON, csv.Error, KeyError) as error:
        raise InputError(f"{path}: does not name AudioSet's labels: {error}") from None
    return {mid: name.strip() for mid, name in pairs if name and name.isprintable()}


class _Label(msgspec.Struct, frozen=True):
    id: str
    name: str
