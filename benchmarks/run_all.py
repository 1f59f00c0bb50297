"""Runs the `bench_*.py` beside this file, and writes RESULTS.md: one run, one machine, one table.

`make bench`. A missed goal stands in the table as missed, with what bounds it; the exit status is 1
only if a script found that two sides differ, or failed.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measuring import ROWS_FILE, figure

from vpo_builder.runtime.whole_files import write_atomically

HERE = Path(__file__).parent
PACKAGES = (
    "torch", "numpy", "pycocotools", "pillow", "soundfile", "soxr", "msgspec", "av",
    "imageio-ffmpeg", "torchmetrics",
)  # fmt: skip
GUARDS = ("growth", "start-up", "verify", "clip ranking", "data wait", "programs")
"""How the titles of rows begin that compare with nobody: they keep what is fast from slowing."""
ELSEWHERE = "bench_gpu.py"
"""Needs a GPU, and writes RESULTS-gpu.md."""
HEADER = (
    "| row | baseline | ours | baseline's | ratio | goal | |",
    "|---|---|--:|--:|--:|---|---|",
)


def main() -> int:
    """Run every script, then write the table; 1 if one of them failed."""
    started, load = time.monotonic(), os.getloadavg()[0]
    date = datetime.now(UTC)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "rows")
        kept.touch()
        for script in sorted(set(HERE.glob("bench_*.py")) - {HERE / ELSEWHERE}):
            environment = os.environ | {ROWS_FILE: str(kept)}
            run = subprocess.run([sys.executable, str(script)], env=environment, check=False)
            if run.returncode:
                failed.append(script.name)
        rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    minutes = (time.monotonic() - started) / 60
    facts = [*machine(), f"Load when it began: {load:.1f}", f"Date: {date:%Y-%m-%d %H:%M} UTC"]
    facts.append(f"Took {minutes:.1f} minutes")
    text = "\n".join(document(rows, facts, failed)) + "\n"
    write_atomically(HERE / "RESULTS.md", text.encode())
    return int(bool(failed))


def machine() -> Iterator[str]:
    """Yield what the figures depend on: processor, cores, memory, versions."""
    model = next(_lines("/proc/cpuinfo", "model name"), platform.machine())
    kibibytes = next(_lines("/proc/meminfo", "MemTotal"), "0 kB").split()[0]
    yield f"Processor: {model}, {len(os.sched_getaffinity(0))} cores"
    yield f"Memory: {int(kibibytes) / 2**20:.0f} GiB"
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    yield f"Python {platform.python_version()}, {', '.join(versions)}"
    yield f"ffmpeg: {_ffmpeg()}"


def document(rows: list[dict[str, Any]], facts: Iterable[str], failed: list[str]) -> Iterator[str]:
    """Yield the lines of RESULTS.md."""
    yield "# What `make bench` measured"
    yield ""
    yield (
        "Written by `benchmarks/run_all.py` from one run; each script says what its baseline is "
        "and checks that both sides computed the same. The ratio is ours over the baseline's: a "
        "goal of *at least* is for rates, *at most* for times and memory."
    )
    yield ""
    yield from (f"- {fact}" for fact in facts)
    yield from (f"- **FAILED: {name}: see what it printed**" for name in failed)
    yield ""
    guards = [row for row in rows if row["title"].startswith(GUARDS)]
    yield from table(row for row in rows if row not in guards)
    yield from ("", "## Guards", "")
    yield from table(guards)
    missed = [row for row in rows if not row["met"]]
    if missed:
        yield ""
        yield "## What bounds the rows that miss their goal"
        yield ""
    for row in missed:
        yield f"- {row['title']}: {row['name']}: {row['bound'] or 'not profiled yet'}."


def table(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table of rows."""
    yield from HEADER
    for row in rows:
        here, there = (f"{figure(row[side])} {row['unit']}" for side in ("ours", "baseline"))
        mark = "" if row["goal"] is None else "met" if row["met"] else "**missed**"
        ratio = f"{row['ours'] / row['baseline']:.3f}x"
        cells = (f"{row['title']}: {row['name']}", row["against"], here, there, ratio)
        yield f"| {' | '.join(cells)} | {row['goal'] or ''} | {mark} |"


def _lines(path: str, key: str) -> Iterator[str]:
    """Yield the values of a key in a file of /proc."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            yield value.strip()


def _ffmpeg() -> str:
    run = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
    return run.stdout.split("\n", 1)[0].removeprefix("ffmpeg version ").split(" ", 1)[0]


if __name__ == "__main__":
    sys.exit(main())
