"""The training loop: read a batch, take a step; at an epoch's end score on val and keep."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from avs_bench.checkpoint import origin_of
from avs_bench.config import Settings
from avs_bench.data.example import AVSDataset
from avs_bench.data.holdout import hold_out, holdout_line
from avs_bench.data.loader import training_batches, training_order
from avs_bench.evaluation import evaluate
from avs_bench.metrics.families import SELECTION
from avs_bench.models.weights import load_weights
from avs_bench.processes import ALONE, Processes
from avs_bench.training.learner import Learner
from avs_bench.training.narration import closing, epoch_line, opening, step_bar
from avs_bench.training.progress import Progress
from avs_bench.training.run_folder import RunFolder
from avs_bench.training.stopping import StoppedError, StopRequest
from avs_bench.training.tpavi import refuse_untrained_vggish
from vpo_builder.errors import InputError


def fit(
    settings: Settings,
    dataset: AVSDataset,
    folder: Path,
    *,
    device: torch.device,
    resume: bool = False,
    weights: Sequence[Path] = (),
    partial_weights: bool = False,
    announce: Callable[[str], None] = print,
    processes: Processes = ALONE,
) -> Progress:
    """Train a model into `folder` and return how it went.

    `weights` are loaded one after the other before the first step, see `load_weights`; a resumed
    run has its own. `best.pt` is the epoch with the highest miou_dataset on val; where val is
    empty it is the last one. `announce` gets a line per epoch. Raises InputError for a file that
    cannot be read, for a folder that holds another run, and for a loss that is no longer a number;
    StoppedError after SIGTERM or SIGINT, once last.pt is written. Of several `processes`, each
    sees its share of every batch, and the first one writes.
    """
    announce = announce if processes.leads else _say_nothing
    if resume and weights:
        raise InputError("--weights begins a run and --resume goes on with one: leave one out")
    torch.use_deterministic_algorithms(settings.train.deterministic, warn_only=True)
    whole, held_out = dataset, settings.train.holdout_classes
    dataset = hold_out(whole, held_out)
    if held_out:
        announce(holdout_line(whole, dataset, held_out))
    order = training_order(dataset, settings)
    learner = Learner(settings, len(dataset.classes), device, order.steps_per_epoch, processes)
    loaded = {path: load_weights(learner.model, path, partial=partial_weights) for path in weights}
    for path, report in loaded.items():
        announce(report.summary(path))
    run = RunFolder(folder, origin_of(settings, dataset), writes=processes.leads)
    progress = run.begin(learner, resume)
    _refuse_other_starts(progress, folder, processes)
    announce(opening(dataset, learner, progress))
    if not progress.step:
        refuse_untrained_vggish(settings, learner.model, loaded.values())

    started = time.monotonic()
    rows = processes.share(settings.train.batch_size)
    batches = training_batches(dataset, settings, order, progress.step, learner.steps, rows)
    shown = step_bar(batches, progress.step, learner.steps, processes.leads)
    with StopRequest() as stop, shown as bar:
        for batch in bar:
            terms = learner.step(batch, progress.step)
            progress = progress.after_step(terms)
            bar.set_postfix(terms, refresh=False)
            epoch_ended = progress.step % learner.epoch_steps == 0
            if epoch_ended:
                score = _score_on_val(learner, dataset, settings, progress, processes)
                rate = learner.optimisers.learning_rate(progress.step - 1)
                progress = progress.after_epoch(learner.epoch_steps, rate, score)
                announce(epoch_line(progress, settings.train.epochs, time.monotonic() - started))
            stopped_by = processes.largest(stop.signal)
            due = epoch_ended or _is_due(progress.step, settings.train.checkpoint_steps)
            if due or stopped_by:
                run.keep(learner, progress)
            if stopped_by and progress.step < learner.steps:
                raise StoppedError(stopped_by, progress.step)
    announce(closing(progress, folder))
    return progress


def _score_on_val(
    learner: Learner,
    dataset: AVSDataset,
    settings: Settings,
    progress: Progress,
    processes: Processes,
) -> dict[str, float] | None:
    """Return the figures that choose the best epoch: none without a val, None if not due."""
    if not dataset.subsets["val"]:
        return {}
    last = progress.step == learner.steps
    if not last and not _is_due(progress.epoch + 1, settings.train.validate_epochs):
        return None
    model, device = learner.scored_model, learner.device
    scores = evaluate(model, dataset, "val", settings, device, processes=processes)[0]
    figures = [figure(scores.overall) for figure in SELECTION[scores.family]]
    return {figure.name: figure.value for figure in figures}


def _refuse_other_starts(progress: Progress, folder: Path, processes: Processes) -> None:
    """Raise InputError unless all processes begin at the same step."""
    latest = processes.largest(progress.step)
    if -processes.largest(-progress.step) != latest:
        raise InputError(
            f"{folder}: process {processes.rank} begins after step {progress.step}, another after "
            f"{latest}: every machine must see the same --out"
        )


def _say_nothing(line: str) -> None:
    """Leave speaking to the first process."""


def _is_due(step: int, every: int) -> bool:
    return bool(every) and step % every == 0
