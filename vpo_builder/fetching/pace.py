"""When to ask a source for something: not too often, later after a failure, or no more."""

import hashlib
import time

from vpo_builder.fetching.fetch_errors import FetchError
from vpo_builder.fetching.settings import RetrySettings

SECONDS_AN_HOUR = 3600.0


class Pace:
    """Spreads starts evenly over an hour, and pauses a source that asks for it."""

    def __init__(self, per_hour: float) -> None:
        self._gap = SECONDS_AN_HOUR / per_hour if per_hour else 0.0
        self._next = time.monotonic()

    def wait(self) -> float:
        """Return the seconds until the next start is due."""
        return max(0.0, self._next - time.monotonic())

    def started(self) -> None:
        """Count a start."""
        self._next = max(self._next, time.monotonic()) + self._gap

    def pause(self, seconds: float) -> None:
        """Let nothing start for so long."""
        self._next = max(self._next, time.monotonic() + seconds)


class Breaker:
    """Opens after a run of different records refused as too many requests or as from a bot."""

    def __init__(self, run: int) -> None:
        self._run = run
        self.refused: dict[str, FetchError] = {}

    @property
    def open(self) -> bool:
        """Whether the source is to be left alone."""
        return len(self.refused) >= self._run

    def note(self, record: str, error: FetchError | None) -> None:
        """Take notice of an attempt's end. A source that answers at all ends the run."""
        if self.open:
            return
        if error is None or error.reason.permanent:
            self.refused.clear()
        elif error.reason.blocks:
            self.refused[record] = error


def seconds_to_wait(
    record: str, attempt: int, error: FetchError, settings: RetrySettings
) -> float | None:
    """Return how long to wait before the next attempt, None for not in this run.

    Attempts count from 1. The wait doubles, is drawn between half and all of that by a hash of
    the record, and is never shorter than the server asked for.
    """
    if error.reason.permanent or attempt >= settings.attempts:
        return None
    longest = settings.longest_wait_seconds
    asked = error.retry_after or 0.0
    if asked > longest:
        return None
    backoff = min(longest, settings.backoff_seconds * 2.0 ** (attempt - 1))
    digest = hashlib.blake2b(f"{record} {attempt}".encode(), digest_size=4).digest()
    jitter = int.from_bytes(digest, "little") / 2**32
    return max(asked, backoff * (0.5 + 0.5 * jitter))
