"""A run that is killed by SIGKILL again and again ends as one that never was.

`make test` kills a forked run twice; `make prove-resume` kills an interpreter's ten times, and four
times one of AVSegFormer, which takes two minutes.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from avs_bench.checkpoints.run_checkpoint import read_checkpoint
from avs_bench.config import read_preset
from avs_bench.data.datasets import read_dataset
from avs_bench.models import registry
from avs_bench.training.fit import fit
from tests.avsbench_trees import write_s4
from tests.bench.conftest import SMALL
from tests.bench.models.small_models import small_avsegformer
from tests.bench.training.doomed_train import ROOT, Moment, doomed
from tests.bench.training.forked import Forked
from tests.bench.training.test_avsegformer_run import PRESET, VIDEOS
from tests.bench.training.test_avsegformer_run import SMALL as SMALL_AVSEGFORMER

NEVER = ("none", 0, 0)
TWICE = ("step", "checkpoint")
TEN_TIMES = (
    *("imports", "set-up", "reading", "step", "step", "step"),
    *("validation", "validation", "checkpoint", "checkpoint"),
)
FOUR_TIMES = ("reading", "step", "validation", "checkpoint")
MOST_SIGHTINGS = {"imports": 200, "set-up": 10, "reading": 3}
"""Milliseconds that a phase lasts, on a fast machine; of the other phases six."""


def moments(phases: Sequence[str], seed: int) -> Iterator[Moment]:
    """Yield a random moment in each of the phases, in random order."""
    draw = random.Random(seed)
    for phase in draw.sample(phases, len(phases)):
        checkpoints = 0 if phase in ("imports", "set-up") else draw.randint(0, 3)
        yield Moment(phase, checkpoints, draw.randint(1, MOST_SIGHTINGS.get(phase, 6)))


Run = Callable[[Sequence[object]], tuple[int, str]]
"""Runs `doomed` with some words, and returns its exit code and what it said to stderr."""


def in_an_interpreter(words: Sequence[object]) -> tuple[int, str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.bench.training.doomed_train", *map(str, words)]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stderr


def in_a_fork(words: Sequence[object]) -> tuple[int, str]:
    process = Forked(words, program=doomed)
    _, said = process.communicate()
    return process.returncode, said


def same(one: object, other: object) -> bool:
    """Return whether two contents of checkpoints are the same to the last bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def steps_kept(run: Path) -> int:
    last = run / "last.pt"
    return read_checkpoint(last).training["progress"]["step"] if last.exists() else 0


@pytest.mark.parametrize(
    ("run", "phases", "epochs"),
    [
        pytest.param(in_a_fork, TWICE, 4, id="twice"),
        pytest.param(in_an_interpreter, TEN_TIMES, 16, id="ten times", marks=pytest.mark.proof),
    ],
)
def test_a_run_killed_again_and_again_ends_as_one_that_never_was(
    run, phases, epochs, folder, tmp_path
):
    changed = (*SMALL, f"train.epochs={epochs}", "train.checkpoint_steps=1")
    kill_and_compare(run, moments(phases, seed=0), "tiny", changed, folder, tmp_path)


@pytest.mark.proof
def test_a_run_of_avsegformer_killed_again_and_again_ends_as_one_that_never_was(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(registry.MODELS, "avsegformer-r50", small_avsegformer)
    data = write_s4(tmp_path / "data", VIDEOS)
    changed = (*SMALL_AVSEGFORMER, "train.epochs=8")
    deaths = moments(FOUR_TIMES, seed=1)
    kill_and_compare(in_an_interpreter, deaths, PRESET, changed, data, tmp_path)


def kill_and_compare(
    run: Run,
    deaths: Iterable[Moment],
    preset: str,
    changed: Sequence[str],
    data: Path,
    folder: Path,
) -> None:
    """Train once undisturbed and once with a kill at each of the moments, and compare the files."""
    whole, killed, report = folder / "whole", folder / "killed", folder / "report"
    quiet = {"device": torch.device("cpu"), "announce": lambda line: None}
    fit(read_preset(preset, tuple(changed)), read_dataset(data), whole, **quiet)
    steps = steps_kept(whole)

    words = ["train", "--preset", preset, "--data", data, "--out", killed, "--resume"]
    words += [word for setting in changed for word in ("--set", setting)]
    for moment in deaths:
        at = (moment.phase, moment.checkpoints, moment.sighting)
        code, said = run([report, *at, *words])
        assert code == -signal.SIGKILL, said
        kept = f"{steps_kept(killed)} of {steps} steps kept"
        print(f"{moment}: died in {report.read_text()}, {kept}, left behind {left_over(killed)}")
    code, said = run([report, *NEVER, *words])
    assert code == 0, said

    assert (killed / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()
    for name in ("last.pt", "best.pt"):
        expected, found = (read_checkpoint(run / name) for run in (whole, killed))
        assert same(vars(expected) | {"where": ""}, vars(found) | {"where": ""})
    assert (killed / "best.pt").read_bytes() == (whole / "best.pt").read_bytes()
    assert left_over(killed) == []


def left_over(run: Path) -> list[str]:
    """Return the files that a killed writer had begun."""
    return sorted(path.name for path in run.glob(".*"))
