"""A run's folder has one writer at a time, whichever command it is."""

import json
import os
import signal

import pytest
import torch
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.training.fit import fit
from tests.bench.training.test_distributed import training
from tests.builder.runtime.test_output_lock import holder
from vpo_builder.runtime.output_lock import RUN_LOCK


@pytest.fixture
def trained(settings, dataset, tmp_path):
    fit(settings, dataset, tmp_path / "run", device=torch.device("cpu"), announce=lambda line: None)
    return tmp_path / "run"


@pytest.fixture
def busy(trained):
    """The folder of a run, and the process that works there."""
    child = holder(trained, RUN_LOCK)
    yield trained, child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_command_that_would_write_is_told_who_is_there(busy, folder, dataset):
    out, child = busy
    picture, sound = dataset.subsets["test"][0].image, dataset.subsets["test"][0].sources[0].clip
    before = contents(out)
    for words in (
        ("train", "--resume", "--data", folder, "--out", out),
        ("train", "--preset", "tiny", "--data", folder, "--out", out),
        ("eval", "--run", out, "--data", folder),
        ("eval", "--checkpoint", out / "best.pt", "--data", folder),
        ("predict", picture, "--audio", sound, "--run", out, "--out", out),
    ):
        refused = run(*words)
        assert refused.exit_code == 2, refused.output
        assert f"{out}: another avs-bench works there (process {child} on" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert contents(out) == before


def test_the_folder_of_a_killed_writer_is_taken_over(trained, folder):
    child = holder(trained, RUN_LOCK)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    scored = run("eval", "--run", trained, "--data", folder, "--examples", 0)
    assert scored.exit_code == 0, scored.output
    assert f"taking over from process {child}" in scored.stderr
    assert not (trained / RUN_LOCK).exists()


def test_of_two_trainings_at_once_one_is_refused(folder, tmp_path, begin):
    both = [begin(training(folder, tmp_path / "run")) for _ in range(2)]
    said = [process.communicate(timeout=240)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], said
    first, second = both if codes[0] == 0 else both[::-1]
    assert f"another avs-bench works there (process {first.pid} on" in said[both.index(second)]
    history = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in history] == [0, 1, 2]


def test_a_refused_beginning_leaves_no_folder(folder, tmp_path):
    out = tmp_path / "runs" / "mine"
    refused = run(
        *("train", "--preset", "tiny", "--data", folder, "--out", out),
        *("--set", "train.micro_batch_size=7"),
    )
    assert refused.exit_code == 2
    assert not out.parent.exists()
