"""Measuring side by side: programs in turns or in fresh processes, and rows that name a goal.

Every row reads `name  ours  baseline  ratio`, the ratio being ours over the baseline's, whatever
the unit: a goal of "at least" belongs to a rate, one of "at most" to a time or to memory. Medians
of runs taken in turns, so that a busy machine slows both sides. A goal that is missed is printed
as missed; only sides that differ in what they computed end a program with an error.
"""

import contextlib
import io
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROWS_FILE = "AVS_BENCHMARK_ROWS"
"""Environment variable: the file to which every row is appended too, as a line of json."""


@dataclass(frozen=True)
class Goal:
    """What a row is to reach: its words, and whether (ours, baseline) reaches it."""

    words: str
    reached: Callable[[float, float], bool]


def at_least(ratio: float) -> Goal:
    """The ratio of ours to the baseline is this or more."""
    return Goal(f"at least {ratio:g}x", lambda ours, baseline: ours >= ratio * baseline)


def at_most(ratio: float) -> Goal:
    """The ratio of ours to the baseline is this or less."""
    return Goal(f"at most {ratio:g}x", lambda ours, baseline: ours <= ratio * baseline)


def ours_at_most(limit: float, unit: str) -> Goal:
    """Ours is this or less, whatever the baseline."""
    return Goal(f"ours at most {limit:g} {unit}", lambda ours, _: ours <= limit)


def at_most_more(limit: float, unit: str) -> Goal:
    """Ours is at most so much above the baseline."""
    return Goal(f"at most {limit:g} {unit} more", lambda ours, base: ours - base <= limit)


class Rows:
    """The rows of one comparison: `title` is what is measured, `against` what with."""

    def __init__(self, title: str, against: str) -> None:
        self._title, self._against = title, against
        print(f"\n{title}; baseline: {against}", flush=True)
        print(f"{'':52} {'ours':>8}       {'baseline':>8}       {'ratio':>7}", flush=True)

    def add(
        self,
        name: str,
        ours: float,
        baseline: float,
        unit: str,
        goal: Goal | None = None,
        *,
        bound: str = "",
    ) -> None:
        """Print a row; `bound` says what bounds it, where a run misses the goal."""
        met = goal is None or goal.reached(ours, baseline)
        aim = "" if goal is None else f"  {goal.words}: {'met' if met else 'MISSED'}"
        print(
            f"{name:52} {figure(ours):>8} {unit:5} {figure(baseline):>8} {unit:5} "
            f"{ours / baseline:7.3f}x{aim}",
            flush=True,
        )
        if ROWS_FILE in os.environ:
            kept = {
                "title": self._title, "against": self._against, "name": name, "ours": ours,
                "baseline": baseline, "unit": unit, "met": met, "bound": bound,
                "goal": None if goal is None else goal.words,
            }  # fmt: skip
            with Path(os.environ[ROWS_FILE]).open("a", encoding="utf-8") as file:
                file.write(json.dumps(kept) + "\n")


def figure(value: float) -> str:
    """Return a number with about four digits."""
    return (
        f"{value:.3f}"
        if abs(value) < 10
        else f"{value:.1f}"
        if abs(value) < 1e4
        else f"{value:.0f}"
    )


def seconds(program: Callable[[], object]) -> float:
    """Return how long a program takes."""
    started = time.perf_counter()
    program()
    return time.perf_counter() - started


def processor_seconds() -> float:
    """Return the time on processors so far of this process, its workers and its ended children."""
    ticks = 0
    for worker in multiprocessing.active_children():
        fields = Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1]
        ticks += sum(int(value) for value in fields.split()[11:13])  # user, system
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    here = time.process_time() + ended.ru_utime + ended.ru_stime
    return here + ticks / os.sysconf("SC_CLK_TCK")


def processor_time(program: Callable[[], object]) -> float:
    """Return how long processors work for a program: what waits beside it costs it nothing."""
    before = processor_seconds()
    program()
    return processor_seconds() - before


def medians_in_turns(programs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Return the median of what each program returns, all of them run in turns."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            found[name].append(program())
    return {name: statistics.median(values) for name, values in found.items()}


def in_fresh_process(script: str, *arguments: object) -> dict[str, Any]:
    """Return what `report` printed in a process of its own that runs `script`."""
    command = [sys.executable, script, *map(str, arguments)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    values: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return values


def report(**values: object) -> None:
    """In the fresh process: print values, with the most memory it held, in MiB."""
    print(json.dumps({"mebibytes": peak_mebibytes(), **values}))


def peak_mebibytes() -> float:
    """Return the most memory that this process has held so far.

    Not getrusage's figure, which begins at what the parent held when it forked.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 2**10


def refuse_difference(name: str, ours: object, baseline: object) -> None:
    """End the program if both sides did not come to the same."""
    if ours != baseline:
        sys.exit(f"{name}: ours is {ours!r}, the baseline's {baseline!r}: nothing is compared")


@contextlib.contextmanager
def in_silence() -> Iterator[None]:
    """Keep what libraries print, and the builder's progress, out of the rows."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this process, and what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
