"""The end of an epoch: the scores that choose the best one, and whether the run goes on."""

import math
from collections.abc import Callable

from avs_bench.config import AS_PUBLISHED, Settings
from avs_bench.data.example import AVSDataset
from avs_bench.metrics.families import SELECTION
from avs_bench.models.own import errors_in
from avs_bench.runtime.processes import Processes
from avs_bench.scoring.asking import Watcher
from avs_bench.scoring.evaluate import ScoringStoppedError, evaluate, reading_of
from avs_bench.training.endings import memory_errors
from avs_bench.training.learner import Learner
from avs_bench.training.progress import Progress
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError

FEWER_PICTURES = (
    "begin a run that scores fewer pictures at once, --set evaluation.batch_size=1, or smaller "
    "ones, --set image.long_side=512"
)


class Validation:
    """Scores a learner on the subset that chooses the best epoch: val, or as published test.

    It stops when `stopped_by` is not 0. The processes that read stay until it is closed.
    """

    def __init__(
        self,
        learner: Learner,
        dataset: AVSDataset,
        settings: Settings,
        processes: Processes,
        stopped_by: Callable[[], int],
    ) -> None:
        self._learner, self._dataset, self._settings = learner, dataset, settings
        self._processes, self._stopped_by = processes, stopped_by
        self._refuse_empty()
        self._reading = reading_of(dataset, self.subset, settings, learner.device, processes)

    def close(self) -> None:
        """End the processes that read."""
        self._reading.close()

    def _refuse_empty(self) -> None:
        patience = self._settings.train.patience
        if self._dataset.subsets[self.subset]:
            return
        if self.subset == "test":
            raise InputError(
                f"{self._dataset.folder}: its test subset is empty, so it cannot choose the best "
                "epoch: leave --select-on-test-as-published out"
            )
        if patience:
            raise InputError(
                f"setting train.patience: {patience} validations without a better one, but the "
                f"val subset of {self._dataset.folder} is empty: leave the setting at 0"
            )

    @property
    def subset(self) -> Subset:
        """The subset that is scored."""
        return "test" if self._settings.train.selection == AS_PUBLISHED else "val"

    def after(self, progress: Progress, watch: Watcher | None = None) -> Progress:
        """Return the progress with its epoch ended; as it was, if it was stopped on the way.

        `watch` is shown what is scored.
        """
        try:
            score = self._score(progress, watch)
        except ScoringStoppedError:
            return progress
        rate = self._learner.optimisers.learning_rate(progress.step - 1)
        progress = progress.after_epoch(self._learner.epoch_steps, rate, score, self.subset)
        train = self._settings.train
        if progress.is_over(train.epochs):
            return progress
        return progress.ended_by(train.patience, self.subset)

    def _score(self, progress: Progress, watch: Watcher | None) -> dict[str, float | None] | None:
        """Return the figures that choose the best epoch: none without a val, None if not due.

        A figure without a value, on masks that are all ignored, is None: json has no NaN.
        """
        if not self._dataset.subsets[self.subset]:
            return {}
        train = self._settings.train
        due = (progress.epoch + 1) % train.validate_epochs == 0
        if not due and progress.epoch + 1 < train.epochs:
            return None
        doing = f"scoring {self.subset} after step {progress.step}"
        with memory_errors(doing, FEWER_PICTURES), errors_in(self._learner.own.name, doing):
            scores = evaluate(
                self._learner.scored_model,
                self._dataset,
                self.subset,
                self._settings,
                self._learner.device,
                watch=watch,
                processes=self._processes,
                reading=self._reading,
                stopped_by=self._stopped_by,
                label=f"epoch {progress.epoch + 1}, {self.subset}" if self._processes.leads else "",
            )[0]
        figures = [figure(scores.overall) for figure in SELECTION[self._dataset.family]]
        return {f.name: None if math.isnan(f.value) else f.value for f in figures}
