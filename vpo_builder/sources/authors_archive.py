"""Reads the authors' own VPO: its csv of one row a sound, its pictures, masks and recordings."""

import csv
import io
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.clip_ids import is_clip_id
from vpo_builder.dataset.places import vpo_files
from vpo_builder.dataset.schema import SPLIT_NAMES, ClassRow, Split, Subset
from vpo_builder.records import Reason, Rejection
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.published_samples import (
    ListedSample,
    ListedSource,
    PublishedList,
    one_of_each,
    read_list,
    row_rejection,
    subset_of,
    whole_number,
)

NEEDED = ("img_Id", "ann_Ids", "cateName", "vgg_file", "split")
"""Columns without which a row says nothing; a mono list may lack the others."""
PAN_DIGITS = 6  # as every pan of a manifest


@dataclass(frozen=True)
class _Row:
    """A row that can be used; `shared` tells that MSMI reads the picture from MS."""

    line: int
    image_id: int
    subset: Subset
    source: ListedSource
    shared: bool


def read_authors_list(
    path: Path, split: Split, classes: Sequence[ClassRow], recordings: Mapping[str, Path]
) -> PublishedList:
    """Return what the csv of a split lists; `classes` are those whose names and values it uses.

    A row that names no class, no clip or no id is counted, not fatal. Raises InputError for a csv
    without the needed columns, and where no folder of pictures lies beside it.
    """
    text, sha256 = read_list(path)
    reader = _reader(text, path)
    rows, rejections = _read_rows(reader, split, classes, path)
    keys = {
        row.line: (row.subset, _sample_key(row, split), (row.image_id, row.source.ann_id))
        for row in rows
    }
    rejections += one_of_each(keys)
    dropped = {rejection.record for rejection in rejections}
    groups: dict[object, list[_Row]] = defaultdict(list)
    for row in rows:
        if str(row.line) not in dropped:
            groups[_sample_key(row, split)].append(row)
    root = _media_root(path, split)
    samples = tuple(_sample(group, split, root) for group in groups.values())
    values = {row.mask_value: row.mask_value for row in classes if row.mask_value}
    lines = len(rows) + sum(item.reason is Reason.ROW_UNUSABLE for item in rejections)
    return PublishedList(path, sha256, samples, tuple(rejections), lines, values, recordings)


def find_recordings(folders: Iterable[Path]) -> dict[str, Path]:
    """Return each clip's wav below some folders, by the clip's id; the first folder goes first."""
    found: dict[str, Path] = {}
    for folder in folders:
        for parent, below, names in os.walk(folder):
            below.sort()
            for name in names:
                stem, _, ending = name.rpartition(".")
                if ending.lower() == "wav" and is_clip_id(stem):
                    found.setdefault(stem, Path(parent, name))
    return found


def _reader(text: str, path: Path) -> "csv.DictReader[str]":
    """Return a reader of the list's rows; raise InputError if a needed column is missing."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    except csv.Error as error:
        raise _not_a_csv(path, reader, error) from None
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}: expected the authors' csv with "
            f"{', '.join(NEEDED)}, cateId, audio_pos, multi_instance"
        )
    return reader


def _not_a_csv(path: Path, reader: "csv.DictReader[str]", error: csv.Error) -> InputError:
    where = f"{path}, line {reader.reader.line_num}"
    return InputError(f"{where}: not a csv: {error}: get the list again")


def _read_rows(
    reader: "csv.DictReader[str]", split: Split, classes: Sequence[ClassRow], path: Path
) -> tuple[list[_Row], list[Rejection]]:
    names = {row.name: row for row in classes if row.mask_value}
    rows: list[_Row] = []
    rejections: list[Rejection] = []
    try:
        for fields in reader:
            try:
                rows.append(_row(fields, reader.line_num, split, names))
            except ValueError as error:
                rejections.append(
                    row_rejection(reader.line_num, Reason.ROW_UNUSABLE, str(error)[:200])
                )
    except csv.Error as error:
        raise _not_a_csv(path, reader, error) from None
    return rows, rejections


def _row(
    fields: Mapping[str, str | None], line: int, split: Split, names: Mapping[str, ClassRow]
) -> _Row:
    """Return a row's record; raise ValueError saying what is wrong with it."""
    text = {name: value or "" for name, value in fields.items() if isinstance(name, str)}
    category, value = text["cateName"].strip(), text.get("cateId", "").strip()
    if category not in names:
        raise ValueError(f"cateName {category!r} is none of VPO's classes")
    expected = names[category].mask_value
    if value and whole_number(value, "cateId") != expected:
        raise ValueError(f"cateId {value} is not {category}'s, {expected}")
    clip_id = text["vgg_file"].strip().removesuffix(".wav").rpartition("/")[2]
    if not is_clip_id(clip_id):
        raise ValueError(f"vgg_file {clip_id!r} is no name of a clip")
    image_id, ann_id = (whole_number(text[name], name) for name in ("img_Id", "ann_Ids"))
    shared = split == "msmi" and text.get("multi_instance", "").strip() in ("0", "0.0", "False")
    source = ListedSource(category, ann_id, clip_id, _pan(text.get("audio_pos", "")))
    return _Row(line, image_id, subset_of(text["split"].strip()), source, shared)


def _pan(text: str) -> float | None:
    """Return the place of a sound between left, 0, and right, 1; None where none is given."""
    if not text.strip():
        return None
    pan = float(text.strip(" []"))
    if not (math.isfinite(pan) and 0 <= pan <= 1):
        raise ValueError(f"audio_pos {text} is outside [0, 1]")
    return round(pan, PAN_DIGITS)


def _sample_key(row: _Row, split: Split) -> object:
    """Return what the rows of a sample share: in SS each object has a sample of its own."""
    return (row.image_id, row.source.ann_id) if split == "ss" else row.image_id


def _sample(rows: Sequence[_Row], split: Split, root: Path) -> ListedSample:
    first = rows[0]
    files = vpo_files(split, first.image_id, first.source.category, first.source.ann_id)
    home = root.parent / SPLIT_NAMES["ms"] if first.shared else root
    return ListedSample(
        first.image_id,
        first.subset,
        home / files.image,
        home / files.mask,
        tuple(row.source for row in rows),
        tuple(row.line for row in rows),
        first.shared,
    )


def _media_root(path: Path, split: Split) -> Path:
    """Return the folder that holds a list's `data` and `mask`."""
    name = SPLIT_NAMES[split]
    places = (path.parent, path.parent / name, path.parent / "VPO" / name)
    for place in places:
        if (place / "data").is_dir() or (place / "mask").is_dir():
            return place
    raise InputError(
        f"{path}: no pictures: expected data/ and mask/ beside it, or below {name}/ there"
    )
