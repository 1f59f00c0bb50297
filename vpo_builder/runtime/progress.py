"""Progress of long work: a bar on a terminal, a few plain lines elsewhere, both on stderr."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from vpo_builder.runtime.outside_text import one_line, say

T = TypeVar("T")

_PLAIN_STEPS = 4


def progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Yield `items` while telling how many of `total` have passed."""
    if total and sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=one_line(label), unit="", dynamic_ncols=True)
        return
    marks = {-(-total * step // _PLAIN_STEPS) for step in range(1, _PLAIN_STEPS + 1)}
    for number, item in enumerate(items, start=1):
        yield item
        if number in marks:
            say(f"{label}: {number}/{total}", err=True)
