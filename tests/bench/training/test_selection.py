"""Which subset chooses the best epoch, and that the published habit cannot be overlooked."""

import json
import re
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from avs_bench.checkpoints.run_checkpoint import read_checkpoint, trained_model
from avs_bench.commands.main import main
from avs_bench.data.vpo import read_vpo
from avs_bench.metrics import miou_dataset
from avs_bench.scoring.evaluate import evaluate
from avs_bench.training.fit import fit
from tests.bench.conftest import SMALL
from vpo_builder.runtime.errors import InputError

CPU = torch.device("cpu")
SETS = [part for text in SMALL for part in ("--set", text)]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_published_habit_warns_first_and_last_and_marks_everything(folder, tmp_path):
    out = tmp_path / "run"
    told = ("train", "--preset", "tiny", "--data", folder, "--out", out, *SETS)
    trained = run(*told, "--select-on-test-as-published")
    assert trained.exit_code == 0, trained.output
    lines = trained.output.splitlines()
    warned = [at for at, line in enumerate(lines) if line.startswith("WARNING: --select-on-test")]
    assert warned == [0, len(lines) - 2]
    assert "on TEST" in lines[-1]
    assert json.loads((out / "config.json").read_text())["settings"]["train"]["selection"] == (
        "test-as-published"
    )

    records = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert all("test" in record and "val" not in record for record in records)
    best = read_checkpoint(out / "best.pt")
    assert best.origin.settings.train.selection == "test-as-published"
    settings = best.origin.settings
    (scores,) = evaluate(trained_model(best, CPU), read_vpo(folder), "test", settings, CPU)
    assert miou_dataset(scores.overall).value == max(r["test"]["miou_dataset"] for r in records)

    scored = run("eval", "--run", out, "--data", folder, "--examples", 0)
    assert scored.exit_code == 0, scored.output
    assert re.search(r"^tiny\b.* run \(CHOSEN ON TEST\) ", scored.output, re.M)
    reported = run("report", out)
    assert re.search(r"^tiny\b.* run \(CHOSEN ON TEST\) ", reported.output, re.M)
    resumed = run("train", "--data", folder, "--out", out, "--resume")
    assert resumed.output.count("WARNING: --select-on-test-as-published") == 2
    refused = run(*told, "--resume")
    assert "begun with train.selection" in refused.stderr


def test_without_it_training_never_looks_at_test(settings, dataset, tmp_path):
    blind = replace(dataset, subsets=dataset.subsets | {"test": ()})
    said = []
    fit(settings, blind, tmp_path / "run", device=CPU, announce=said.append)
    assert not any("TEST" in line for line in said)
    published = replace(settings, train=replace(settings.train, selection="test-as-published"))
    with pytest.raises(InputError, match="its test subset is empty, so it cannot choose"):
        fit(published, blind, tmp_path / "other", device=CPU, announce=said.append)
