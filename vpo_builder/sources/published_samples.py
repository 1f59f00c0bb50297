"""What the readers of published copies of VPO return: samples as they are listed.

Nothing of the copy but its lists has been opened yet: that the files are there, and are what the
list says, is for the import to see.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vpo_builder.dataset.schema import Subset
from vpo_builder.dataset.untrusted import LARGEST_ID
from vpo_builder.records import Reason, Rejection
from vpo_builder.sources.selecting import read_text

WHOLE = re.compile(r"([0-9]{1,18})(?:\.0+)?", re.ASCII)
"""A whole number; pandas writes one as 12.0 where a column has gaps."""


@dataclass(frozen=True, slots=True)
class ListedSource:
    """A sounding object as listed; `pan` is None where the list says no place."""

    category: str
    ann_id: int
    clip_id: str
    pan: float | None


@dataclass(frozen=True, slots=True)
class ListedSample:
    """A sample as listed, with the lines of the list that tell of it.

    `shared` tells that MSMI reads its picture from MS. `name` is the copy's own, where that is
    none of COCO's numbers. In DDESeg's layout a sample has its sound as mixes, mono and stereo.
    """

    image_id: int
    subset: Subset
    image: Path
    mask: Path
    sources: tuple[ListedSource, ...]
    lines: tuple[int, ...]
    shared: bool = False
    name: str = ""
    mixes: tuple[Path, Path] | None = None


@dataclass(frozen=True)
class PublishedList:
    """A list that was read: its samples, the rows that make none, and where its recordings are.

    `recordings` maps clip ids to wavs; `mask_values` maps what the copy's masks hold to what ours
    do, 0 left out.
    """

    path: Path
    sha256: str
    samples: tuple[ListedSample, ...]
    rejections: tuple[Rejection, ...]
    lines: int
    mask_values: Mapping[int, int]
    recordings: Mapping[str, Path] = field(default_factory=dict)


def read_list(path: Path) -> tuple[str, str]:
    """Return a list's text and its sha256; raise InputError naming it."""
    return read_text(path, "expected a list of VPO")


def whole_number(text: str, name: str) -> int:
    """Return an id of at most twelve digits; raise ValueError saying what it is not."""
    found = WHOLE.fullmatch(text.strip(" []"))
    if found is None or int(found.group(1)) > LARGEST_ID:
        raise ValueError(f"{name} {text!r} is no id of at most twelve digits")
    return int(found.group(1))


def subset_of(text: str) -> Subset:
    """Return the subset that a published reader takes a row for: it calls val test, too."""
    if text == "train":
        return "train"
    if text in ("test", "val"):
        return "test"
    raise ValueError(f"split {text!r}: expected train or test")


def one_of_each(
    rows: Mapping[int, tuple[Subset, object, object]],
) -> Iterator[Rejection]:
    """Yield a rejection for each line that repeats a record, or moves its sample.

    `rows` maps each line to its subset, its sample's key and its record's key.
    """
    seen: set[tuple[object, object]] = set()
    subsets: dict[object, Subset] = {}
    for line, (subset, sample, record) in rows.items():
        if subsets.setdefault(sample, subset) != subset:
            yield row_rejection(line, Reason.ROW_IN_TWO_SUBSETS)
        elif (sample, record) in seen:
            yield row_rejection(line, Reason.ROW_TWICE)
        seen.add((sample, record))


def row_rejection(line: int, reason: Reason, detail: str = "") -> Rejection:
    """Return the rejection of a line of a list."""
    return Rejection("row", str(line), reason, detail)
