"""Short runs, as one process or as a part of several, for what each step's loss was.

How much of a curve rounding alone changes depends on where it begins. A network with random
weights has gradients of length 100 and tells nothing from an error in eight steps; in float64, or
begun from weights that have learnt something, as the published runs are, it tells everything.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from avs_bench.config import Settings, read_preset
from avs_bench.data.example import AVSDataset
from avs_bench.data.loader import training_batches, training_order
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.data.vpo import read_vpo
from avs_bench.runtime.processes import ALONE, Processes
from avs_bench.scoring.evaluate import evaluate
from avs_bench.training.learner import Learner
from tests.bench.conftest import SMALL
from tests.builder.dataset_by_hand import Picture

CPU, STEPS = torch.device("cpu"), 20
EXACT = (*SMALL, "train.batch_size=4", f"train.epochs={STEPS}", "audio.seconds=1")
SHORT = (*SMALL, "train.batch_size=8", "train.epochs=10", "audio.seconds=1")
PUBLISHED_RATE = (*SHORT, "optim.lr=1e-3", "optim.audio_lr=1e-5")
"""The published rate for what sees, a hundredth of it for what hears: Adam's first steps move every
weight by the whole rate, rounding choosing the direction where the gradient is next to none."""

NAMES = ("cat", "dog", "male", "keyboard", "bus", "skateboard")
PICTURES = [
    Picture(i, "train", ((NAMES[i % 6], f"{i:011d}_000010"),), (NAMES[(i + 1) % 6],))
    for i in range(1, 17)
]
"""Two batches of eight, for `SHORT`."""

Curve = list[dict[str, float]]
single = Tensor.float


def warm_weights(folder: Path, out: Path) -> Path:
    """Train for thirty steps at a high rate, and write the weights to `out`."""
    longer = (*SHORT, "optim.lr=0.03", "train.epochs=20")
    dataset, settings = read_vpo(folder), read_preset("tiny", longer)
    learner = learner_of(dataset, settings, ALONE)
    steps(learner, dataset, settings, ALONE, 30)
    torch.save(learner.model.state_dict(), out)
    return out


def curve(
    processes: Processes, folder: Path, sets: Sequence[str], weights: Path | None, count: int
) -> Curve:
    """Return the loss terms of `count` steps from `weights`, or from random ones."""
    dataset, settings = read_vpo(folder), read_preset("tiny", tuple(sets))
    learner = learner_of(dataset, settings, processes)
    if weights:
        learner.model.load_state_dict(torch.load(weights, weights_only=True))
    return steps(learner, dataset, settings, processes, count)


def exact_curve_and_scores(
    processes: Processes, folder: Path, count: int
) -> tuple[Curve, list[object]]:
    """Return the loss terms of `count` steps in float64, and the counts of an evaluation before."""
    dataset, settings = read_vpo(folder), read_preset("tiny", EXACT)
    learner = learner_of(dataset, settings, processes)
    (scores,) = evaluate(learner.model, dataset, "test", settings, CPU, processes=processes)
    in_double()
    learner.model.double().needs = replace(learner.model.needs, front_end=spectrograms)
    items = [(item.item_id, item.counts) for item in scores.items]
    return steps(learner, dataset, settings, processes, count), items


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


def spectrograms(waveforms: Tensor) -> Tensor:
    """Return float32 spectrograms as float64."""
    torch.set_default_dtype(torch.float32)
    Tensor.float = single
    made = cavp_logmel(single(waveforms)).to(torch.float64)
    in_double()
    return made
