"""How far a run has come: the part of its state that is plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

EpochRecord = dict[str, Any]
"""One line of history.jsonl: a function of the settings and the data, so without any clock."""


@dataclass(frozen=True)
class Best:
    """The epoch whose model is kept, and its score on val (None: there is no val)."""

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

    def after_step(self, terms: Mapping[str, float]) -> "Progress":
        """Return the progress once a step has ended with these loss terms."""
        before = self.sums or dict.fromkeys(terms, 0.0)
        sums = {name: before[name] + value for name, value in terms.items()}
        return replace(self, step=self.step + 1, sums=sums)

    def after_epoch(
        self, steps: int, learning_rate: float, score: Mapping[str, float] | None
    ) -> "Progress":
        """Return the progress once an epoch of `steps` steps has ended.

        `score` holds the figures on val, the first of which chooses the best epoch, the earlier
        of two equal ones. It is empty where val is, and then the latest epoch counts as the best;
        None is an epoch that was not validated.
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
            record["val"] = dict(score)
        return replace(
            self, sums=None, history=(*self.history, record), best=self._best_after(score)
        )

    def _best_after(self, score: Mapping[str, float] | None) -> Best | None:
        if score is None:
            return self.best
        value = next(iter(score.values()), None)
        best = self.best.score if self.best else None
        beaten = best is None or value is None or value > best
        return Best(self.epoch, value) if beaten else self.best
