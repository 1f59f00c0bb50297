"""Threads: results in the order of the tasks, few of them ahead, and the first error ends it."""

import threading
import time
from collections.abc import Iterator

import pytest

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.tasks import WAITING_PER_WORKER
from vpo_builder.runtime.threads import in_threads


@pytest.mark.parametrize(("workers", "size"), [(1, 1), (3, 1), (3, 4), (None, 1)])
def test_results_come_in_the_order_of_the_tasks(workers: int | None, size: int) -> None:
    def late_if_early(number: int) -> int:
        time.sleep(0.002 if number % 3 == 0 else 0)
        return number * number

    found = in_threads(late_if_early, range(50), workers, "squares", size)
    assert list(found) == [number * number for number in range(50)]
    assert list(in_threads(late_if_early, [], workers, "squares", size)) == []


def test_as_many_threads_as_workers_take_part() -> None:
    together = threading.Barrier(3, timeout=20)
    assert len(list(in_threads(lambda _: together.wait(), range(3), 3, "meetings"))) == 3
    apart = threading.Barrier(2, timeout=0.1)
    with pytest.raises(threading.BrokenBarrierError):
        list(in_threads(lambda _: apart.wait(), range(2), 1, "meetings"))


def test_no_more_work_is_done_than_there_is_room_for_results() -> None:
    done: list[int] = []
    results = in_threads(done.append, range(1000), 2, "work")
    next(results)
    time.sleep(0.05)
    assert len(done) <= 2 * WAITING_PER_WORKER + 2
    results.close()
    time.sleep(0.05)
    assert len(done) <= 2 * WAITING_PER_WORKER + 2


def test_the_first_error_in_order_ends_it() -> None:
    def fail(number: int) -> Iterator[int]:
        time.sleep(0.02 if number == 1 else 0)
        if number in (1, 2):
            raise InputError(f"task {number}")
        return iter([number])

    with pytest.raises(InputError, match="task 1"):
        list(in_threads(fail, range(100), 4, "failures"))
