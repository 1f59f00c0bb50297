"""Runs independent tasks in threads, for work that mostly waits or leaves the interpreter's lock.

Results come in the order of the tasks, whatever the number of threads.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from vpo_builder.runtime.executors import default_workers
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.tasks import WAITING_PER_WORKER, Result, Task, batched, run_batch


def in_threads(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int | None,
    label: str,
    size: int = 1,
) -> Generator[Result, None, None]:
    """Yield one result a task, in order, showing progress under `label`.

    `workers` threads (default: one a processor) take `size` tasks at once, and only so many ahead
    that results do not pile up. The first exception in a task ends the run.
    """
    threads = workers or default_workers()
    yield from progress(_results(function, tasks, threads, size), len(tasks), label)


def _results(
    function: Callable[[Task], Result], tasks: Sequence[Task], threads: int, size: int
) -> Iterator[Result]:
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[list[Result]]] = deque()
    try:
        for batch in batched(tasks, size):
            waiting.append(pool.submit(run_batch, function, batch))
            while waiting and (waiting[0].done() or len(waiting) > threads * WAITING_PER_WORKER):
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
