"""When a process of a run is lost the others end soon, with one line, and --resume goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest

from avs_bench.checkpoints.run_checkpoint import read_checkpoint
from avs_bench.runtime import heartbeats
from tests.bench.training.gloo import free_port
from tests.bench.training.test_distributed import ENVIRONMENT, command

LONG = ("--set", "train.epochs=400", "--set", "train.checkpoint_steps=1")
WHOLE = ("--set", "train.epochs=6", "--set", "train.checkpoint_steps=1")


def begin(folder, out, *more, data=None):
    """Start two processes as torchrun would, without its keeper that ends the other one."""
    port, processes = free_port(), []
    for rank in range(2):
        variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2}
        variables |= {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
        processes.append(
            subprocess.Popen(
                command((data or {}).get(rank, folder), out, 1, *more),
                env=ENVIRONMENT | {name: str(value) for name, value in variables.items()},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def await_checkpoint(out, *processes):
    deadline = time.monotonic() + 120
    while not (out / "last.pt").exists():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)


def lines(stderr):
    """Return what a run said but for its bars."""
    return [line for line in stderr.splitlines() if line.strip() and "step" not in line[:60]]


@pytest.mark.parametrize("lost", [pytest.param(0, marks=pytest.mark.proof), 1])
def test_a_killed_process_ends_the_other_and_the_run_goes_on(lost, folder, tmp_path):
    out, whole = tmp_path / "run", tmp_path / "whole"
    processes = begin(folder, out, *WHOLE)
    await_checkpoint(out, *processes)
    processes[lost].kill()
    killed = time.monotonic()
    _, said = processes[1 - lost].communicate(timeout=240)
    assert time.monotonic() - killed < 30
    assert processes[1 - lost].returncode == 2, said
    assert lines(said) == [f"error: {heartbeats.LOST}"]
    processes[lost].communicate()
    step = read_checkpoint(out / "last.pt").training["progress"]["step"]
    assert 0 < step < 6

    for target, more in ((out, ("--resume",)), (whole, ())):
        both = begin(folder, target, *WHOLE, *more)
        ends = [process.communicate(timeout=240) for process in both]
        assert [process.returncode for process in both] == [0, 0], ends
    assert (out / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()
    assert (out / "best.pt").read_bytes() == (whole / "best.pt").read_bytes()


def test_under_torchrun_there_is_one_line_of_ours(folder, tmp_path):
    out = tmp_path / "run"
    run = subprocess.Popen(
        command(folder, out, 2, *LONG),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    await_checkpoint(out, run)
    children = subprocess.run(
        ["pgrep", "-P", str(run.pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(children.stdout.split()[-1]), signal.SIGKILL)
    _, said = run.communicate(timeout=240)
    assert run.returncode != 0
    assert said.count(f"error: {heartbeats.LOST}") == 1, said
    assert "gloo" not in said
    assert "c10::" not in said


def test_a_process_that_cannot_read_the_dataset_ends_both_with_its_line(folder, tmp_path):
    both = begin(folder, tmp_path / "run", *WHOLE, data={1: tmp_path / "elsewhere"})
    ends = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [2, 2], ends
    (line,) = [line for said in ends for line in lines(said)]
    assert "elsewhere: no such folder" in line


def test_a_batch_that_cannot_be_shared_equally_is_one_line(folder, tmp_path):
    both = begin(folder, tmp_path / "run", *WHOLE, "--set", "train.batch_size=3")
    ends = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [2, 2], ends
    (line,) = [line for said in ends for line in lines(said)]
    assert "train.batch_size 3 is the batch of all processes together" in line


def test_a_process_that_hangs_is_noticed():
    script = (
        "import os, signal, sys, torch, avs_bench.runtime.heartbeats as beats\n"
        "from avs_bench.runtime.processes import joined_processes\n"
        "beats.SILENT_SECONDS = beats.GRACE_SECONDS = 3.0\n"
        "with joined_processes(torch.device('cpu')) as processes:\n"
        "    processes.largest(1)\n"
        "    if processes.rank: os.kill(os.getpid(), signal.SIGSTOP)\n"
        "    processes.largest(1)\n"
    )
    port, both = free_port(), []
    for rank in range(2):
        variables = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
        environment = ENVIRONMENT | {name: str(value) for name, value in variables.items()}
        both.append(
            subprocess.Popen(
                [sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE, text=True
            )
        )
    _, said = both[0].communicate(timeout=240)
    both[1].kill()
    both[1].communicate()
    assert both[0].returncode == 2
    assert lines(said) == [f"error: {heartbeats.LOST}"]
