"""Fetches recordings and processes each as it comes: in other processes, while more arrive.

What has come is kept until it is worked off, so that a killed build does not fetch it again; then
it is removed, and the file made of it, or the ledger, tells what became of it.
"""

import contextlib
import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from vpo_builder.fetching.dispatch import Dispatcher, Source
from vpo_builder.fetching.fetch_errors import FetchReason
from vpo_builder.fetching.ledger import Attempt, Ledger
from vpo_builder.records import Reason
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import state_change

Work = TypeVar("Work")

_RECORDING = re.compile(r"\.?[A-Za-z0-9_-]{11}_[0-9]{6}\..+", re.ASCII)
_REASONS = {str(reason): reason for reason in Reason}
_BROKEN = (Reason.CLIP_TRUNCATED, Reason.CLIP_UNDECODABLE)
"""What a transfer that was cut short looks like, if nobody said how long the file was."""


class RecordingSource(Source, Protocol):
    """Where recordings come from; what comes is a file in `folder`, named by its record."""

    @property
    def folder(self) -> Path:
        """Where recordings are put."""

    @property
    def whole_videos(self) -> bool:
        """Whether an excerpt has yet to be cut out of what comes."""


@dataclass(frozen=True)
class Fetching:
    """What it takes to fetch recordings."""

    source: RecordingSource
    dispatcher: Dispatcher
    ledger: Ledger
    attempts: int


@dataclass(frozen=True)
class Job(Generic[Work]):
    """What is done with each recording: `function` gets the task that `task` makes of it.

    It returns None, or why the recording cannot be used.
    """

    function: Callable[[Work], Reason | None]
    task: Callable[[str, Path], Work]
    label: str


@dataclass
class _Round:
    last: bool
    rejected: dict[str, Reason] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)


class Worklist:
    """The records of one source, each with its class."""

    def __init__(
        self, fetching: Fetching, executor: Executor, categories: Mapping[str, str]
    ) -> None:
        self._fetching = fetching
        self._execute = executor
        self._categories = categories

    def work_off(self, records: Sequence[str], job: Job[Work]) -> dict[str, Reason]:
        """Fetch records and do the job with each; return those that cannot be fetched or used.

        What an earlier run has given up is not asked for again. A recording that came without
        its length and is cut short is, as often as after any other failure of the network.
        """
        source = self._fetching.source
        given_up = self._fetching.ledger.given_up(source.kind, source.name)
        rejected = {record: _reason(given_up[record]) for record in records if record in given_up}
        wanted = [record for record in records if record not in given_up]
        for number in range(1, self._fetching.attempts + 1):
            if wanted:
                this = _Round(last=number == self._fetching.attempts)
                label = job.label + f", attempt {number}" * (number > 1)
                for _ in progress(self._one_round(wanted, job, this), len(wanted), label):
                    continue
                rejected |= this.rejected
                wanted = this.again
        return dict(sorted(rejected.items()))

    def _one_round(self, records: Sequence[str], job: Job[Work], this: _Round) -> Iterator[str]:
        """Yield each record once it is processed, rejected or postponed."""
        failed: list[str] = []
        pending: deque[tuple[str, Path, bool]] = deque()

        def tasks() -> Generator[Work, None, None]:
            for item in self._recordings(records, failed):
                pending.append(item)
                yield job.task(*item[:2])

        with contextlib.closing(tasks()) as arriving:
            for reason in self._execute.stream(job.function, arriving):
                record, path, whole = pending.popleft()
                self._note_end(record, path, reason, this, whole=whole)
                yield record
        this.rejected |= dict.fromkeys(failed, Reason.CLIP_VANISHED)
        yield from failed

    def _recordings(
        self, records: Sequence[str], failed: list[str]
    ) -> Iterator[tuple[str, Path, bool]]:
        """Yield (record, recording, known to be complete): first what an earlier run has left."""
        held = _held(self._fetching.source.folder, records)
        for record, path in held.items():
            yield record, path, False
        missing = {record: self._categories[record] for record in records if record not in held}
        for outcome in self._fetching.dispatcher.outcomes(missing):
            if outcome.receipt is None:
                failed.append(outcome.record)
            else:
                yield outcome.record, outcome.receipt.path, outcome.receipt.length_known

    def _note_end(
        self, record: str, recording: Path, reason: Reason | None, this: _Round, *, whole: bool
    ) -> None:
        """Note what became of a recording, then remove it."""
        if reason is not None:
            broken = reason in _BROKEN and not whole
            outcome = FetchReason.TRUNCATED if broken else reason
            self._record(record, outcome, recording, permanent=not broken, last=this.last)
            if broken and not this.last:
                this.again.append(record)
            else:
                this.rejected[record] = _reason(outcome)
        state_change("recording worked off")
        recording.unlink()

    def _record(
        self, record: str, outcome: str, recording: Path, *, permanent: bool, last: bool
    ) -> None:
        now = time.time()
        self._fetching.ledger.record(
            Attempt(
                kind=self._fetching.source.kind,
                record=record,
                source=self._fetching.source.name,
                category=self._categories[record],
                outcome=outcome,
                permanent=permanent,
                settled=permanent or last,
                detail="decoded, and found to be so",
                size_bytes=recording.stat().st_size,
                started=now,
                finished=now,
            )
        )


def _reason(outcome: str) -> Reason:
    """Return why a dataset does without a record: how a source failed is the ledger's to tell."""
    return _REASONS.get(outcome, Reason.CLIP_VANISHED)


def _held(folder: Path, records: Iterable[str]) -> Mapping[str, Path]:
    """Return the recordings that have come completely and are not processed yet."""
    wanted = set(records)
    if not folder.is_dir():
        return {}
    found = {path.stem: path for path in folder.iterdir() if not path.name.startswith(".")}
    return {record: found[record] for record in sorted(wanted & found.keys())}


def clear_recordings(folder: Path) -> None:
    """Remove recordings that nothing asked for and parts of incomplete ones, by our names."""
    for path in folder.glob("*"):
        if _RECORDING.fullmatch(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
    with contextlib.suppress(OSError):  # it holds something else
        folder.rmdir()
