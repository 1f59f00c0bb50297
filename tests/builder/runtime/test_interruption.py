"""Signals that arrive where a stop would leave something half done."""

import signal
import threading

import pytest

from vpo_builder.runtime.interruption import uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_the_block(number: signal.Signals) -> None:
    class Stopped(BaseException):
        pass

    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = signal.signal(number, stop)
    done = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(number)
            done.append("the rest of the block")

    try:
        with pytest.raises(Stopped):
            work()
        assert done
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)


def test_handlers_are_left_alone_outside_of_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
