import resource
import sys

import pytest

from vpo_builder.runtime.executors import SerialExecutor

PIECE = 15 * 2**20


def pages_cleared_for_pieces(pieces: int) -> int:
    """Return how many pages the system clears for so many pieces, which are freed again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [b"x" * PIECE for _ in range(pieces)]
    del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc alone is told")
def test_a_task_finds_the_memory_that_the_task_before_has_freed() -> None:
    _, again, third = SerialExecutor().stream(pages_cleared_for_pieces, [3, 3, 3])
    assert max(again, third) < PIECE / resource.getpagesize()
