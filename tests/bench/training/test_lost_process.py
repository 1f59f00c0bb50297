"""When a process of a run is lost the others end soon, with one line, and --resume goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from avs_bench.checkpoints.run_checkpoint import read_checkpoint
from avs_bench.runtime import heartbeats
from avs_bench.runtime.processes import joined_processes
from tests.bench.training.gloo import free_port
from tests.bench.training.test_distributed import ENVIRONMENT, command, training

LONG = ("--set", "train.epochs=400", "--set", "train.checkpoint_steps=1")
WHOLE = ("--set", "train.epochs=6", "--set", "train.checkpoint_steps=1")


def ranks():
    """Return the variables by which torchrun tells each of two processes of the other."""
    together = {"WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": free_port()}
    return [{"RANK": rank, "LOCAL_RANK": rank, **together} for rank in range(2)]


def begin_both(begin, folder, out, *more, second=None):
    """Begin two processes as torchrun would, without its keeper that ends the other one.

    The second one reads the dataset in the folder `second`, if it is given.
    """
    words = (training(data, out, *more) for data in (folder, second or folder))
    return [begin(*given) for given in zip(words, ranks(), strict=True)]


def begin_an_interpreter(words, variables):
    return subprocess.Popen(
        [sys.executable, "-m", "avs_bench", *map(str, words)],
        env=ENVIRONMENT | {name: str(value) for name, value in variables.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_checkpoint(out, *processes):
    deadline = time.monotonic() + 120
    while not (out / "last.pt").exists():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)


def lines(stderr):
    """Return what a run said but for its bars."""
    return [line for line in stderr.splitlines() if line.strip() and "step" not in line[:60]]


@pytest.mark.proof
@pytest.mark.parametrize("lost", [0, 1])
def test_a_killed_interpreter_ends_the_other_and_the_run_goes_on(lost, folder, tmp_path):
    lose_and_go_on(begin_an_interpreter, lost, folder, tmp_path)


def test_a_killed_process_ends_the_other_and_the_run_goes_on(folder, tmp_path, begin):
    lose_and_go_on(begin, 1, folder, tmp_path)  # of the loss of 0 a torch imported before us tells


def lose_and_go_on(begin, lost, folder, tmp_path):
    out, whole = tmp_path / "run", tmp_path / "whole"
    processes = begin_both(begin, folder, out, *WHOLE)
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
        both = begin_both(begin, folder, target, *WHOLE, *more)
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


def test_a_process_that_cannot_read_the_dataset_ends_both_with_its_line(folder, tmp_path, begin):
    elsewhere = tmp_path / "elsewhere"
    both = begin_both(begin, folder, tmp_path / "run", *WHOLE, second=elsewhere)
    ends = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [2, 2], ends
    (line,) = [line for said in ends for line in lines(said)]
    assert "elsewhere: no such folder" in line


def test_files_that_both_miss_are_one_line(folder, dataset, tmp_path, begin):
    for example in dataset.subsets["train"]:
        example.sources[0].clip.unlink(missing_ok=True)
    both = begin_both(begin, folder, tmp_path / "run", *WHOLE)
    ends = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [2, 2], ends
    (line,) = [line for said in ends for line in lines(said)]
    assert "no such file, though the dataset lists it" in line


def test_a_batch_that_cannot_be_shared_equally_is_one_line(folder, tmp_path, begin):
    both = begin_both(begin, folder, tmp_path / "run", *WHOLE, "--set", "train.batch_size=3")
    ends = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [2, 2], ends
    (line,) = [line for said in ends for line in lines(said)]
    assert "train.batch_size 3 is the batch of all processes together" in line


def hang(words):
    """Be one of two processes, of which the second one stands still."""
    heartbeats.SILENT_SECONDS = heartbeats.GRACE_SECONDS = 3.0
    with joined_processes(torch.device("cpu")) as processes:
        processes.largest(1)
        if processes.rank:
            os.kill(os.getpid(), signal.SIGSTOP)
        processes.largest(1)


def test_a_process_that_hangs_is_noticed(begin):
    first, second = (begin((), variables, program=hang) for variables in ranks())
    _, said = first.communicate(timeout=240)
    assert second.returncode is None
    assert first.returncode == 2
    assert lines(said) == [f"error: {heartbeats.LOST}"]
