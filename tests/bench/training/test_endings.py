"""How a run ends before its last epoch: without patience, or by a signal while val is scored."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from avs_bench.checkpoint import read_checkpoint
from avs_bench.evaluation import ScoringStoppedError, evaluate
from avs_bench.training import validation
from avs_bench.training.fit import fit
from avs_bench.training.learner import Learner
from avs_bench.training.stopping import StoppedError
from vpo_builder.errors import InputError

CPU = torch.device("cpu")


def silent(line):
    pass


def changed(settings, **train):
    return replace(settings, train=replace(settings.train, **train))


@pytest.fixture
def impatient(settings):
    """Weights that stand still never score better than after the first epoch."""
    still = replace(settings, optim=replace(settings.optim, lr=0.0, audio_lr=0.0))
    return changed(still, patience=2, epochs=9)


def test_a_run_without_a_better_val_ends_and_says_why(impatient, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(Learner, "step", lambda *_: {"cross_entropy": 1.0})  # not even statistics
    said = []
    fit(impatient, dataset, tmp_path / "run", device=CPU, announce=said.append)
    history = (tmp_path / "run" / "history.jsonl").read_bytes()
    records = [json.loads(line) for line in history.splitlines()]
    assert [record.get("ended") for record in records] == [
        None,
        None,
        "no better miou_dataset on val in 2 validations",
    ]
    assert "ended early, after epoch 3 (no better miou_dataset on val in 2" in said[-1]
    assert "best.pt is epoch 1, miou_dataset" in said[-1]

    said.clear()
    fit(impatient, dataset, tmp_path / "run", device=CPU, announce=said.append, resume=True)
    assert len(said) == 2
    assert "ended early, after epoch 3" in said[0]
    assert said[0].endswith("nothing left to do")
    assert (tmp_path / "run" / "history.jsonl").read_bytes() == history


def test_patience_needs_a_val_and_a_number_of_validations(impatient, dataset, tmp_path):
    without = replace(dataset, subsets=dataset.subsets | {"val": ()})
    with pytest.raises(InputError, match=r"train\.patience: 2 .* is empty: leave the setting at 0"):
        fit(impatient, without, tmp_path / "run", device=CPU, announce=silent)
    with pytest.raises(InputError, match=r"train\.patience: expected at least 0 .*, got -1"):
        fit(changed(impatient, patience=-1), dataset, tmp_path / "run", device=CPU, announce=silent)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_signal_while_val_is_scored_repeats_no_more_than_the_scoring(
    settings, dataset, tmp_path, monkeypatch, epoch
):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    fit(settings, dataset, whole, device=CPU, announce=silent)
    scored = []

    def interrupted(*arguments, **options):
        scored.append(None)
        if len(scored) == epoch:
            os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(*arguments, **options)

    monkeypatch.setattr(validation, "evaluate", interrupted)
    with pytest.raises(StoppedError, match=f"after step {2 * epoch}"):
        fit(settings, dataset, stopped, device=CPU, announce=silent)
    assert len((stopped / "history.jsonl").read_text().splitlines()) == epoch - 1
    assert read_checkpoint(stopped / "last.pt").training["progress"]["step"] == 2 * epoch

    steps = []
    take = Learner.step
    monkeypatch.setattr(Learner, "step", lambda *given: steps.append(given[2]) or take(*given))
    said = []
    fit(settings, dataset, stopped, device=CPU, announce=said.append, resume=True)
    assert f"goes on after step {2 * epoch}" in said[0]
    assert steps == list(range(2 * epoch, 6))
    assert (stopped / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()
    first, second = (read_checkpoint(run / "best.pt").model for run in (whole, stopped))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_scoring_stops_after_the_batch_under_way(settings, dataset):
    model = Learner(settings, len(dataset.classes), CPU, 2).model
    one = replace(settings, evaluation=replace(settings.evaluation, batch_size=1))
    seen = []
    with pytest.raises(ScoringStoppedError):
        evaluate(
            model,
            dataset,
            "test",
            one,
            CPU,
            watch=lambda batch, row, pred: seen.append(row),
            stopped_by=lambda: signal.SIGTERM if seen else 0,
        )
    assert len(seen) == 1
