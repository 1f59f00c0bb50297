"""Trains 20 steps in float64 as one process or as one of several, and writes what came of it.

In float32 a run of this size amplifies a rounding error of 1e-7 to 1e-2 in ten steps, so float32
cannot tell a wrong sum from another order of summation; float64 can.
"""

import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from avs_bench.config import read_preset
from avs_bench.data.loader import training_batches, training_order
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.data.vpo import read_vpo
from avs_bench.evaluation import evaluate
from avs_bench.processes import joined_processes
from avs_bench.training import cavp
from avs_bench.training.learner import Learner
from tests.bench.conftest import SMALL

CPU, STEPS = torch.device("cpu"), 20
MORE = ("train.batch_size=4", f"train.epochs={STEPS}")
single = Tensor.float


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


def main(folder: Path, out: Path) -> None:
    """Write the loss terms of every step and the counts of an evaluation to `out`."""
    torch.set_num_threads(1)
    dataset, settings = read_vpo(folder), read_preset("tiny", (*SMALL, *MORE))
    order = training_order(dataset, settings)
    with joined_processes(CPU) as processes:
        learner = Learner(settings, len(dataset.classes), CPU, order.steps_per_epoch, processes)
        (scores,) = evaluate(learner.model, dataset, "test", settings, CPU, processes=processes)
        in_double()
        learner.model.double()
        rows = processes.share(settings.train.batch_size)
        batches = training_batches(dataset, settings, order, 0, STEPS, rows)
        curve = [learner.step(batch, step) for step, batch in enumerate(batches)]
        if processes.leads:
            items = [[item.item_id, item.counts] for item in scores.items]
            out.write_text(json.dumps({"curve": curve, "items": items}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
