"""Short runs, as one process or as a part of several, for what each step's loss was.

A network with random weights has gradients of length 100, and a rounding error of float32 grows to
0.2 in eight steps, in two processes as in one that adds up in another order. float64 tells a wrong
sum from another order of summation.
"""

from pathlib import Path

import torch
from torch import Tensor

from avs_bench.config import Settings, read_preset
from avs_bench.data.example import AVSDataset
from avs_bench.data.loader import training_batches, training_order
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.data.vpo import read_vpo
from avs_bench.evaluation import evaluate
from avs_bench.processes import Processes
from avs_bench.training import cavp
from avs_bench.training.learner import Learner
from tests.bench.conftest import SMALL

CPU, STEPS = torch.device("cpu"), 20
EXACT = (*SMALL, "train.batch_size=4", f"train.epochs={STEPS}", "audio.seconds=1")

Curve = list[dict[str, float]]
single = Tensor.float


def exact_curve_and_scores(processes: Processes, folder: Path) -> tuple[Curve, list[object]]:
    """Return the loss terms of 20 steps in float64, and the counts of an evaluation before."""
    dataset, settings = read_vpo(folder), read_preset("tiny", EXACT)
    learner = learner_of(dataset, settings, processes)
    (scores,) = evaluate(learner.model, dataset, "test", settings, CPU, processes=processes)
    in_double()
    learner.model.double()
    items = [(item.item_id, item.counts) for item in scores.items]
    return steps(learner, dataset, settings, processes, STEPS), items


def learner_of(dataset: AVSDataset, settings: Settings, processes: Processes) -> Learner:
    epoch_steps = training_order(dataset, settings).steps_per_epoch
    return Learner(settings, len(dataset.classes), CPU, epoch_steps, processes)


def steps(
    learner: Learner, dataset: AVSDataset, settings: Settings, processes: Processes, count: int
) -> Curve:
    order = training_order(dataset, settings)
    rows = processes.share(settings.train.batch_size)
    batches = training_batches(dataset, settings, order, 0, count, rows)
    return [learner.step(batch, step) for step, batch in enumerate(batches)]


def in_double() -> None:
    """Let everything behind the spectrograms be float64."""
    torch.set_default_dtype(torch.float64)
    Tensor.float = Tensor.double
    cavp.cavp_logmel = spectrograms


def spectrograms(waveforms: Tensor) -> Tensor:
    """Return float32 spectrograms as float64."""
    torch.set_default_dtype(torch.float32)
    Tensor.float = single
    made = cavp_logmel(single(waveforms)).to(torch.float64)
    in_double()
    return made
