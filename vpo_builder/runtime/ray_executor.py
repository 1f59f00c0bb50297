"""Runs tasks on a Ray cluster, or on a small one started here: the extra `ray`.

Only Ray's tasks are used, over batches that may run twice. All machines of a cluster must see the
sources and the output folder under the same paths.
"""

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.tasks import (
    MAX_DEATHS,
    WAITING_PER_WORKER,
    Executor,
    Result,
    Task,
    batch_size,
    batched,
    run_batch,
    worker_died,
)

OBJECT_STORE_BYTES = 80 * 2**20
"""Tasks and results are a few kilobytes; Ray would take a third of the memory."""


@contextlib.contextmanager
def ray_executor(workers: int) -> Iterator[Executor]:
    """Yield an executor on the cluster of RAY_ADDRESS, or on `workers` processes here.

    Raises InputError if Ray is not installed or its cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise InputError(
            "--executor ray: Ray is not installed: pip install 'avs-toolkit[ray]', or leave "
            "--executor out"
        ) from None
    begun = not ray.is_initialized()
    if begun:
        _begin(ray, workers)
    try:
        yield RayExecutor(ray)
    finally:
        if begun:
            ray.shutdown()


class RayExecutor:
    """Works in Ray's workers; one that dies is replaced by Ray, and its batch done again."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._run = ray.remote(max_retries=MAX_DEATHS)(run_batch)
        self._workers = max(1, int(ray.cluster_resources().get("CPU", 1)))

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
        waiting: deque[Any] = deque()
        for batch in batched(tasks, size):
            waiting.append(self._run.remote(function, batch))
            if len(waiting) >= self._workers * WAITING_PER_WORKER:
                yield from self._result(waiting.popleft())
        while waiting:
            yield from self._result(waiting.popleft())

    def _result(self, reference: Any) -> list[Any]:
        errors = self._ray.exceptions
        try:
            result: list[Any] = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from None
        except (errors.WorkerCrashedError, errors.OutOfMemoryError):
            raise worker_died() from None
        except errors.RayError as error:
            first = str(error).strip().partition("\n")[0]
            raise InputError(
                f"--executor ray: the cluster failed: {first}; run the same command again; it "
                "resumes"
            ) from None
        return result


def _begin(ray: Any, workers: int) -> None:
    """Join the cluster or start one, and keep the signal handlers: Ray would take SIGTERM."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if main else None
    alone = "RAY_ADDRESS" not in os.environ
    own = {"num_cpus": workers, "object_store_memory": OBJECT_STORE_BYTES} if alone else {}
    try:
        ray.init(include_dashboard=False if alone else None, log_to_driver=False, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"--executor ray: Ray cannot be started or reached: {error}") from None
    finally:
        if main:
            signal.signal(signal.SIGTERM, handler)
