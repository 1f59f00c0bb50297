"""The training loop: read a batch, take a step; at an epoch's end score on val and keep."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
from tqdm import tqdm

from avs_bench.checkpoint import origin_of
from avs_bench.config import Settings
from avs_bench.data.example import AVSDataset
from avs_bench.data.loader import training_batches, training_order
from avs_bench.evaluation import evaluate
from avs_bench.metrics import f1_dataset, miou_dataset
from avs_bench.training.learner import Learner
from avs_bench.training.progress import Progress
from avs_bench.training.run_folder import RunFolder

Item = TypeVar("Item")


def fit(
    settings: Settings,
    dataset: AVSDataset,
    folder: Path,
    *,
    device: torch.device,
    resume: bool = False,
    announce: Callable[[str], None] = print,
) -> Progress:
    """Train a model into `folder` and return how it went.

    `best.pt` is the epoch with the highest miou_dataset on val; where val is empty it is the last
    one. `announce` gets a line per epoch. Raises InputError for a file that cannot be read, for a
    folder that holds another run, and for a loss that is no longer a number.
    """
    torch.use_deterministic_algorithms(settings.train.deterministic)
    order = training_order(dataset, settings)
    learner = Learner(settings, len(dataset.classes), device, order.steps_per_epoch)
    run = RunFolder(folder, origin_of(settings, dataset))
    progress = run.begin(learner, resume)
    announce(_opening(dataset, learner, progress))

    batches = training_batches(dataset, settings, order, progress.step, learner.steps)
    started = time.monotonic()
    for batch in _with_bar(batches, progress.step, learner.steps):
        progress = progress.after_step(learner.step(batch, progress.step))
        if progress.step % learner.epoch_steps == 0:
            score = _score_on_val(learner, dataset, settings, progress)
            rate = learner.optimisers.learning_rate(progress.step - 1)
            progress = progress.after_epoch(learner.epoch_steps, rate, score)
            run.keep(learner, progress)
            announce(_epoch_line(progress, settings.train.epochs, time.monotonic() - started))
        elif (
            settings.train.checkpoint_steps and progress.step % settings.train.checkpoint_steps == 0
        ):
            run.keep(learner, progress)
    announce(_closing(progress, folder))
    return progress


def _score_on_val(
    learner: Learner, dataset: AVSDataset, settings: Settings, progress: Progress
) -> dict[str, float] | None:
    """Return the figures that choose the best epoch: none without a val, None if not due."""
    if not dataset.subsets["val"]:
        return {}
    last = progress.step == learner.steps
    if not last and (progress.epoch + 1) % settings.train.validate_epochs:
        return None
    everything = evaluate(learner.model, dataset, "val", settings, learner.device)[0]
    figures = (miou_dataset(everything.confusion), f1_dataset(everything.confusion))
    return {figure.name: figure.value for figure in figures}


def _with_bar(batches: Iterable[Item], done: int, steps: int) -> Iterator[Item]:
    """Show a bar on a terminal; elsewhere the epochs' lines say enough."""
    hidden = not sys.stderr.isatty()
    with tqdm(batches, initial=done, total=steps, unit="step", leave=False, disable=hidden) as bar:
        yield from bar


def _opening(dataset: AVSDataset, learner: Learner, progress: Progress) -> str:
    sizes = ", ".join(f"{len(examples)} {name}" for name, examples in dataset.subsets.items())
    parameters = sum(p.numel() for p in learner.model.parameters()) / 1e6
    begun = f"goes on after step {progress.step}" if progress.step else "begins"
    if progress.step == learner.steps:
        begun = "finished, nothing left to do"
    return (
        f"{dataset.name}: {sizes} samples; model of {parameters:.2f} M parameters on "
        f"{learner.device}; {learner.steps} steps, {learner.epoch_steps} an epoch; {begun}"
    )


def _epoch_line(progress: Progress, epochs: int, seconds: float) -> str:
    record = progress.history[-1]
    val = "".join(f"  val {name} {value:.4f}" for name, value in record.get("val", {}).items())
    mark = "  best" if progress.best and progress.best.epoch == record["epoch"] else ""
    number, loss = record["epoch"] + 1, record["loss"]
    return f"epoch {number}/{epochs}  loss {loss:.4f}{val}{mark}  {seconds:.0f} s"


def _closing(progress: Progress, folder: Path) -> str:
    if progress.best is None or progress.best.score is None:
        return f"{folder}: val is empty, so the last epoch is kept as best.pt"
    return (
        f"{folder}: best.pt is epoch {progress.best.epoch + 1}, "
        f"miou_dataset {progress.best.score:.4f} on val"
    )
