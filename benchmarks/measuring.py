"""Measuring side by side: programs in turns or in fresh processes, and rows that say if a goal is
met.

Every row reads `name  ours  baseline  ratio`, the ratio being ours over the baseline's, whatever
the unit; medians of runs taken in turns, so that a busy machine slows both sides.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def heading(title: str) -> None:
    """Print what the columns of the rows that follow are."""
    print(f"{title:48} {'ours':>12}  {'baseline':>12}  {'ratio':>7}", flush=True)


def row(
    name: str,
    ours: float,
    baseline: float,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> bool:
    """Print a row and return whether its ratio meets its goal; without one it always does."""
    ratio = ours / baseline
    low = at_least is None or ratio >= at_least
    high = at_most is None or ratio <= at_most
    goal = f"(goal at most {at_most:g})" if at_most is not None else ""
    goal = f"(goal at least {at_least:g})" if at_least is not None else goal
    missed = "" if low and high else "  MISSED"
    print(
        f"{name:48} {_figure(ours):>8} {unit:<3}  {_figure(baseline):>8} {unit:<3}  {ratio:6.3f}x "
        f"{goal}{missed}",
        flush=True,
    )
    return low and high


def seconds(program: Callable[[], object]) -> float:
    """Return how long a program takes."""
    started = time.perf_counter()
    program()
    return time.perf_counter() - started


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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps({"mebibytes": peak, **values}))


def refuse_difference(name: str, ours: object, baseline: object) -> None:
    """End the program if both sides did not come to the same."""
    if ours != baseline:
        sys.exit(f"{name}: ours is {ours!r}, the baseline's {baseline!r}: nothing is compared")


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
