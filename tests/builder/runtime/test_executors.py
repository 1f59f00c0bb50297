import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import local_executor
from vpo_builder.runtime.tasks import WAITING_PER_WORKER


def square(number: int) -> int:
    return number * number


def die_once(folder: Path) -> str:
    """Kill the worker that runs this, the first time."""
    mark = folder / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill_the_disk(_: object) -> None:
    raise OSError(28, "No space left on device", "/somewhere")


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_tasks_are_taken_as_there_is_room(workers: int) -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    with local_executor(workers) as executor:
        results = executor.stream(square, tasks())
        assert next(results) == 0
        assert taken <= workers * WAITING_PER_WORKER
        assert list(results) == [n * n for n in range(1, 100)]
        assert executor(square, range(50), "squares") == [n * n for n in range(50)]
        assert executor(square, [], "squares") == []


def test_a_worker_that_dies_is_replaced_and_one_that_always_dies_is_told_of(
    tmp_path: Path,
) -> None:
    with local_executor(2) as executor:
        assert executor(die_once, [tmp_path] * 40, "deaths") == ["alive"] * 40
        with pytest.raises(InputError, match="a worker process was killed 3 times"):
            executor(die, [0], "deaths")


def test_an_error_of_a_task_comes_through_whole() -> None:
    with pytest.raises(OSError, match="No space") as caught, local_executor(2) as executor:
        executor(fill_the_disk, [0], "writing")
    assert (caught.value.errno, caught.value.filename) == (28, "/somewhere")


def test_workers_end_with_a_parent_that_is_killed() -> None:
    script = (
        "from vpo_builder.runtime.executors import local_executor\n"
        "import os, time\n"
        "if __name__ == '__main__':\n"
        "    with local_executor(2) as executor:\n"
        "        print(*{p for p in executor(os.getpgid, [0] * 8, 'x')}, flush=True)\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    assert parent.stdout is not None
    while parent.stdout.readline().strip() != "ready":
        assert parent.poll() is None
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while members(parent.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not members(parent.pid)


def members(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, pgrp = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgrp) == group and state != "Z":
                found.append(int(entry.name))
    return found
