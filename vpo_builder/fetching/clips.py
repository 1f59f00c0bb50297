"""Clips that have to be fetched: each when the ranking asks for it, and no other."""

import contextlib
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vpo_builder.atomic import state_change
from vpo_builder.config import BuildConfig
from vpo_builder.executors import Executor
from vpo_builder.fetching.dispatch import Dispatcher, Source
from vpo_builder.fetching.ledger import Attempt, Ledger
from vpo_builder.fetching.mirror import clip_parts
from vpo_builder.fetching.reasons import FetchReason
from vpo_builder.progress import progress
from vpo_builder.records import Clip, Reason
from vpo_builder.rendering.audio import ClipTask, Excerpt, prepare_clip
from vpo_builder.rendering.clips import ClipFolder
from vpo_builder.sources.vggsound import CLIP_MILLISECONDS

CLIP_SECONDS = CLIP_MILLISECONDS / 1000
_REASONS = {str(reason): reason for reason in Reason}


class ClipSource(Source, Protocol):
    """Where clips come from; what comes is a file in `folder`, named by the clip."""

    @property
    def folder(self) -> Path:
        """Where recordings are put."""

    @property
    def whole_videos(self) -> bool:
        """Whether the clip has yet to be cut out of what comes."""


@dataclass(frozen=True)
class ClipFetching:
    """What it takes to fetch clips."""

    source: ClipSource
    dispatcher: Dispatcher
    ledger: Ledger
    attempts: int


@dataclass
class _Round:
    """The clips of one call: how each ended, and those to be fetched once more."""

    number: int
    last: bool
    rejected: dict[str, Reason] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)


class FetchedClips(ClipFolder):
    """Writes the clips it is asked for, from files that are there and from a source."""

    def __init__(
        self,
        folder: Path,
        clips: Sequence[Clip],
        config: BuildConfig,
        executor: Executor,
        fetching: ClipFetching,
    ) -> None:
        super().__init__(folder, clips, config, executor)
        self._audio = folder
        self._execute = executor
        self._fetching = fetching
        self._categories = {clip.clip_id: clip.category for clip in clips}

    def seek(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Fetch clips that have no file here; return those that cannot be had or used.

        A recording that came without its length and is cut short is fetched again, as often as
        any other failure of the network is.
        """
        settled = self._fetching.ledger.settled("clip", self._fetching.source.name)
        absent = [clip for clip in clip_ids if not (self._audio / f"{clip}.wav").exists()]
        rejected = {clip: _reason(settled[clip]) for clip in absent if clip in settled}
        wanted = [clip for clip in absent if clip not in settled]
        attempts = self._fetching.attempts
        for number in range(1, attempts + 1):
            if wanted:
                this = _Round(number, last=number == attempts)
                for _ in progress(self._work_off(wanted, this), len(wanted), "clips"):
                    continue
                rejected |= this.rejected
                wanted = this.again
        return dict(sorted(rejected.items()))

    def _work_off(self, clip_ids: Sequence[str], this: _Round) -> Iterator[str]:
        """Yield each clip once it is written, rejected or put off."""
        failed: list[str] = []
        pending: deque[tuple[str, Path, bool]] = deque()

        def tasks() -> Generator[ClipTask, None, None]:
            for item in self._recordings(clip_ids, failed):
                pending.append(item)
                yield self._task(*item[:2])

        with contextlib.closing(tasks()) as arriving:
            for reason in self._execute.stream(prepare_clip, arriving):
                clip, path, whole = pending.popleft()
                self._settle(clip, path, reason, this, whole=whole)
                yield clip
        this.rejected |= dict.fromkeys(failed, Reason.CLIP_VANISHED)
        yield from failed

    def _task(self, clip: str, recording: Path) -> ClipTask:
        if not self._fetching.source.whole_videos:
            return self.task(clip, recording)
        return self.task(clip, recording, Excerpt(clip_parts(clip)[1], CLIP_SECONDS))

    def _recordings(
        self, clip_ids: Sequence[str], failed: list[str]
    ) -> Iterator[tuple[str, Path, bool]]:
        """Yield (clip, recording, known to be whole): first what an earlier run has left."""
        held = _held(self._fetching.source.folder, clip_ids)
        for clip, path in held.items():
            yield clip, path, False
        missing = {clip: self._categories[clip] for clip in clip_ids if clip not in held}
        for outcome in self._fetching.dispatcher.outcomes(missing):
            if outcome.receipt is None:
                failed.append(outcome.record)
            else:
                yield outcome.record, outcome.receipt.path, outcome.receipt.length_known

    def _settle(
        self, clip: str, recording: Path, reason: Reason | None, this: _Round, *, whole: bool
    ) -> None:
        """Note what became of a recording, then remove it: the wav or the ledger tells now."""
        if reason is not None:
            broken = reason in (Reason.CLIP_TRUNCATED, Reason.CLIP_UNDECODABLE) and not whole
            outcome = FetchReason.TRUNCATED if broken else reason
            self._record(clip, outcome, recording, permanent=not broken, last=this.last)
            if broken and not this.last:
                this.again.append(clip)
            else:
                this.rejected[clip] = _reason(outcome)
        state_change("clip worked off")
        recording.unlink()

    def _record(
        self, clip: str, outcome: str, recording: Path, *, permanent: bool, last: bool
    ) -> None:
        now = time.time()
        size = recording.stat().st_size
        source, category = self._fetching.source.name, self._categories[clip]
        settled = permanent or last
        detail = "decoded, and found to be so"
        self._fetching.ledger.record(
            Attempt(
                "clip", clip, source, category, outcome, permanent, settled, detail, size, now, now
            )
        )


def _reason(outcome: str) -> Reason:
    """Return why a dataset does without a clip: how a source failed is the ledger's to tell."""
    return _REASONS.get(outcome, Reason.CLIP_VANISHED)


def _held(folder: Path, clip_ids: Iterable[str]) -> Mapping[str, Path]:
    """Return the recordings that have come whole and are not worked off yet."""
    wanted = set(clip_ids)
    if not folder.is_dir():
        return {}
    found = {path.stem: path for path in folder.iterdir() if not path.name.startswith(".")}
    return {clip: found[clip] for clip in sorted(wanted & found.keys())}
