"""Reads a csv of one's own recordings: file, label, licence, page, group, one row a label."""

import csv
import hashlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from msgspec import structs

from vpo_builder.dataset.clip_ids import safe_clip_id
from vpo_builder.dataset.sound_credits import LONGEST_TEXT, SoundCredit, credit_faults
from vpo_builder.records import SoundRow
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.sources.files_below import spellings
from vpo_builder.sources.licence_names import licence_of
from vpo_builder.sources.recordings import SUFFIXES
from vpo_builder.sources.selecting import Listed, SoundList

NEEDED = ("file", "label", "licence", "page", "group")
OPTIONAL = ("start", "id", "author", "split")
SPLITS = ("train", "test", "")
LONGEST_PATH = 1000
LATEST_START = 10**6
"""Seconds: eleven days into a recording."""


class _FaultError(ValueError):
    """What is wrong with a row."""


def is_sound_list(header: str) -> bool:
    """Tell by its first line whether a file is such a csv."""
    names = _names(next(csv.reader([header]), []))
    return "file" in names and "label" in names


def read_sound_list(path: Path) -> SoundList:
    """Return what a csv of one's own lists.

    A clip may have several rows, one a label. Raises InputError naming file and line for a missing
    column, a name that is no path below the csv's folder, text that does not print, a clip whose
    rows differ otherwise, and two clips or files that would become one.
    """
    try:
        data = read_regular(path)
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text: expected a csv of recordings") from None
    clips: dict[str, Listed] = {}
    groups: dict[str, str] = {}
    try:
        for item in _items(reader, path):
            clip_id, held = item.row.clip_id, clips.get(item.row.clip_id)
            if groups.setdefault(item.file, item.row.group) != item.row.group:
                raise _FaultError(f"file {item.file!r} stands in two groups: expected one")
            clips[clip_id] = item if held is None else _united(held, item)
    except (_FaultError, csv.Error) as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None
    if not clips:
        raise InputError(f"{path}: no row below its header")
    ordered = tuple(clips[clip_id] for clip_id in sorted(clips))
    return SoundList(path, ordered, {path.name: hashlib.sha256(data).hexdigest()})


def _items(reader: Iterator[list[str]], path: Path) -> Iterator[Listed]:
    names = _names(next(reader, []))
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise _FaultError(
            f"no column {', '.join(missing)}: expected a header with {', '.join(NEEDED)}, and if "
            f"you like {', '.join(OPTIONAL)}"
        )
    for cells in reader:
        if cells and any(cells):
            if len(cells) != len(names):
                raise _FaultError(f"{len(cells)} columns, the header has {len(names)}")
            yield _item({n: c.strip() for n, c in zip(names, cells, strict=True)}, path)


def _names(cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    return ["licence" if name == "license" else name for name in names]


def _item(row: Mapping[str, str], path: Path) -> Listed:
    file, label = _checked_file(row["file"]), row["label"]
    if not label or not label.isprintable() or len(label) > LONGEST_TEXT:
        raise _FaultError(f"label {label[:80]!r}: expected a short name that prints")
    split, begins = row.get("split", ""), _start(row.get("start", ""))
    if split not in SPLITS:
        raise _FaultError(f"split {split[:80]!r}: expected train, test or nothing")
    clip_id = row.get("id", "") or _derived_id(file, begins, given=bool(row.get("start", "")))
    licence = licence_of(row["licence"])
    credit = SoundCredit(
        clip_id=clip_id,
        group=row["group"] or file,
        source=path.name,
        licence=licence.name,
        licence_url=licence.url,
        author=row.get("author", ""),
        page=row["page"],
    )
    for fault in credit_faults(credit):
        raise _FaultError(fault)
    places = [path.parent / name for name in spellings(file)]
    found = next((place for place in places[1:] if place.is_file()), places[0])
    return Listed(SoundRow(clip_id, credit.group, (label,), split, begins), file, found, credit)


def _checked_file(text: str) -> str:
    """Return the path of a file below the csv's folder; raise _FaultError for another."""
    pure = PurePosixPath(text)
    inside = not pure.is_absolute() and ".." not in pure.parts and "\\" not in text
    if not (pure.name and inside and text.isprintable() and len(text) <= LONGEST_PATH):
        raise _FaultError(
            f"file {text[:80]!r}: expected a path below the csv's folder, with / between folders"
        )
    if pure.suffix.lower() not in SUFFIXES:
        raise _FaultError(f"file {text[:80]!r}: expected one with {', '.join(SUFFIXES)}")
    return str(pure)


def _start(text: str) -> float:
    try:
        start = float(text or 0)
    except ValueError:
        start = math.nan
    if not 0 <= start <= LATEST_START:
        raise _FaultError(f"start {text[:80]!r}: expected seconds, 0 to {LATEST_START}")
    return round(start, 3)


def _derived_id(file: str, begins: float, *, given: bool) -> str:
    """Return a clip's id by its file, with the second at which it begins where that is given."""
    whole, thousandths = divmod(round(1000 * begins), 1000)
    tail = f"_{whole:06d}" + f".{thousandths:03d}" * bool(thousandths)
    name = "_".join(PurePosixPath(file).with_suffix("").parts)
    return safe_clip_id(name, tail * given)


def _united(held: Listed, item: Listed) -> Listed:
    """Return a clip with the label of one more row; raise _FaultError if all else is not alike."""
    labels = tuple(sorted({*held.row.labels, *item.row.labels}))
    held, item = (replace(x, row=structs.replace(x.row, labels=labels)) for x in (held, item))
    if held != item:
        raise _FaultError(
            f"clip {item.row.clip_id} stands there twice with another file, start, split, licence, "
            "page, author or group: give each clip an id of its own"
        )
    return item
