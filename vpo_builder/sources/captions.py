"""Reads COCO 2017's captions (`annotations/captions_{train,val}2017.json`)."""

from collections import defaultdict
from pathlib import Path

import msgspec

from vpo_builder.sources.coco import read_json


class _Caption(msgspec.Struct, frozen=True, gc=False):
    id: int
    image_id: int
    caption: str


class _Captions(msgspec.Struct, frozen=True):
    annotations: list[_Caption]


def read_captions(folder: Path, part: str) -> tuple[dict[int, tuple[str, ...]], str]:
    """Return each image's captions in the order of their ids, and the file's sha256."""
    captions, sha256 = read_json(folder / "annotations" / f"captions_{part}.json", _Captions)
    by_image: dict[int, list[str]] = defaultdict(list)
    for row in sorted(captions.annotations, key=lambda row: row.id):
        by_image[row.image_id].append(row.caption)
    return {image_id: tuple(texts) for image_id, texts in by_image.items()}, sha256
