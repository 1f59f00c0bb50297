"""The training loop: read a batch, take a step; at an epoch's end score on val and keep."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from avs_bench.checkpoints.loading import load_weights
from avs_bench.checkpoints.run_checkpoint import origin_of
from avs_bench.checkpoints.seen_pictures import note_seen_pictures
from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.example import AVSDataset
from avs_bench.data.holdout import hold_out, holdout_line
from avs_bench.data.loader import reading, training_batches, training_order
from avs_bench.models.execution import settings_on
from avs_bench.runtime.processes import ALONE, Processes
from avs_bench.training.endings import StoppedError, StopRequest
from avs_bench.training.event_files import EventFiles, require_tensorboard
from avs_bench.training.learner import Learner
from avs_bench.training.narration import Narrator, closing_line, opening_lines, step_bar
from avs_bench.training.own import NOTHING, Own
from avs_bench.training.progress import Progress
from avs_bench.training.run_folder import RunFolder
from avs_bench.training.starts import missing_starts
from avs_bench.training.validation import Validation
from vpo_builder.runtime.errors import InputError


def fit(
    settings: Settings,
    dataset: AVSDataset,
    folder: Path,
    *,
    device: torch.device,
    resume: bool = False,
    weights: Sequence[Path] = (),
    partial_weights: bool = False,
    tensorboard: bool = False,
    announce: Callable[[str], None] = print,
    processes: Processes = ALONE,
    own: Own = NOTHING,
) -> Progress:
    """Train a model into `folder` and return how it went.

    `weights` are loaded one after the other before the first step, see `load_weights`; a resumed
    run has its own. `best.pt` is the epoch that scores best on val, or on what `train.selection`
    says; where val is empty the last. `announce` gets a line per epoch. Of several `processes` each
    sees its share of every batch, and the first one writes. `own` is the user's own model or loss.
    Raises InputError for a file that cannot be read, a folder that holds another run and a loss
    that is no number; StoppedError after SIGTERM or SIGINT, once last.pt is written.
    """
    announce = announce if processes.leads else _say_nothing
    _refuse_contradictions(resume, weights, tensorboard)
    train = (settings := settings_on(settings, device)).train
    _choose_kernels(train.deterministic)
    dataset = _without(train.holdout_classes, dataset, announce)
    order = training_order(dataset, settings)
    learner = Learner(settings, len(dataset.classes), device, order.steps_per_epoch, processes, own)
    loaded = [load_weights(learner.model, path, partial=partial_weights) for path in weights]
    stop = StopRequest(answers=processes.leads)
    val = Validation(learner, dataset, settings, processes, lambda: stop.signal)
    run = RunFolder(folder, origin_of(settings, dataset), writes=processes.leads)
    progress = _begun(run, learner, dataset, resume, processes)
    missing = "" if progress.step else missing_starts(settings, learner.model, loaded)
    for line in opening_lines(dataset, learner, progress, train, missing, loaded):
        announce(line)
    drawn = tensorboard and processes.leads
    events = EventFiles(folder, progress.step, len(dataset.classes)) if drawn else None
    narrator = Narrator(announce, train, events)
    steps, rows = (progress.step, learner.steps), processes.share(train.batch_size)
    batches = training_batches(dataset, settings, order, *steps, rows, pinned=device.type == "cuda")
    bar = step_bar(batches, *steps, processes.leads)
    with stop, run.failures_in_one_line(), reading(batches, val), narrator.following(bar) as coming:
        while not progress.is_over(train.epochs):
            if not progress.awaits_score(learner.epoch_steps):  # else it was stopped at scoring
                progress = _after_steps(learner, coming, progress, narrator, run, stop)
            if progress.awaits_score(learner.epoch_steps):
                progress = val.after(progress, events.watch if events else None)
            if progress.sums is None:
                narrator.epoch(progress)
            stopped_by = processes.largest(stop.signal)
            if stopped_by or run.is_due(progress):
                narrator.flush()
                run.keep(learner, progress)
            if stopped_by and not progress.is_over(train.epochs):
                raise StoppedError(stopped_by, progress.step)
    announce(closing_line(progress, folder, train))
    return progress


def _choose_kernels(deterministic: bool) -> None:
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    # Filling what an operation is about to write changes no result, and is a tenth of a small step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _after_steps(
    learner: Learner,
    coming: Iterator[Batch],
    progress: Progress,
    narrator: Narrator,
    run: RunFolder,
    stop: StopRequest,
) -> Progress:
    """Take as many steps as the device is sent ahead, up to what is to be kept, and tell of them.

    Fewer if this process, by itself, is told to stop.
    """
    count = min(learner.ahead, run.steps_until_due(progress, learner.epoch_steps))
    for taken in range(count):
        learner.take(next(coming), progress.step + taken)
        if stop.signal and learner.alone:
            break
    for terms in learner.read():
        progress = progress.after_step(terms)
        narrator.step(progress, terms)
    return progress


def _refuse_contradictions(resume: bool, weights: Sequence[Path], tensorboard: bool) -> None:
    """Raise InputError for what cannot be asked for together, or not here."""
    if resume and weights:
        raise InputError("--weights begins a run and --resume goes on with one: leave one out")
    if tensorboard:
        require_tensorboard()


def _without(
    classes: Sequence[str], dataset: AVSDataset, announce: Callable[[str], None]
) -> AVSDataset:
    """Return the dataset without the examples of held-out classes, and say how many they are."""
    kept = hold_out(dataset, classes)
    if classes:
        announce(holdout_line(dataset, kept, classes))
    return kept


def _begun(
    run: RunFolder, learner: Learner, dataset: AVSDataset, resume: bool, processes: Processes
) -> Progress:
    """Return where to start, and note in the folder what the run sees.

    Raises InputError unless all processes begin at the same step.
    """
    progress = run.begin(learner, resume)
    if processes.leads:
        note_seen_pictures(run.path, dataset)
    latest = processes.largest(progress.step)
    if -processes.largest(-progress.step) != latest:
        raise InputError(
            f"{run.path}: process {processes.rank} begins after step {progress.step}, another "
            f"after {latest}: every machine must see the same --out"
        )
    return progress


def _say_nothing(line: str) -> None:
    """Leave speaking to the first process."""
