"""What an executor is, and how its tasks are dealt out in batches.

Every task may be run twice: a task writes complete files or none.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.freed_memory import keep_freed_memory

Task = TypeVar("Task")


Result = TypeVar("Result")


Batch = tuple[Callable[[Any], Any], tuple[Any, ...]]


WAITING_PER_WORKER = 4
"""Batches handed out ahead of their results; more would only hold memory."""


MAX_DEATHS = 3
"""So often in a row may a worker die over the same batch before the run ends."""


BATCHES_PER_WORKER = 16
"""How finely a list of tasks is dealt out: few enough to be quick, enough to balance."""


class Executor(Protocol):
    """Applies a module-level function to tasks; an exception in one ends the run."""

    def __call__(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], label: str
    ) -> list[Result]:
        """Return one result a task, in order, showing progress under `label`."""

    def stream(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], size: int = 1
    ) -> Iterator[Result]:
        """Yield one result a task, in order; `size` tasks go to a worker at once."""


def batch_size(tasks: int, workers: int) -> int:
    """Return how many of a list of tasks go to a worker at once."""
    return max(1, tasks // (workers * BATCHES_PER_WORKER))


def run_batch(function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
    """Return the result of each task of a batch."""
    keep_freed_memory()
    return [function(task) for task in tasks]


def batched(tasks: Iterable[Task], size: int) -> Iterator[tuple[Task, ...]]:
    """Yield the tasks in tuples of `size`, the last one shorter."""
    iterator = iter(tasks)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def worker_died() -> InputError:
    """Return the error of a run whose workers die again and again."""
    return InputError(
        f"a worker process was killed {MAX_DEATHS} times over the same work, perhaps for want of "
        "memory: give fewer --workers and run the same command again; it resumes"
    )
