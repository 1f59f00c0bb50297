"""avs-bench robust on a run of a second: what it writes, draws beside another, and refuses."""

import shutil

import pytest
import torch
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.results.files import read_result
from avs_bench.training.fit import fit


def robust(*words):
    return CliRunner().invoke(main, ["robust", *map(str, words), "--device", "cpu"])


@pytest.fixture
def run(settings, dataset, tmp_path):
    fit(settings, dataset, tmp_path / "run", device=torch.device("cpu"), announce=lambda _: None)
    return tmp_path / "run"


def test_a_run_is_scored_at_every_level_and_drawn_beside_itself(run, folder, tmp_path):
    asked = (
        "--run",
        run,
        "--data",
        folder,
        "--corruption",
        "low-pass,brightness",
        "--levels",
        "1,5",
    )
    first = robust(*asked)
    assert first.exit_code == 0, first.output
    stored = read_result(run / "robust-best-vpo-ss-test.json")
    assert [one.probe for one in stored.probes] == [
        *("low-pass@1", "low-pass@5", "brightness@1", "brightness@5")
    ]
    assert all(len(one.answer.items) == 3 for one in stored.probes)
    again = robust(*asked, "--beside", run)
    assert again.exit_code == 0, again.output
    assert read_result(run / "robust-best-vpo-ss-test.json") == stored
    assert (run / "robust-best-vpo-ss-test.html").read_text(encoding="utf-8").count(
        '<svg viewBox="0 0 100'
    ) == 2

    other = shutil.copytree(run, tmp_path / "other")
    part = robust(*asked, "--pictures", "2", "--precision", "bf16", "--beside", run)
    assert part.exit_code == 0, part.output
    kept = read_result(run / "robust-best-vpo-ss-test-bf16.json")
    assert [len(one.answer.items) for one in kept.probes] == [2] * 4
    assert kept.precision == "bf16"
    assert kept.command.endswith("--pictures 2 --probe-seed 0 --precision bf16")

    words = ("--of", "sound", "--levels", "4", "--pictures", "1")
    alone = robust("--run", run, "--data", folder, *words)
    assert alone.exit_code == 0, alone.output
    assert "left out, too few voices of other classes: distractors@4\n" in alone.stderr
    kept = read_result(run / "robust-best-vpo-ss-test.json")
    assert {"snr-babble@4", "opus@4"} < {one.probe for one in kept.probes}
    assert "distractors@4" not in {one.probe for one in kept.probes}

    for words, said in (
        (["--levels", "0"], "numbers of 1 to 5"),
        (["--levels", "1,x"], "numbers of 1 to 5"),
        (["--corruption", "fog"], "no corruption 'fog'"),
        (["--corruption", "jpeg", "--of", "sound"], "leave one out"),
        (["--corruption", "pan-error"], "expected 2"),
        (["--corruption", "jpeg", "--levels", "1", "--beside", folder], "run avs-bench robust"),
        ([*asked[4:], "--pictures", "1", "--beside", other], "as many --pictures"),
    ):
        refused = robust("--run", run, "--data", folder, *words)
        assert refused.exit_code == 2, refused.output
        assert said in refused.output
        assert refused.output.strip().count("\n") == 0
