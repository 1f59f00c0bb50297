"""Reads VGGSound's csv and finds the recordings of its clips."""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec

from vpo_builder.records import ClipRow, Sounds
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.sources.files_below import folders_below, seen_below
from vpo_builder.sources.recordings import CSV_NAME, find_recordings
from vpo_builder.sources.side_files import NO_SIDE_FILES, Blob, Kept, SideFiles

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
START_SECOND = re.compile(r"([0-9]{1,6})(?:\.0{1,9})?", re.ASCII)
SPLITS = frozenset({"train", "test"})
LABELS = Path(__file__).with_name("vggsound_labels.txt")

_PLAIN_ROW = re.compile(rf"^{YOUTUBE_ID.pattern},[0-9]{{1,6}},(.*)$", re.ASCII | re.M)

_Table = tuple[list[ClipRow], dict[str, int]]


class _FaultError(ValueError):
    """What is wrong with a row of the csv."""


@cache
def known_labels() -> frozenset[str]:
    """Return VGGSound's 309 labels."""
    return frozenset(LABELS.read_text(encoding="utf-8").splitlines())


def find_table(folder: Path) -> Path | None:
    """Return VGGSound's csv in a folder, at any depth, or beside an archive; None for none."""
    if folder.is_file():
        beside = folder.parent / CSV_NAME
        return beside if beside.exists() else None
    found = (here / CSV_NAME for here, names in folders_below(folder) if CSV_NAME in names)
    return next(found, None)


def read_vggsound(
    folder: Path,
    wanted: frozenset[str],
    table: Path | None = None,
    side_files: SideFiles = NO_SIDE_FILES,
) -> Sounds:
    """Return the rows of VGGSound's csv with a wanted label and the files found for them.

    The csv is `table`, or lies in `folder` at any depth, or beside it if that is an archive.
    Raises InputError naming file and line for a wrong number of columns, an id that is not
    eleven of YouTube's characters, a start that is no second, an unknown label or split, and a
    clip that stands there twice. `side_files` may hold what was kept of the csv.
    """
    path = table or find_table(folder)
    if path is None:
        raise InputError(
            f"{folder}: no {CSV_NAME} at any depth: {seen_below(folder)}: give it by --vggsound-csv"
        )
    rows, label_counts, sha256 = _read_rows(path, wanted, side_files)
    found = find_recordings(folder, rows)
    inputs = {"vggsound/vggsound.csv": sha256}
    return Sounds(tuple(rows), found.paths, label_counts, inputs, packed=found.packed)


def _read_rows(
    path: Path, wanted: frozenset[str], side_files: SideFiles
) -> tuple[list[ClipRow], Mapping[str, int], str]:
    """Return the wanted rows, how often each label is named, and the hash of the csv."""
    side = side_files.of(path, "vggsound", *sorted(wanted))
    kept = side.load()
    if kept is not None:
        try:
            return *_of_kept(kept, wanted), kept.sha256
        except (ValueError, msgspec.MsgspecError) as error:
            side.refuse(error)
    try:
        data = read_regular(path)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; expected VGGSound's csv there"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text: expected VGGSound's csv") from None
    rows, label_counts = _parse(text, wanted, path)
    sha256 = hashlib.sha256(data).hexdigest()
    encoded = msgspec.msgpack.encode((rows, label_counts))
    side.keep(sha256, {"rows": Blob(len(encoded), [encoded])})
    return rows, label_counts, sha256


def _of_kept(kept: Kept, wanted: frozenset[str]) -> _Table:
    """Return what was kept of a csv; raise ValueError for what cannot have been in it."""
    (encoded,) = kept.checked({"rows": "|u1"})
    rows, counts = msgspec.msgpack.decode(encoded.tobytes(), type=_Table)
    whole = all(
        YOUTUBE_ID.fullmatch(row.youtube_id)
        and 0 <= row.start < 10**6
        and row.label in wanted
        and row.split in SPLITS
        for row in rows
    )
    if not whole or not counts.keys() <= known_labels():
        raise ValueError("rows that no csv of VGGSound has")
    return rows, counts


def _parse(text: str, wanted: frozenset[str], path: Path) -> _Table:
    return _parse_plain(text, wanted) or _parse_any(text, wanted, path)


def _parse_plain(text: str, wanted: frozenset[str]) -> _Table | None:
    """Return what `_parse_any` does, in half its time, of a csv in which labels alone have quotes.

    There are few labels, so few ends of lines differ. None for any other csv, for one without
    rows, with an empty or faulty line, and for a clip with two meanings.
    """
    lines = text.removesuffix("\n").split("\n")
    if '"' not in lines[0] and _is_header(lines[0].split(",")):
        del lines[0]
    ends = _PLAIN_ROW.findall(text)
    if not ends or len(ends) != len(lines):
        return None
    label_counts: Counter[str] = Counter()
    in_use: dict[str, tuple[str, str]] = {}
    for end, count in Counter(ends).items():
        named = _label_and_split(end)
        if named is None:
            return None
        label_counts[named[0]] += count
        if named[0] in wanted:
            in_use[end] = named
    clips: dict[str, ClipRow] = {}
    for line, end in zip(lines, ends, strict=True):
        if end in in_use:
            youtube_id, start, _ = line.split(",", 2)
            clip = ClipRow(youtube_id, int(start), *in_use[end])
            if clips.setdefault(clip.clip_id, clip) != clip:
                return None
    return [clips[clip_id] for clip_id in sorted(clips)], label_counts


def _label_and_split(end: str) -> tuple[str, str] | None:
    """Return what the last two columns of a line say, None if it is not what they may say."""
    try:
        ((label, split),) = csv.reader([end], skipinitialspace=True, strict=True)
    except (ValueError, csv.Error):
        return None
    return (label, split) if label in known_labels() and split in SPLITS else None


def _parse_any(text: str, wanted: frozenset[str], path: Path) -> _Table:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    named: list[str] = []
    clips: dict[str, ClipRow] = {}
    try:
        for youtube_id, start, label, split in _whole_rows(reader):
            named.append(label)
            if label in wanted:
                clip = ClipRow(youtube_id, int(float(start)), label, split)
                clip_id = clip.clip_id
                if clips.setdefault(clip_id, clip) != clip:
                    raise _FaultError(
                        f"clip {clip_id} stands there twice with different labels or splits: "
                        "expected one row a clip"
                    )
    except (_FaultError, csv.Error) as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None
    if not named:
        raise InputError(f"{path}: no row in it: expected YouTube id, start second, label, split")
    return [clips[clip_id] for clip_id in sorted(clips)], Counter(named)


def _whole_rows(reader: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yield the rows that are not empty; raise _FaultError at one that is no row of VGGSound's."""
    labels = known_labels()
    is_youtube_id, is_start = YOUTUBE_ID.fullmatch, START_SECOND.fullmatch
    for place, fields in enumerate(reader):
        if (
            len(fields) == 4
            and is_youtube_id(fields[0])
            and is_start(fields[1])
            and fields[2] in labels
            and fields[3] in SPLITS
        ):
            yield fields
        elif fields and not (place == 0 and _is_header(fields)):
            raise _FaultError(_fault(fields, labels))


def _is_header(fields: list[str]) -> bool:
    """Tell whether a first row names the columns, as re-hosts do."""
    return len(fields) == 4 and not START_SECOND.fullmatch(fields[1]) and fields[3] not in SPLITS


def _fault(fields: list[str], labels: frozenset[str]) -> str:
    """Return what is wrong with a row that is not whole."""
    if len(fields) != 4:
        return f"{len(fields)} columns, expected 4: YouTube id, start second, label, split"
    youtube_id, start, label, split = fields
    if not YOUTUBE_ID.fullmatch(youtube_id):
        return f"{youtube_id!r} is no YouTube id: expected 11 letters, digits, '-' or '_'"
    if not START_SECOND.fullmatch(start):
        return f"start {start!r} is no whole second: expected 0 to 999999"
    if label not in labels:
        return f"unknown label {label!r}: expected one of VGGSound's 309 labels"
    return f"split {split!r}, expected train or test"
