"""Fetches many records from one source: several at once, paced, retried, every attempt on record.

The network's threads are few and only wait; what has come is handed on as it comes, and nothing
new is begun until it is asked for, so that no more lies about than can be worked on.
"""

import heapq
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from vpo_builder.fetching.connections import CancelledError
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.fetch_errors import FetchError
from vpo_builder.fetching.http import Receipt
from vpo_builder.fetching.ledger import FETCHED, Attempt, Kind, Ledger
from vpo_builder.fetching.pace import Breaker, Pace, seconds_to_wait
from vpo_builder.fetching.settings import RetrySettings
from vpo_builder.runtime.errors import InputError

_JOIN_SECONDS = 10.0


class Source(Protocol):
    """Where records of one kind come from."""

    @property
    def name(self) -> str:
        """What tells it from other sources in the ledger."""

    @property
    def kind(self) -> Kind:
        """What its records are."""

    @property
    def cancellation(self) -> Cancellation:
        """What cancels its exchanges."""

    def fetch(self, record: str) -> Receipt:
        """Fetch a record; raise FetchError, CancelledError, or OSError for the disk's errors."""


@dataclass(frozen=True)
class Outcome:
    """How a record ended: it has come, or the error after which it is not asked for again."""

    record: str
    receipt: Receipt | None
    error: FetchError | None


@dataclass(frozen=True)
class _Finished:
    record: str
    number: int
    started: float
    receipt: Receipt | None
    error: Exception | None


class Dispatcher:
    """Fetches from one source; its pace and its breaker last over several calls."""

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        retry: RetrySettings,
        connections: int,
        per_hour: float,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._retry = retry
        self._connections = connections
        self._pace = Pace(per_hour)
        self._breaker = Breaker(retry.breaker_run)

    def outcomes(self, records: Mapping[str, str]) -> Iterator[Outcome]:
        """Yield the outcome of each record, as they come; `records` gives each one's class.

        Raises InputError when the source refuses everything, and OSError for a full disk; what
        is under way is ended then, as it is when the caller stops asking.
        """
        run = _Run(self._source, records, self._connections, self._pace)
        try:
            while run.busy:
                if not self._breaker.open:
                    run.launch()
                elif not run.threads:
                    break
                finished = run.next_finished()
                if finished is not None:
                    yield from self._judge(run, finished, records[finished.record])
            if self._breaker.open:
                raise self._blocked()
        except BaseException:
            run.end()
            raise

    def _judge(self, run: "_Run", finished: _Finished, category: str) -> Iterator[Outcome]:
        """Write an attempt down; yield the outcome, or have the record asked for again later."""
        error = finished.error
        if error is not None and not isinstance(error, FetchError):
            raise error
        self._breaker.note(finished.record, error)
        if error is not None and error.reason.blocks and error.retry_after:
            self._pace.pause(min(error.retry_after, self._retry.longest_wait_seconds))
        wait = None
        if error is not None:
            wait = seconds_to_wait(finished.record, finished.number, error, self._retry)
        settled = error is not None and wait is None and not self._breaker.open
        self._ledger.record(self._attempt(finished, error, category, settled=settled))
        if error is not None and wait is not None:
            run.again(finished.record, finished.number + 1, wait)
        else:
            yield Outcome(finished.record, finished.receipt, error)

    def _attempt(
        self, finished: _Finished, error: FetchError | None, category: str, *, settled: bool
    ) -> Attempt:
        return Attempt(
            kind=self._source.kind,
            record=finished.record,
            source=self._source.name,
            category=category,
            outcome=FETCHED if error is None else str(error.reason),
            permanent=error is not None and error.reason.permanent,
            settled=settled,
            detail="" if error is None else error.detail,
            size_bytes=0 if finished.receipt is None else finished.receipt.size_bytes,
            started=finished.started,
            finished=time.time(),
        )

    def _blocked(self) -> InputError:
        refused = self._breaker.refused
        self._ledger.ask_again(self._source.kind, self._source.name, refused)
        error = list(refused.values())[-1]
        return InputError(
            f"{self._source.name}: {len(refused)} requests in a row were refused ({error}): "
            "stopped, so as not to make it worse; wait an hour, or give --cookies, --proxy or a "
            "lower --rate, and run the same command again: it resumes"
        )


class _Run:
    """The records of one call: those that wait for their time, and those under way."""

    def __init__(
        self, source: Source, records: Mapping[str, str], connections: int, pace: Pace
    ) -> None:
        self._source = source
        self._connections = connections
        self._pace = pace
        self._finished: queue.SimpleQueue[_Finished] = queue.SimpleQueue()
        self._waiting = [(0.0, order, record, 1) for order, record in enumerate(records)]
        self._order = len(self._waiting)
        self.threads: dict[str, threading.Thread] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is left to do."""
        return bool(self._waiting or self.threads)

    def launch(self) -> None:
        """Begin what is due."""
        while len(self.threads) < self._connections and self._waiting and not self._seconds_left():
            _, _, record, number = heapq.heappop(self._waiting)
            thread = threading.Thread(target=self._fetch, args=(record, number), daemon=True)
            self.threads[record] = thread
            self._pace.started()
            thread.start()

    def next_finished(self) -> _Finished | None:
        """Wait until something has finished or something new is due."""
        free = self._waiting and len(self.threads) < self._connections
        try:
            finished = self._finished.get(timeout=self._seconds_left() if free else None)
        except queue.Empty:
            return None
        self.threads.pop(finished.record).join()
        return finished

    def again(self, record: str, number: int, wait: float) -> None:
        """Have a record asked for once more, later."""
        self._order += 1
        heapq.heappush(self._waiting, (time.monotonic() + wait, self._order, record, number))

    def end(self) -> None:
        """End what is under way."""
        self._source.cancellation.cancel()
        for thread in self.threads.values():
            thread.join(_JOIN_SECONDS)

    def _seconds_left(self) -> float:
        return max(self._pace.wait(), self._waiting[0][0] - time.monotonic(), 0.0)

    def _fetch(self, record: str, number: int) -> None:
        started = time.time()
        receipt, error = None, None
        try:
            receipt = self._source.fetch(record)
        except CancelledError:
            return
        except Exception as caught:
            error = caught
        self._finished.put(_Finished(record, number, started, receipt, error))
