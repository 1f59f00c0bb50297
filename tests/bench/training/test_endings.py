"""How a run ends before its last epoch: without patience, or by a signal while val is scored."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest
import torch

from avs_bench.checkpoints.run_checkpoint import read_checkpoint, trained_model
from avs_bench.data.vpo import read_vpo
from avs_bench.metrics import miou_dataset
from avs_bench.runtime.processes import Processes
from avs_bench.scoring.evaluate import ScoringStoppedError, evaluate
from avs_bench.training import validation
from avs_bench.training.endings import StoppedError, StopRequest
from avs_bench.training.fit import fit
from avs_bench.training.learner import Learner
from tests.bench.training.test_distributed import ENVIRONMENT, command, training
from vpo_builder.runtime.errors import InputError

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
    monkeypatch.setattr(Learner, "take", lambda *_: None)  # not even statistics move
    monkeypatch.setattr(Learner, "read", lambda _: [{"cross_entropy": 1.0}])
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


def test_patience_needs_a_val(impatient, dataset, tmp_path):
    without = replace(dataset, subsets=dataset.subsets | {"val": ()})
    with pytest.raises(InputError, match=r"train\.patience: 2 .* is empty: leave the setting at 0"):
        fit(impatient, without, tmp_path / "run", device=CPU, announce=silent)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_signal_while_val_is_scored_repeats_no_more_than_the_scoring(
    settings, dataset, tmp_path, monkeypatch, capfd, epoch
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
    answer = "stopping after this step; a second time stops at once\n"
    assert capfd.readouterr().err.count(answer) == 1
    assert len((stopped / "history.jsonl").read_text().splitlines()) == epoch - 1
    assert read_checkpoint(stopped / "last.pt").training["progress"]["step"] == 2 * epoch

    steps = []
    take = Learner.take
    monkeypatch.setattr(Learner, "take", lambda *given: steps.append(given[2]) or take(*given))
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


@pytest.mark.parametrize("answers", [True, False])
def test_a_request_answers_at_once_if_it_is_to(capfd, answers):
    with StopRequest(answers=answers) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        said = capfd.readouterr().err
    assert stop.signal == signal.SIGINT
    assert said == "stopping after this step; a second time stops at once\n" * answers


class BesideOneThatWasStopped(Processes):
    """A process whose neighbour has had a signal."""

    def largest(self, value):
        return max(value, signal.SIGTERM)


def test_scoring_stops_in_every_process_if_one_was_told_to(settings, dataset):
    model = Learner(settings, len(dataset.classes), CPU, 2).model
    with pytest.raises(ScoringStoppedError):
        evaluate(model, dataset, "val", settings, CPU, processes=BesideOneThatWasStopped())


@pytest.mark.proof
def test_two_processes_average_and_end_as_one_run(folder, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    out = tmp_path / "run"
    still = ("optim.lr=0.0", "optim.audio_lr=0.0", "train.epochs=9", "train.patience=1")
    sets = [part for text in (*still, "train.ema_decay=0.9") for part in ("--set", text)]
    for more in ((), ("--resume",)):
        done = subprocess.run(
            command(folder, out, 2, *sets, "--tensorboard", *more),
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
    assert "nothing left to do" in done.stdout
    records = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert len(records) < 9
    assert records[-1]["ended"] == "no better miou_dataset on val in 1 validation"
    assert len(list((out / "tensorboard").iterdir())) == 2  # one a run, by the first process
    best = read_checkpoint(out / "best.pt")
    (scores,) = evaluate(
        trained_model(best, CPU), read_vpo(folder), "val", best.origin.settings, CPU
    )
    assert miou_dataset(scores.overall).value == records[best.epochs - 1]["val"]["miou_dataset"]


def test_a_signal_to_every_process_of_a_run_is_graceful_too(folder, tmp_path, begin):
    """As batch systems send it: workers that it killed would end the run with a traceback."""
    run = tmp_path / "run"
    more = ("--set", "train.epochs=2000", "--set", "loader.workers=1")
    process = begin(training(folder, run, *more), new_session=True)
    deadline = time.monotonic() + 300
    while not (run / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 128 + signal.SIGTERM, said
    step = read_checkpoint(run / "last.pt").training["progress"]["step"]
    assert said.endswith(f"stopped after step {step}; go on with --resume\n")
    assert "Traceback" not in said
