"""Reads VPO in the layout of DDESeg's re-host, which EASE reads too: `vpo_data_clean.csv`.

A row is a sample: its uid, picture, mask, the classes that sound, its subset and its split. Its
sound is there mixed, mono and stereo, so that which recordings it was made of is not known.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vpo_builder.dataset.media_files import MASK_MODES, UNDECODABLE
from vpo_builder.dataset.schema import IGNORE, SPLIT_NAMES, SPLITS, SUBSETS, ClassRow, Split, Subset
from vpo_builder.records import Reason, Rejection
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import open_regular
from vpo_builder.runtime.stateless_hash import text_key
from vpo_builder.sources.published_samples import (
    ListedSample,
    ListedSource,
    PublishedList,
    one_of_each,
    read_list,
    row_rejection,
)

Row = tuple[int, list[str]]
COLUMNS = 6  # uid, picture, mask, classes, split, type: both published readers go by their places
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}", re.ASCII)
COCO_UID = re.compile(r"([0-9]{12})(?:_([0-9]{1,12}))?", re.ASCII)
LOOKED_AT = 100
"""Masks that tell whether they hold class numbers or COCO's ids."""


def clean_splits(path: Path) -> list[Split]:
    """Return the splits of which a list has rows."""
    types = {fields[-1] for _, fields in _rows(path)[0] if len(fields) == COLUMNS}
    return [split for split in SPLITS if SPLIT_NAMES[split] in types]


def read_clean_list(path: Path, split: Split, classes: Sequence[ClassRow]) -> PublishedList:
    """Return what a list says of a split; `classes` are in the order of its class numbers.

    A uid that is no pair of COCO's ids gets an image id by its hash. Rows that cannot be used are
    counted.
    """
    rows, sha256 = _rows(path)
    kind = SPLIT_NAMES[split]
    samples: list[ListedSample] = []
    rejections: list[Rejection] = []
    lines = 0
    for line, fields in rows:
        if len(fields) == COLUMNS and fields[-1] != kind:
            continue
        lines += 1
        try:
            samples.append(_sample(fields, line, split, path.parent, classes))
        except ValueError as error:
            reason = Reason.ROW_UNUSABLE
            rejections.append(row_rejection(line, reason, str(error)[:200]))
    keys = {
        s.lines[0]: (s.subset, (s.image_id, s.sources[0].ann_id if split == "ss" else 0), None)
        for s in samples
    }
    rejections += one_of_each(keys)
    dropped = {rejection.record for rejection in rejections}
    kept = sorted(
        (sample for sample in samples if str(sample.lines[0]) not in dropped),
        key=lambda sample: (sample.image_id, sample.sources[0].ann_id),
    )
    named = tuple(_with_clips(sample, number, split) for number, sample in enumerate(kept))
    values = _mask_values(named[:LOOKED_AT], classes)
    return PublishedList(path, sha256, named, tuple(rejections), lines, values)


def _rows(path: Path) -> tuple[list[Row], str]:
    text, sha256 = read_list(path)
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = [(reader.line_num, fields) for fields in reader if fields]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not a csv: {error}") from None
    return rows[1:], sha256


def _sample(
    fields: Sequence[str], line: int, split: Split, root: Path, classes: Sequence[ClassRow]
) -> ListedSample:
    """Return a row's sample, whose clips have no names yet; raise ValueError for what is wrong."""
    if len(fields) != COLUMNS:
        raise ValueError(f"{len(fields)} columns, expected {COLUMNS}")
    path, picture, mask, numbers, subset, kind = (field.strip() for field in fields)
    uid = path.rpartition("/")[2]
    for name in (uid, picture, mask):
        if not PLAIN_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no plain name of a file")
    sounding = [classes[number].name for number in _class_numbers(numbers, len(classes))]
    found = COCO_UID.fullmatch(uid)
    image_id = int(found.group(1)) if found else text_key(uid) % 10**12
    first = int(found.group(2) or 0) if found else 0
    home = next((p for p in (root / kind / uid, root / uid) if p.is_dir()), root / kind / uid)
    return ListedSample(
        image_id,
        _subset(subset),
        home / "frames" / picture,
        home / "labels_semantic" / mask,
        tuple(
            ListedSource(name, first if split == "ss" else place, "", None)
            for place, name in enumerate(sounding)
        ),
        (line,),
        name="" if found else uid,
        mixes=(home / "mono_audio.wav", home / "stereo_audio.wav"),
    )


def _subset(text: str) -> Subset:
    """Return a row's subset: no reader of this layout takes val for test."""
    for subset in SUBSETS:
        if text == subset:
            return subset
    raise ValueError(f"split {text!r}: expected {', '.join(SUBSETS)}")


def _class_numbers(text: str, classes: int) -> list[int]:
    """Return the numbers of a bracketed list, background left out."""
    numbers = text.strip("[]() ").replace(",", " ").split()
    if not all(re.fullmatch("[0-9]{1,3}", number) for number in numbers):
        raise ValueError(f"category {text!r} is no list of class numbers")
    found = [int(number) for number in numbers if int(number)]
    if not found or max(found) >= classes:
        raise ValueError(f"category {text!r}: expected class numbers from 1 to {classes - 1}")
    return found


def _with_clips(sample: ListedSample, number: int, split: Split) -> ListedSample:
    """Return a sample with names for its clips, which are none of YouTube's: those end otherwise.

    See `documents/attribution.py`, MIXED_CLIP.
    """
    video = f"mix{SPLITS.index(split)}{number:06d}-"
    sources = tuple(
        ListedSource(source.category, source.ann_id, f"{video}_{place:06d}", source.pan)
        for place, source in enumerate(sample.sources)
    )
    return ListedSample(
        sample.image_id,
        sample.subset,
        sample.image,
        sample.mask,
        sources,
        sample.lines,
        name=sample.name,
        mixes=sample.mixes,
    )


def _mask_values(samples: Iterable[ListedSample], classes: Sequence[ClassRow]) -> Mapping[int, int]:
    """Return what the masks hold for each of our values: class numbers, or COCO's ids.

    Both copies are around, and no list says which it is. Each mask votes for the readings by which
    it holds nothing but the classes that sound.
    """
    foreground = [row for row in classes if row.mask_value]
    readings = (
        {row.index: row.mask_value for row in foreground},
        {row.mask_value: row.mask_value for row in foreground},
    )
    votes: Counter[int] = Counter()
    for sample in samples:
        sounding = {source.category for source in sample.sources}
        expected = {row.mask_value for row in foreground if row.name in sounding}
        try:
            with open_regular(sample.mask) as file, Image.open(file) as image:
                if image.mode not in MASK_MODES:
                    continue
                found = set(np.unique(np.array(image)).tolist()) - {0, IGNORE}
        except UNDECODABLE:
            continue
        votes.update(
            place
            for place, values in enumerate(readings)
            if {values.get(value) for value in found} <= expected
        )
    return readings[1] if votes[1] > votes[0] else readings[0]
