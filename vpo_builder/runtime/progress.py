"""Progress of long work: a bar on a terminal, a few plain lines elsewhere, both on stderr."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

_PLAIN_STEPS = 4


def progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Yield `items` while telling how many of `total` have passed."""
    if total and sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=label, unit="", dynamic_ncols=True)
        return
    marks = {-(-total * step // _PLAIN_STEPS) for step in range(1, _PLAIN_STEPS + 1)}
    for number, item in enumerate(items, start=1):
        yield item
        if number in marks:
            print(f"{label}: {number}/{total}", file=sys.stderr, flush=True)
