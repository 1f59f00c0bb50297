"""What a run says while it goes on: a bar on a terminal, and a line an epoch everywhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from avs_bench.checkpoints.loading import LoadedWeights
from avs_bench.config import AS_PUBLISHED, TrainSettings
from avs_bench.data.example import AVSDataset
from avs_bench.training.event_files import EventFiles
from avs_bench.training.learner import Learner
from avs_bench.training.progress import EpochRecord, Progress

Item = TypeVar("Item")

ON_TEST = (
    "WARNING: --select-on-test-as-published: best.pt is the epoch that scores best on TEST, as the "
    "published code chooses it: its figures on test are too high and compare with published ones "
    "only, never with those of a run whose epoch was chosen on val"
)


class Narrator:
    """Says how the steps and the epochs of a run go: to `announce`, on a bar, in event files.

    Samples a second are of training alone: reading and steps, not the scoring between epochs.
    """

    def __init__(
        self,
        announce: Callable[[str], None],
        train: TrainSettings,
        events: EventFiles | None = None,
    ) -> None:
        self._announce, self._train, self._events = announce, train, events
        self._begun = self._since = time.monotonic()
        self._samples, self._seconds = 0, 0.0

    @contextmanager
    def following(self, bar: "tqdm[Item]") -> Iterator[Iterator[Item]]:
        """Yield the items of a bar, which stays open as long as the context."""
        with bar as self._bar, closing(self._events) if self._events else nullcontext():
            self._since = time.monotonic()
            yield iter(bar)

    def step(self, progress: Progress, terms: Mapping[str, float]) -> None:
        """Show the loss terms of the last step and how fast the steps go."""
        now = time.monotonic()
        self._samples += self._train.batch_size
        self._seconds += now - self._since
        self._since = now
        self._bar.set_postfix({**terms, "samples/s": self._pace}, refresh=False)
        if self._events:
            self._events.step(progress, terms)

    def epoch(self, progress: Progress) -> None:
        """Say how the epoch just ended went."""
        now = time.monotonic()
        pace = f"  {self._pace:.1f} samples/s" if self._samples else ""  # none if only scored
        line = epoch_line(progress, self._train.epochs)
        self._announce(f"{line}{pace}  {now - self._begun:.0f} s")
        self._samples, self._seconds, self._since = 0, 0.0, now
        if self._events:
            self._events.epoch(progress)

    def flush(self) -> None:
        """Have on the disk what was said of the steps that a checkpoint is about to keep."""
        if self._events:
            self._events.flush()

    @property
    def _pace(self) -> float:
        return self._samples / max(self._seconds, 1e-9)


def step_bar(batches: Iterable[Item], done: int, steps: int, shown: bool) -> "tqdm[Item]":
    """Return `batches` with a bar of the steps, which only a terminal shows, and if `shown`."""
    return tqdm(
        batches,
        initial=done,
        total=steps,
        leave=False,
        disable=not (shown and sys.stderr.isatty()),
        smoothing=0,  # the time left is by the mean step, in which validations have their part
        bar_format="{l_bar}{bar}| step {n_fmt}/{total_fmt}, {remaining} left{postfix}",
    )


def opening_lines(
    dataset: AVSDataset,
    learner: Learner,
    progress: Progress,
    train: TrainSettings,
    missing: str = "",
    loaded: Sequence[LoadedWeights] = (),
) -> Iterator[str]:
    """Say what is trained on what, and from where.

    `missing` names the files that the published model began with and this one does not.
    """
    sizes = ", ".join(f"{len(examples)} {name}" for name, examples in dataset.subsets.items())
    parameters = sum(p.numel() for p in learner.model.parameters()) / 1e6
    begun = f"goes on after step {progress.step}" if progress.step else "begins"
    if missing:
        begun += f" WITHOUT what the published model began with, by --weights: {missing}"
    if progress.is_over(train.epochs):
        begun = f"{_end_of(progress)}, nothing left to do"
    on = f"{learner.device} in {learner.execution.said(learner.device)}"
    yield _warned(
        train,
        f"{dataset.name}: {sizes} samples; model of {parameters:.2f} M parameters on {on}; "
        f"{learner.steps} steps, {learner.epoch_steps} an epoch; {begun}",
    )
    yield from (report.summary() for report in loaded)


def epoch_line(progress: Progress, epochs: int) -> str:
    """Say what the epoch just ended learnt and scored."""
    record = progress.history[-1]
    subset, scores = _scores_of(record)
    val = "".join(f"  {subset} {name} {_per_cent(value)}" for name, value in scores.items())
    mark = "  best" if progress.best and progress.best.epoch == record["epoch"] else ""
    number, loss = record["epoch"] + 1, record["loss"]
    return f"epoch {number}/{epochs}  loss {loss:.4f}{val}{mark}"


def closing_line(progress: Progress, folder: Path, train: TrainSettings) -> str:
    """Say why the run ended, which epoch is kept, and why."""
    if progress.best is None or progress.best.score is None:
        scored = any(_scores_of(record)[1] for record in progress.history)
        why = "all masks of val are ignored" if scored else "val is empty"
        return f"{folder}: {_end_of(progress)}; {why}, so the last epoch is kept as best.pt"
    number, score = progress.best.epoch, progress.best.score
    subset, scores = _scores_of(progress.history[number])
    return _warned(
        train,
        f"{folder}: {_end_of(progress)}; best.pt is epoch {number + 1}, "
        f"{next(iter(scores))} {_per_cent(score)} on {subset}",
    )


def _warned(train: TrainSettings, line: str) -> str:
    return f"{ON_TEST}\n{line}" if train.selection == AS_PUBLISHED else line


def _per_cent(value: float | None) -> str:
    return "– (nothing to score)" if value is None else f"{100 * value:.2f} %"


def _scores_of(record: EpochRecord) -> tuple[str, dict[str, float | None]]:
    """Return what an epoch was scored on, TEST where that is so, and its figures, if any."""
    return ("TEST", record["test"]) if "test" in record else ("val", record.get("val", {}))


def _end_of(progress: Progress) -> str:
    if progress.ended:
        return f"ended early, after epoch {progress.epoch} ({progress.ended})"
    return "finished"
