"""Pieces of work done by a thread, each while the next one is being made."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
Piece = Callable[[], Result]

HELD = 2
"""Pieces held at once: one is being done and one is being made, or waits."""


def done_beside(pieces: Iterable[Piece[Result]]) -> Generator[Result]:
    """Yield what each piece of work returns, in order.

    One thread does them, so they may share what they count. An error comes out where it would if
    each were done before the next is made: that of a piece goes before those of what came after.
    """
    coming, waiting = iter(pieces), deque[Future[Result]]()
    thread = ThreadPoolExecutor(1)
    try:
        while (piece := _made(coming, waiting)) is not None:
            waiting.append(thread.submit(piece))
            if len(waiting) == HELD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        thread.shutdown(cancel_futures=True)


def _made(
    coming: Iterator[Piece[Result]], waiting: Iterable[Future[Result]]
) -> Piece[Result] | None:
    """Return the next piece, None after the last; of two errors raise the earlier one's."""
    try:
        return next(coming, None)
    except Exception:
        for earlier in waiting:
            earlier.result()
        raise
