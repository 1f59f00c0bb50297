"""Work done by a thread beside the making of the next: in order, two at most, errors in order."""

import os
import signal
import threading

import pytest

from avs_bench.runtime.beside import HELD, done_beside

LONG = 30  # seconds after which a test gives up waiting for the other thread


def test_a_piece_is_done_while_the_next_one_is_made():
    begun, made = threading.Event(), threading.Event()

    def first():
        begun.set()
        return made.wait(LONG)

    def pieces():
        yield first
        assert begun.wait(LONG), "the first is not begun before the second is asked for"
        made.set()
        yield lambda: "second"

    assert list(done_beside(pieces())) == [True, "second"]


def test_results_come_in_order_from_one_thread_and_two_pieces_are_held_at_most():
    made, done, most = 0, [], 0
    here = threading.current_thread().name

    def pieces():
        nonlocal made, most
        for number in range(20):
            made += 1
            most = max(most, made - len(done))
            yield lambda number=number: (number, threading.current_thread().name)

    for number, name in done_beside(pieces()):
        assert number == len(done)
        done.append(name)
    assert len(done) == 20
    assert len({here, *done}) == 2
    assert most == HELD == 2


def test_an_earlier_piece_s_error_goes_before_that_of_making_a_later_one():
    def fails(text):
        raise ValueError(text)

    def pieces(first):
        yield lambda: None if first is None else fails(first)
        raise ValueError("making")

    with pytest.raises(ValueError, match="doing"):
        list(done_beside(pieces("doing")))
    results = done_beside(pieces(None))
    with pytest.raises(ValueError, match="making"):
        list(results)


def test_nothing_is_made_after_an_error_is_raised():
    made = []

    def pieces():
        for number in range(9):
            made.append(number)
            yield lambda: 1 / 0

    with pytest.raises(ZeroDivisionError):
        list(done_beside(pieces()))
    assert len(made) <= HELD


def test_whoever_leaves_off_or_interrupts_leaves_no_thread(ctrl_c):
    before = threading.active_count()
    results = done_beside([bool] * 9)
    next(results)
    results.close()
    assert threading.active_count() == before

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        never.wait(0.2)  # the main thread is waiting for this piece when it is interrupted

    never = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        list(done_beside([bool, bool, interrupt, bool]))
    assert threading.active_count() == before
