"""The moving average of the weights: what it is, that val scores it, and that it resumes."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from avs_bench.checkpoints.run_checkpoint import read_checkpoint, trained_model
from avs_bench.data.loader import training_batches, training_order
from avs_bench.metrics import miou_dataset
from avs_bench.scoring.evaluate import evaluate
from avs_bench.training.averaging import averaging_of
from avs_bench.training.endings import StoppedError
from avs_bench.training.fit import fit
from avs_bench.training.learner import Learner

CPU = torch.device("cpu")


@pytest.fixture
def averaged(settings):
    return replace(settings, train=replace(settings.train, ema_decay=0.9))


def silent(line):
    pass


def test_the_decay_rises_to_the_one_given_so_that_a_short_run_forgets_its_beginning():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 100.0)
    average = averaging_of(model, 0.5)
    expected = 0.0
    for step in range(20):
        nn.init.constant_(model.weight, float(step))
        average.add(model, step)
        decay = min(0.5, step / (9 + step))
        expected = decay * expected + (1 - decay) * step
        assert average.model.weight.item() == pytest.approx(expected, rel=1e-6)
    assert averaging_of(model, 0.0) is None


def test_statistics_are_averaged_and_counts_are_copied():
    model = nn.BatchNorm1d(2)
    average = averaging_of(model, 0.5)
    for step, mean in enumerate((4.0, 8.0)):
        model.running_mean.fill_(mean)
        model.num_batches_tracked.fill_(step + 1)
        average.add(model, step)
    decay = 1 / 10
    assert average.model.running_mean[0].item() == pytest.approx(decay * 4 + (1 - decay) * 8)
    assert average.model.num_batches_tracked == 2


@pytest.mark.parametrize("micro_batch_size", [0, 2])
def test_a_step_counts_once_in_however_many_parts(averaged, dataset, micro_batch_size):
    train = replace(averaged.train, micro_batch_size=micro_batch_size, batch_size=4)
    settings = replace(averaged, train=train)
    order = training_order(dataset, settings)
    learner = Learner(settings, len(dataset.classes), CPU, order.steps_per_epoch)
    name = "head.classifier.weight"
    expected = torch.zeros_like(learner.model.state_dict()[name])
    for step, batch in enumerate(training_batches(dataset, settings, order, 0, 3)):
        learner.step(batch, step)
        expected.lerp_(learner.model.state_dict()[name], 1 - step / (9 + step))
        torch.testing.assert_close(learner.scored_model.state_dict()[name], expected)


def test_best_is_the_average_that_val_scored_and_last_keeps_both(averaged, dataset, tmp_path):
    progress = fit(averaged, dataset, tmp_path / "run", device=CPU, announce=silent)
    best, last = (read_checkpoint(tmp_path / "run" / name) for name in ("best.pt", "last.pt"))
    (scores,) = evaluate(trained_model(best, CPU), dataset, "val", averaged, CPU)
    assert miou_dataset(scores.overall).value == progress.best.score

    weights = last.training["learner"]["weights"]
    differing = [name for name in weights if not torch.equal(weights[name], last.model[name])]
    assert "head.classifier.weight" in differing
    without = replace(averaged, train=replace(averaged.train, ema_decay=0.0))
    fit(without, dataset, tmp_path / "without", device=CPU, announce=silent)
    plain = read_checkpoint(tmp_path / "without" / "last.pt").model
    assert all(torch.equal(plain[name], weights[name]) for name in weights)


def test_a_stopped_run_resumes_to_the_same_average(averaged, dataset, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    fit(averaged, dataset, whole, device=CPU, announce=silent)

    def stop(line):
        if line.startswith("epoch 1/"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError, match="after step 2"):
        fit(averaged, dataset, stopped, device=CPU, announce=stop)
    fit(averaged, dataset, stopped, device=CPU, announce=silent, resume=True)

    histories = [(run / "history.jsonl").read_text().splitlines() for run in (whole, stopped)]
    assert [json.loads(line) for line in histories[0]] == [json.loads(x) for x in histories[1]]
    first, second = (read_checkpoint(run / "last.pt") for run in (whole, stopped))
    for name, value in first.model.items():
        assert torch.equal(value, second.model[name]), name
