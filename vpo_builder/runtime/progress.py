"""Progress of long work, on stderr: a bar on a terminal, a few plain lines elsewhere.

Work of a few seconds passes in silence where there is no terminal.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from vpo_builder.runtime.outside_text import one_line, say

T = TypeVar("T")

BAR_AFTER_SECONDS = 0.3
"""What ends sooner needs no bar."""
LINE_AFTER_SECONDS = 10.0
"""Two lines lie so far apart at least."""
LINES = 20
"""So many are enough to follow any work, unless one takes longer than `LINE_WITHIN_SECONDS`."""
LINE_WITHIN_SECONDS = 60.0


def progress(items: Iterable[T], total: int | None, label: str) -> Iterator[T]:
    """Yield `items` while telling how many of `total` (None: unknown) have passed."""
    if total != 0 and sys.stderr.isatty():
        yield from tqdm(
            items,
            total=total,
            desc=one_line(label),
            unit="",
            leave=None,  # unless it stands below another
            dynamic_ncols=True,
            delay=BAR_AFTER_SECONDS,
        )
        return
    begun = told_at = time.monotonic()
    number = told = 0
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        much = total is not None and number - told >= total / LINES
        if now - told_at >= (LINE_AFTER_SECONDS if much else LINE_WITHIN_SECONDS):
            say(f"{label}: {_so_far(number, total, now - begun)}", err=True)
            told, told_at = number, now
    if 0 < told < number:
        say(f"{label}: {_so_far(number, number, time.monotonic() - begun)}", err=True)


def say_beside(text: str) -> None:
    """Print a line on stderr while progress is shown: a bar makes room for it."""
    tqdm.write(one_line(text), file=sys.stderr)


def _so_far(number: int, total: int | None, seconds: float) -> str:
    """Return what is done of all, and in what time, or how long the rest will take."""
    if total is None or number >= total:
        return f"{number}, {tqdm.format_interval(seconds)}"
    left = tqdm.format_interval(seconds / number * (total - number))
    return f"{number}/{total}, {left} left"
