"""Reads lists of published samples by COCO's ids: of a picture, and of the object that sounds.

SSLalignment's json names them `<image id:012d>_<annotation id>`, the authors' csv has a column for
each, and a manifest of ours has both.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vpo_builder.dataset.manifest import MANIFEST, read_manifest
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.sources.published_samples import read_list, whole_number

NAME = re.compile(r"([0-9]{12})_([0-9]{1,12})(?:\.[A-Za-z0-9]+)?", re.ASCII)
COLUMNS = ("img_Id", "ann_Ids")
EXPECTED = (
    "expected a json of <image id>_<annotation id> names, the authors' csv, or the manifest.jsonl "
    "of a dataset"
)


@dataclass(frozen=True, order=True, slots=True)
class PublishedId:
    """A published sample's picture and one object that sounds in it, by COCO's ids."""

    image_id: int
    ann_id: int


@dataclass(frozen=True)
class PublishedIds:
    """What a list names, sorted and once each, and the list's sha256."""

    path: Path
    objects: tuple[PublishedId, ...]
    sha256: str

    @property
    def image_ids(self) -> frozenset[int]:
        """The pictures."""
        return frozenset(found.image_id for found in self.objects)


def read_published_ids(path: Path) -> PublishedIds:
    """Return what a list names; raise InputError for one of another form or without any name."""
    if path.is_dir() or path.name == MANIFEST:
        manifest = read_manifest(path if path.is_dir() else path.parent)
        found = {
            PublishedId(sample.image_id, source.ann_id)
            for sample in manifest.samples
            for source in sample.sources
        }
        return PublishedIds(path, tuple(sorted(found)), manifest.meta.manifest_sha256)
    text, sha256 = read_list(path)
    found = set(_of_csv(text, path) if path.suffix.lower() == ".csv" else _of_json(text, path))
    if not found:
        raise InputError(f"{path}: names no sample: {EXPECTED}")
    return PublishedIds(path, tuple(sorted(found)), sha256)


def _of_csv(text: str, path: Path) -> Iterator[PublishedId]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if set(COLUMNS) - set(reader.fieldnames or ()):
            raise InputError(f"{path}: no columns {' and '.join(COLUMNS)}: {EXPECTED}")
        for row in reader:
            yield PublishedId(*(whole_number(row[name] or "", name) for name in COLUMNS))
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}: {EXPECTED}") from None


def _of_json(text: str, path: Path) -> Iterator[PublishedId]:
    try:
        tree = msgspec.json.decode(text)
    except BAD_JSON as error:
        raise InputError(f"{path}: not json: {error}: {EXPECTED}") from None
    for name in _texts(tree):
        found = NAME.fullmatch(name.rpartition("/")[2])
        if found:
            yield PublishedId(int(found.group(1)), int(found.group(2)))


def _texts(tree: Any) -> Iterator[str]:
    """Yield every string of a json, keys included: its boxes hang on names at any depth."""
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
