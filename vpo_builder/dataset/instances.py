"""`instances.jsonl`: the outline of every sounding object of MSMI, and of its silent twins.

A mask file merges the objects of a class, and of two that overlap it shows the smaller. Here each
keeps all of its pixels, as COCO's annotation draws them. A twin is an object of a class that sounds
in the same picture: nothing but the side of the sound tells which of the two is heard.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from vpo_builder.dataset.manifest import decode_lines
from vpo_builder.runtime.errors import InputError

INSTANCES = "instances.jsonl"
_FIRST, _UNITS = ord("0"), 64
_LONGEST_NUMBER = 40  # bits: more than the pixels of any picture need


@dataclass(frozen=True, slots=True)
class Instance:
    """The outline of one source of a sample, or of an object that is `silent`: its class.

    `counts` is COCO's compressed run-length code, of the sample's height and width.
    """

    sample_id: str
    ann_id: int
    counts: str
    silent: str | UnsetType = UNSET


def decode_instances(data: bytes) -> dict[tuple[str, int], str]:
    """Return (sample id, annotation id) -> run-length code of the sources in `instances.jsonl`.

    Raises InputError for a line that is none and for an annotation that comes twice; whether a code
    fits its picture is not checked.
    """
    rows = _rows(data)
    return {(row.sample_id, row.ann_id): row.counts for row in rows if row.silent is UNSET}


def decode_silent(data: bytes) -> dict[str, tuple[Instance, ...]]:
    """Return the silent twins in `instances.jsonl` by sample id; raises as `decode_instances`.

    Datasets of earlier versions name none.
    """
    found: dict[str, tuple[Instance, ...]] = {}
    for row in _rows(data):
        if row.silent is not UNSET:
            found[row.sample_id] = (*found.get(row.sample_id, ()), row)
    return found


def draw_outline(counts: str, height: int, width: int) -> NDArray[np.bool_]:
    """Return the pixels [height, width] of COCO's compressed run-length code.

    Run lengths, of background first, go down the columns; each is written in units of 5 bits, the
    lowest first, and from the fourth on less the one before the last. Raises ValueError for
    anything that does not fill the picture, or no object.
    """
    runs = _filling(counts, height, width)
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(pixels.reshape(width, height).T)


def pan_of(counts: str, height: int, width: int) -> float:
    """Return the centre of an outline's columns over the width, six decimals; raises the same."""
    ends = np.cumsum(_filling(counts, height, width))
    starts, ends = ends[:-1:2], ends[1::2]
    drawn = ends > starts
    first, last = int(starts[drawn][0]) // height, int(ends[drawn][-1] - 1) // height
    return round((first + last + 1) / 2 / width, 6)


def _rows(data: bytes) -> tuple[Instance, ...]:
    rows = decode_lines(data, Instance, INSTANCES)
    times = Counter((row.sample_id, row.ann_id) for row in rows)
    for (sample_id, ann_id), count in times.items():
        if count > 1:
            raise InputError(
                f"{INSTANCES}, annotation {ann_id} of sample {sample_id[:80]!r}: {count} outlines, "
                "expected one: build the dataset again"
            )
    return rows


def _filling(counts: str, height: int, width: int) -> list[int]:
    """Return the run lengths of an object in a picture; raise ValueError for any other."""
    runs = _runs(counts)
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise ValueError(f"run lengths do not fill {width}x{height} pixels")
    if not any(runs[1::2]):
        raise ValueError("no pixel")
    return runs


def _runs(counts: str) -> list[int]:
    runs: list[int] = []
    number = bits = 0
    for unit in (ord(sign) - _FIRST for sign in counts):
        if not 0 <= unit < _UNITS or bits > _LONGEST_NUMBER:
            raise ValueError("no run-length code")
        number |= (unit & 31) << bits
        bits += 5
        if unit & 32:  # another unit of the same number follows
            continue
        if unit & 16:
            number -= 1 << bits
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = bits = 0
    if bits:
        raise ValueError("a run-length code that is cut short")
    return runs
