"""Runs independent tasks in this process or in several; results come in the order of the tasks."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from vpo_builder.progress import progress

Task = TypeVar("Task")
Result = TypeVar("Result")

_CHUNKS_PER_WORKER = 16


class Executor(Protocol):
    """Applies a module-level function to tasks; an exception in one ends the run."""

    def __call__(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], label: str
    ) -> list[Result]:
        """Return one result a task, in order, showing progress under `label`."""


def default_workers() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_executor(workers: int) -> Iterator[Executor]:
    """Yield an executor with `workers` processes, or one that works in this process for 1.

    Processes are spawned, not forked: a fork of a process with threads can deadlock.
    """
    if workers == 1:
        yield _run_here
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:

        def run(
            function: Callable[[Task], Result], tasks: Sequence[Task], label: str
        ) -> list[Result]:
            size = max(1, len(tasks) // (workers * _CHUNKS_PER_WORKER))
            results = pool.map(function, tasks, chunksize=size)
            return list(progress(results, len(tasks), label))

        try:
            yield run
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_here(
    function: Callable[[Task], Result], tasks: Sequence[Task], label: str
) -> list[Result]:
    return list(progress(map(function, tasks), len(tasks), label))
