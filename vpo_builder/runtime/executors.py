"""Runs independent tasks in this process or in several; results come in the order of the tasks.

Tasks are taken as there is room for them, so that a source of tasks which waits for the network
is never far ahead of the work. Every task may be run twice: a task writes complete files or none.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Literal

from vpo_builder.runtime.freed_memory import keep_freed_memory
from vpo_builder.runtime.interruption import uninterrupted
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.tasks import (
    MAX_DEATHS,
    WAITING_PER_WORKER,
    Batch,
    Executor,
    Result,
    Task,
    batch_size,
    batched,
    run_batch,
    worker_died,
)

ExecutorKind = Literal["local", "ray"]


def default_workers() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def open_executor(kind: ExecutorKind, workers: int) -> Iterator[Executor]:
    """Yield the executor of a kind, with so many workers."""
    if kind == "local":
        with local_executor(workers) as executor:
            yield executor
    else:
        from vpo_builder.runtime.ray_executor import ray_executor

        with ray_executor(workers) as executor:
            yield executor


@contextmanager
def local_executor(workers: int) -> Iterator[Executor]:
    """Yield an executor with `workers` processes, or one that works in this process for 1."""
    if workers == 1:
        yield SerialExecutor()
        return
    executor = PoolExecutor(workers)
    try:
        yield executor
    except BaseException:
        executor.stop()
        raise
    executor.close()


class SerialExecutor:
    """Works in this process."""

    def __call__(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], label: str
    ) -> list[Result]:
        """See Executor."""
        return list(progress(self.stream(function, tasks), len(tasks), label))

    def stream(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], size: int = 1
    ) -> Iterator[Result]:
        """See Executor."""
        keep_freed_memory()
        return map(function, tasks)


class PoolExecutor:
    """Works in processes of this machine; a worker that dies is replaced and its work done again.

    Processes are spawned, not forked: a fork of a process with threads can deadlock.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._new_pool()

    def __call__(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], label: str
    ) -> list[Result]:
        """See Executor."""
        size = batch_size(len(tasks), self._workers)
        return list(progress(self.stream(function, tasks, size), len(tasks), label))

    def stream(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], size: int = 1
    ) -> Iterator[Result]:
        """See Executor."""
        batches = ((function, batch) for batch in batched(tasks, size))
        waiting: deque[tuple[Batch, Future[list[Any]]]] = deque()
        for batch in batches:
            waiting.append((batch, self._submit(batch)))
            if len(waiting) >= self._workers * WAITING_PER_WORKER:
                yield from self._first_result(waiting)
        while waiting:
            yield from self._first_result(waiting)

    def close(self) -> None:
        """End the workers once they have nothing to do."""
        self._pool.shutdown()

    def stop(self) -> None:
        """End the workers now; what they were writing stays unwritten."""
        workers = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()

    def _submit(self, batch: Batch) -> "Future[list[Any]]":
        """Hand a batch to the pool, which may start a worker for it.

        A worker whose start is interrupted is known to nobody, and says so in a traceback.
        """
        try:
            with uninterrupted():
                return self._pool.submit(run_batch, batch[0], batch[1])
        except BrokenProcessPool as error:
            failed: Future[list[Any]] = Future()
            failed.set_exception(error)
            return failed

    def _first_result(self, waiting: deque[tuple[Batch, "Future[list[Any]]"]]) -> list[Any]:
        for _ in range(MAX_DEATHS):
            try:
                result = waiting[0][1].result()
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
                self._pool = self._new_pool()
                again = [(batch, self._submit(batch)) for batch, _ in waiting]
                waiting.clear()
                waiting.extend(again)
            else:
                waiting.popleft()
                return result
        raise worker_died()

    def _new_pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, context, initializer=_begin_worker)


def _begin_worker() -> None:
    """Leave interrupts to the parent, and end with it: nobody else would end this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    with contextlib.suppress(OSError):
        parent.join()
    os._exit(1)
