"""Several processes train like one, and stop, fail and resume together."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from avs_bench.checkpoints.run_checkpoint import read_checkpoint
from avs_bench.data.batch import Loaded, collate
from avs_bench.data.example import Example
from avs_bench.models.shared_statistics import AllReducedBatchNorm
from avs_bench.runtime.processes import ALONE
from avs_bench.training.bank import Sounds
from tests.bench.conftest import SMALL
from tests.bench.training.curves import (
    PICTURES,
    PUBLISHED_RATE,
    SHORT,
    STEPS,
    curve,
    exact_curve_and_scores,
    warm_weights,
)
from tests.bench.training.gloo import free_port, run_together
from tests.builder.dataset_by_hand import write_dataset

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
FLAGS = [part for text in (*SMALL, "train.batch_size=4") for part in ("--set", text)]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
ROOT = Path(__file__).parents[3]


def command(folder, out, processes, *more):
    several = [*TORCHRUN, f"--nproc-per-node={processes}"]
    start = several if processes > 1 else [sys.executable]
    return [*start, "-m", "avs_bench", *map(str, training(folder, out, *more))]


def training(folder, out, *more):
    """Return the words that follow `avs-bench`."""
    told = ("--preset", "tiny", "--data", folder, "--out", out, "--device", "cpu")
    return ["train", *told, *FLAGS, *more]


@pytest.mark.parametrize("count", [8, pytest.param(STEPS, marks=pytest.mark.proof)])
def test_two_processes_have_the_curve_and_the_scores_of_one(folder, count):
    (one,) = run_together(1, exact_curve_and_scores, folder, count)
    two, other = run_together(2, exact_curve_and_scores, folder, count)
    assert two == other
    assert len(one[0]) == count
    for alone, together in zip(one[0], two[0], strict=True):
        assert together == pytest.approx(alone, abs=1e-9)
    assert len(one[1]) == 3
    assert two[1] == one[1]


def apart(one, other):
    """Return the largest difference of any loss term in any step."""
    pairs = zip(one, other, strict=True)
    return max(abs(a[name] - b[name]) for a, b in pairs for name in a)


@pytest.mark.proof
def test_two_processes_have_the_curve_of_one_in_float32(tmp_path):
    folder = write_dataset(tmp_path / "data", PICTURES)
    weights = warm_weights(folder, tmp_path / "warm.pt")
    one = curve(ALONE, folder, PUBLISHED_RATE, weights, STEPS)
    two, _ = run_together(2, curve, folder, PUBLISHED_RATE, weights, STEPS)
    strayed = apart(one, two)

    # From random weights the sums' order is all it takes: one process whose convolutions add up in
    # another order strays from itself no less than two processes do from one.
    wild = (folder, SHORT, None, 8)
    one, (two, _) = curve(ALONE, *wild), run_together(2, curve, *wild)
    reordered = curve(ALONE, folder, (*SHORT, "train.channels_last=true"), None, 8)
    chaos, rounding = apart(one, two), apart(one, reordered)
    print(
        f"{STEPS} steps: {strayed:.1e}; from random weights {chaos:.1e}, reordered {rounding:.1e}"
    )
    assert strayed < 1e-4
    assert chaos < 30 * rounding


def shown_torchrun() -> list[str]:
    """Return the words of the one line of the guide to training that takes several processes."""
    lines = (ROOT / "docs" / "train.md").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("torchrun --"))
    return shlex.split(line)


@pytest.mark.proof
def test_the_guides_torchrun_line_trains_stops_and_resumes_in_two_processes(folder, tmp_path):
    assert folder == tmp_path / "data/VPO/VPO-SS"  # where the line looks
    words = shown_torchrun()
    out = tmp_path / words[words.index("--out") + 1]
    smaller = (*SMALL, "model.name=tiny", "loader.workers=0", "train.batch_size=4")
    many = (*smaller, "train.epochs=12", "train.checkpoint_steps=1")
    words += [part for text in many for part in ("--set", text)]
    environment = ENVIRONMENT | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PET_MASTER_PORT": str(free_port()),  # torchrun's own is one for all on a machine
    }
    told = {"env": environment, "cwd": tmp_path, "text": True}
    begun = subprocess.Popen(words, **told, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (out / "last.pt").exists() and begun.poll() is None:
        time.sleep(0.02)
    begun.send_signal(signal.SIGTERM)
    said, complained = begun.communicate(timeout=300)
    kept = read_checkpoint(out / "last.pt").training["progress"]["step"]
    assert f"stopped after step {kept}; go on with --resume" in complained, said + complained

    done = subprocess.run([*words, "--resume"], **told, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("samples; model of") == 1
    assert f"goes on after step {kept}" in done.stdout
    lines = (out / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(12))


@pytest.mark.proof
def test_under_torchrun_an_error_is_one_line(folder, dataset, tmp_path):
    for example in dataset.subsets["train"]:
        example.sources[0].clip.unlink(missing_ok=True)
    done = subprocess.run(
        command(folder, tmp_path / "run", 2),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1


def test_an_interrupt_keeps_the_step(folder, tmp_path, begin):
    process = begin(training(folder, tmp_path / "run", "--set", "train.epochs=2000"))
    deadline = time.monotonic() + 90
    while not (tmp_path / "run" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    step = read_checkpoint(tmp_path / "run" / "last.pt").training["progress"]["step"]
    assert said.endswith(f"stopped after step {step}; go on with --resume\n")
    assert "Traceback" not in said


def kinds_heard(processes, kinds):
    return Sounds.of_all(batch_of_kinds(kinds[processes.rank]), processes).kinds.tolist()


def batch_of_kinds(kinds):
    nothing = torch.zeros(3, 16, 16, dtype=torch.uint8)
    frames = [Example(kind, Path("x"), None, 16, 16, (), {}, sound_kind=kind) for kind in kinds]
    items = [Loaded(e, nothing, nothing[0].long(), np.zeros((1, 9), "f4"), ()) for e in frames]
    return collate(items, classes=2)


def test_sounds_of_a_kind_in_one_process_and_of_none_in_another_are_told_apart():
    found = run_together(2, kinds_heard, [["", ""], ["dog", ""]])
    assert found[0] == found[1]
    assert [kind == found[0][0] for kind in found[0]] == [True, True, False, True]


def test_shared_statistics_are_those_of_the_whole_batch():
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    try:
        norm = torch.nn.BatchNorm2d(3).double()
        ours = AllReducedBatchNorm.like(torch.nn.BatchNorm2d(3).double())
        for _ in range(2):
            x = torch.randn(4, 3, 5, 5, dtype=torch.double, requires_grad=True)
            y = x.detach().clone().requires_grad_()
            norm(x).pow(3).sum().backward()
            ours(y).pow(3).sum().backward()
            torch.testing.assert_close(y.grad, x.grad)
        for name, value in norm.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value)
        torch.testing.assert_close(ours.weight.grad, norm.weight.grad)
    finally:
        torch.distributed.destroy_process_group()
