"""Finds photographs of different subsets that look alike, by a difference hash of 128 bits.

Measured on 239 photographs of COCO: the closest different pair is 30 bits apart; copies at half
the size or JPEG quality 50 are 1 bit apart in the median and 14 at the most; 1.5 % cut from each
side gives 20 at the most. Plain skies come closer, so a close pair is for a person to judge.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from vpo_builder.dataset.media_files import load
from vpo_builder.dataset.picture_hash import Hashes, picture_hash
from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.runtime.threads import in_threads

NO_HASHES: Mapping[Path, Hashes] = MappingProxyType({})
BATCH = 16
"""Files a thread takes at once: few enough to balance, enough to hide the hand-over."""
MAX_BITS = 20
"""Pairs this far apart or closer are candidates."""

PAIRS_AT_ONCE = 1 << 18  # 2 MB of differences: they stay in a core's cache


@dataclass(frozen=True, slots=True)
class Photograph:
    """An image file, the id of the photograph in it, and the subset it is used in."""

    image_id: int
    subset: Subset
    path: Path


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two photographs whose hashes are `bits` apart; `first` is of the earlier subset.

    Subsets are ordered train, val, test, so that dropping every `first` keeps the test set whole.
    """

    bits: int
    first: Photograph
    second: Photograph


def likenesses(
    photographs: Sequence[Photograph],
    workers: int | None,
    max_bits: int = MAX_BITS,
    known: Mapping[Path, Hashes] = NO_HASHES,
) -> list[Likeness]:
    """Return the pairs of different photographs in different subsets that look alike.

    One pair for each two ids, in the order given. Every file whose hash is not `known` is decoded
    once, in `workers` threads.
    """
    unknown = list(dict.fromkeys(p.path for p in photographs if p.path not in known))
    hashed = in_threads(hash_file, unknown, workers, "audit: photographs", BATCH)
    hashes = {**known, **dict(zip(unknown, hashed, strict=True))}
    table = np.array([hashes[p.path] for p in photographs], np.uint64).reshape(-1, 2)
    found: dict[tuple[int, int], Likeness] = {}
    for early, late in combinations(SUBSETS, 2):
        first = [n for n, photograph in enumerate(photographs) if photograph.subset == early]
        second = [n for n, photograph in enumerate(photographs) if photograph.subset == late]
        for here, there, bits in close_pairs(table[first], table[second], max_bits):
            pair = Likeness(bits, photographs[first[here]], photographs[second[there]])
            if pair.first.image_id != pair.second.image_id:
                found.setdefault((pair.first.image_id, pair.second.image_id), pair)
    return list(found.values())


def hash_file(path: Path) -> Hashes:
    """Return the difference hash of an image file."""
    return load(path, picture_hash)


def pixel_digest(path: Path) -> str:
    """Return the sha256 of an image's size and RGB pixels, whatever the file around them."""
    pixels = load(path, lambda data: Image.open(io.BytesIO(data)).convert("RGB"))
    return hashlib.sha256(f"{pixels.size}".encode() + pixels.tobytes()).hexdigest()


def close_pairs(
    first: Hashes, second: Hashes, max_bits: int = MAX_BITS
) -> Iterator[tuple[int, int, int]]:
    """Yield (index in first, index in second, bits apart) for hashes [N, 2] and [M, 2].

    Exhaustive and in the order of the indices. It goes by blocks of PAIRS_AT_ONCE, and only pairs
    close in their first half are counted in the second: 108,000 × 12,000 take about 4 s on a core.
    """
    if not len(second):
        return
    step = max(1, PAIRS_AT_ONCE // len(second))
    rows, columns = second[:, 0], second[:, 1]
    for start in range(0, len(first), step):
        block = first[start : start + step]
        near = np.bitwise_count(block[:, 0, None] ^ rows)
        here, there = np.nonzero(near <= max_bits)
        bits = near[here, there] + np.bitwise_count(block[here, 1] ^ columns[there])
        for place in np.flatnonzero(bits <= max_bits):
            yield start + int(here[place]), int(there[place]), int(bits[place])
