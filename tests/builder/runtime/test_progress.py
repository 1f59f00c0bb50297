"""Progress: a bar on a terminal, and elsewhere few lines, none for what is over in seconds."""

import io
import re
from collections.abc import Iterator

import pytest

from vpo_builder.runtime import progress as lines
from vpo_builder.runtime.progress import progress, say_beside


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that only the work itself moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(lines.time, "monotonic", lambda: self.now)

    def work(self, items: int, seconds: float) -> Iterator[int]:
        for number in range(items):
            self.now += seconds
            yield number


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def told(clock: Clock, capsys: pytest.CaptureFixture[str], items: int, seconds: float) -> list[str]:
    assert list(progress(clock.work(items, seconds), items, "clips")) == list(range(items))
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_what_is_over_in_seconds_passes_in_silence(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(clock, capsys, items=999, seconds=0.01) == []
    assert told(clock, capsys, items=0, seconds=1) == []


def test_lines_lie_ten_seconds_and_a_twentieth_apart_and_say_what_is_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(clock, capsys, items=25, seconds=1) == [
        "clips: 10/25, 00:15 left",
        "clips: 20/25, 00:05 left",
        "clips: 25, 00:25",
    ]
    many = told(clock, capsys, items=2000, seconds=0.5)
    assert many == [
        *(f"clips: {n}/2000, {(2000 - n) // 120:02}:{(2000 - n) // 2 % 60:02} left"
          for n in range(100, 2000, 100)),
        "clips: 2000, 16:40",
    ]  # fmt: skip


def test_no_minute_is_silent_however_long_the_work(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(clock, capsys, items=4000, seconds=6)
    assert said[:2] == ["clips: 10/4000, 6:39:00 left", "clips: 20/4000, 6:38:00 left"]
    assert len(said) == 400


def test_work_of_unknown_length_counts(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    list(progress(clock.work(70, 1), None, "frames"))
    assert capsys.readouterr().err.splitlines() == ["frames: 60, 01:00", "frames: 70, 01:10"]


def test_a_terminal_has_a_bar_that_lines_do_not_break(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(lines, "BAR_AFTER_SECONDS", 0.0)
    for number in progress(range(3), 3, "clips"):
        if number == 1:
            say_beside("a line")
    shown = terminal.getvalue()
    assert re.search(r"\ra line\n", shown)
    assert re.search(r"\rclips: 100%\|.*\| 3/3 \[", shown)


def test_a_terminal_has_no_bar_for_what_is_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert list(progress(range(3), 3, "clips")) == [0, 1, 2]
    assert list(progress([], 0, "clips")) == []
    assert terminal.getvalue() == ""
