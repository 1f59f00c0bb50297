"""The folder of a run: config.json, history.jsonl, last.pt and best.pt."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from avs_bench.checkpoints.run_checkpoint import (
    Checkpoint,
    Origin,
    read_checkpoint,
    refuse_other_origin,
    write_checkpoint,
)
from avs_bench.config import Settings
from avs_bench.training.endings import FailedError
from avs_bench.training.learner import Learner
from avs_bench.training.progress import Progress
from vpo_builder.dataset.manifest import encode_lines
from vpo_builder.dataset.places import MANIFEST
from vpo_builder.runtime.errors import BAD_JSON, InputError, is_full_memory
from vpo_builder.runtime.settings import from_tree, to_tree
from vpo_builder.runtime.whole_files import remove_leftovers, write_atomically

CONFIG, HISTORY, LAST, BEST = "config.json", "history.jsonl", "last.pt", "best.pt"


class RunFolder:
    """Writes a run's files; each is whole at any moment, so a kill loses no more than steps."""

    def __init__(self, path: Path, origin: Origin, *, writes: bool = True) -> None:
        """Open the folder of a run; of several processes only one `writes`."""
        self.path = path
        self._writes = writes
        self._origin = origin
        self._kept: int | None = None

    def begin(self, learner: Learner, resume: bool) -> Progress:
        """Return where to start: the beginning, or with `resume` where last.pt was written.

        The history is written anew from the checkpoint, which drops what came after it. Raises
        InputError when the folder holds a run and `resume` is not set, or one that was begun with
        other settings or other data.
        """
        checkpoint = self._checkpoint_to_resume(resume)
        if self._writes:
            remove_leftovers(self.path)  # a kill in mid-checkpoint leaves one the size of last.pt
        if checkpoint is None:
            progress = Progress()
            config = msgspec.json.format(msgspec.json.encode(to_tree(self._origin)), indent=2)
            if self._writes:
                write_atomically(self.path / CONFIG, config + b"\n")
        else:
            progress = self._restored(checkpoint, learner)
            self._kept = progress.step
        self._write_history(progress)
        return progress

    def is_due(self, progress: Progress) -> bool:
        """Return whether to keep what the step just done, or the epoch just ended, has led to."""
        every = self._origin.settings.train.checkpoint_steps
        return progress.sums is None or (every > 0 and progress.step % every == 0)

    def steps_until_due(self, progress: Progress, epoch_steps: int) -> int:
        """Return after how many steps the epoch ends, or is to be kept before that."""
        every = self._origin.settings.train.checkpoint_steps
        ends = [epoch_steps, *([every] if every else [])]
        return min(end - progress.step % end for end in ends)

    def keep(self, learner: Learner, progress: Progress) -> None:
        """Write history, best.pt if the epoch just ended is the best, and last.pt, in this order.

        last.pt comes last: what is killed before it is done again to the same bytes.
        """
        self._kept = progress.step  # by the first of the processes
        if not self._writes:
            return
        self._write_history(progress)
        model = learner.scored_model.state_dict()
        if progress.sums is None and progress.best and progress.best.epoch == progress.epoch - 1:
            write_checkpoint(self.path / BEST, Checkpoint(self._origin, progress.epoch, model, {}))
        training = {"learner": learner.state_dict(), "progress": asdict(progress)}
        write_checkpoint(
            self.path / LAST, Checkpoint(self._origin, progress.epoch, model, training)
        )

    @contextmanager
    def failures_in_one_line(self) -> Iterator[None]:
        """Raise InputError for a FailedError, with what is left of the run."""
        try:
            yield
        except FailedError as failure:
            left = "there is no checkpoint yet"
            if self._kept is not None:
                left = f"the last checkpoint, of step {self._kept}, is kept"
            raise InputError(f"{failure.what}; {left}: {failure.remedy}") from None

    def _checkpoint_to_resume(self, resume: bool) -> Checkpoint | None:
        last = self.path / LAST
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: is a file, expected a folder for the run")
        if (self.path / MANIFEST).exists():
            raise InputError(f"{self.path}: holds a dataset: give the run a folder of its own")
        if not last.exists():
            return None
        if not resume:
            raise InputError(
                f"{self.path}: already holds a run: add --resume to go on with it, "
                "or choose another folder with --out"
            )
        checkpoint = read_checkpoint(last)
        refuse_other_origin(checkpoint.origin, self._origin, self.path)
        return checkpoint

    def _restored(self, checkpoint: Checkpoint, learner: Learner) -> Progress:
        """Fill the learner from a checkpoint and return its progress; raise InputError."""
        try:
            learner.load_state_dict(checkpoint.model, checkpoint.training["learner"])
            return msgspec.convert(checkpoint.training["progress"], Progress)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if is_full_memory(error):
                raise
            raise InputError(
                f"{self.path / LAST}: the state of the training is not what a run keeps: "
                f"{type(error).__name__}: {error}: the file was edited: "
                "begin another run with --out"
            ) from None

    def _write_history(self, progress: Progress) -> None:
        if self._writes:
            write_atomically(self.path / HISTORY, encode_lines(progress.history))


def stored_settings(folder: Path) -> Settings:
    """Return the settings that the run in `folder` was begun with; raise InputError."""
    path = folder / CONFIG
    try:
        tree = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no {CONFIG}, so no run to go on with: give --preset") from None
    except BAD_JSON as error:
        raise InputError(f"{path}: not the settings of a run: {error}") from None
    settings = tree.get("settings")
    if not isinstance(settings, dict):
        raise InputError(f"{path}: holds no settings: the file was edited: give --preset")
    return from_tree(Settings, settings, str(path))
