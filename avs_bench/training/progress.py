"""How far a run has come: the part of its state that is plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vpo_builder.dataset.schema import Subset

EpochRecord = dict[str, Any]
"""One line of history.jsonl: a function of the settings and the data, so without any clock."""


@dataclass(frozen=True)
class Best:
    """The epoch whose model is kept, and its score on val (None: val leaves no score)."""

    epoch: int
    score: float | None


@dataclass(frozen=True)
class Progress:
    """Optimisation steps done, loss sums of the epoch under way, and the epochs behind it."""

    step: int = 0
    sums: Mapping[str, float] | None = None
    history: tuple[EpochRecord, ...] = ()
    best: Best | None = None

    @property
    def epoch(self) -> int:
        """Epochs done, which is the number of the one under way."""
        return len(self.history)

    @property
    def ended(self) -> str | None:
        """Why the run ended before its last epoch; None if it did not."""
        return self.history[-1].get("ended") if self.history else None

    def is_over(self, epochs: int) -> bool:
        """Return whether nothing is left to do of a run of so many epochs."""
        return self.epoch == epochs or self.ended is not None

    def awaits_score(self, epoch_steps: int) -> bool:
        """Return whether the steps of an epoch are done and `after_epoch` is due."""
        return self.sums is not None and self.step % epoch_steps == 0

    def after_step(self, terms: Mapping[str, float]) -> "Progress":
        """Return the progress once a step has ended with these loss terms."""
        before = self.sums or dict.fromkeys(terms, 0.0)
        sums = {name: before[name] + value for name, value in terms.items()}
        return replace(self, step=self.step + 1, sums=sums)

    def after_epoch(
        self,
        steps: int,
        learning_rate: float,
        score: Mapping[str, float | None] | None,
        subset: Subset = "val",
    ) -> "Progress":
        """Return the progress once an epoch of `steps` steps has ended.

        `score` holds the figures on `subset`, the first of which chooses the best epoch, the
        earlier of two equal ones. It is empty where val is, and the first is None where val's
        masks are all ignored: then the latest epoch counts as the best. No `score` at all is an
        epoch that was not validated.
        """
        terms = {name: total / steps for name, total in (self.sums or {}).items()}
        record: EpochRecord = {
            "epoch": self.epoch,
            "step": self.step,
            "learning_rate": learning_rate,
            "loss": sum(terms.values()),
            **terms,
        }
        if score:
            record[subset] = dict(score)
        return replace(
            self, sums=None, history=(*self.history, record), best=self._best_after(score)
        )

    def ended_by(self, patience: int, subset: Subset = "val") -> "Progress":
        """Return the progress, ended if the last `patience` validations (0: any) gave no better.

        It depends on the history alone, so the processes of a run agree without asking.
        """
        since = [r for r in self.history if self.best and r["epoch"] > self.best.epoch]
        scored = [record[subset] for record in since if subset in record]
        if not patience or len(scored) < patience:
            return self
        name = next(iter(scored[-1]))
        count = f"{patience} validation{'s' * (patience > 1)}"
        why = f"no better {name} on {subset} in {count}"
        return replace(self, history=(*self.history[:-1], self.history[-1] | {"ended": why}))

    def _best_after(self, score: Mapping[str, float | None] | None) -> Best | None:
        if score is None:
            return self.best
        value = next(iter(score.values()), None)
        best = self.best.score if self.best else None
        beaten = best is None or value is None or value > best
        return Best(self.epoch, value) if beaten else self.best
