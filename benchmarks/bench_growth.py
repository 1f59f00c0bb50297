"""How the cost of a build grows with its size: time and peak memory at 1x, 4x and 16x.

A whole build of VPO-MS in this process with one worker: read, plan, render, audit, publish, from
`media.py`'s sources, with as many clips as pictures at each size; without a val subset, which at
1x would lack a clip of most classes. Each build is a process of its own; imports are not timed.
Time is given for each picture, so that linear growth is a ratio of 1; memory is the most that the
process held from its start to its end, planning included. The baseline of each row is ours at 1x,
in the same run, in turns.

Checked: every sample of 1x is there at 16x, and the same objects sound in it.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from built import build_of
from full_size import benchmark_folder
from measuring import Rows, at_most, in_fresh_process, on_one_core, refuse_difference, report
from media import media_sources

from vpo_builder.dataset.manifest import read_manifest

TIME, MEMORY = 1.1, 1.2
TIMES = (1, 4, 16)
WITHOUT_VAL = ("subsets.val_fraction=0",)


def one_build(images: int) -> None:
    """The fresh process: build, then tell seconds, memory and what each picture's objects are."""
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made:
        started = time.perf_counter()
        folder = build_of(images, "ms", Path(made), WITHOUT_VAL).folder
        seconds = time.perf_counter() - started
        samples = {
            sample.sample_id: sorted(source.ann_id for source in sample.sources)
            for sample in read_manifest(folder).samples
        }
    report(seconds=seconds, samples=samples)


def main() -> None:
    """Build at each size in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=80, help="pictures at 1x")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--build", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        one_build(options.build)
        return
    sizes = {factor: factor * options.images for factor in TIMES}
    runs: dict[int, list[dict[str, Any]]] = {factor: [] for factor in TIMES}
    for images in sizes.values():
        media_sources(images)
    with on_one_core():
        for _ in range(options.repeats):
            for factor, images in sizes.items():
                runs[factor].append(in_fresh_process(__file__, "--build", images))
    small, large = runs[1][0]["samples"], runs[16][0]["samples"]
    refuse_difference("objects", {name: large.get(name) for name in small}, small)

    def median(factor: int, key: str) -> float:
        return statistics.median(run[key] for run in runs[factor])

    rows = Rows(f"growth of a build, {options.images} pictures at 1x", "ours at 1x")
    for factor in TIMES[1:]:
        here, there = (1e3 * median(n, "seconds") / sizes[n] for n in (factor, 1))
        rows.add(f"time a picture at {factor}x", here, there, "ms", at_most(TIME))
    for factor in TIMES[1:]:
        peaks = [median(n, "mebibytes") for n in (factor, 1)]
        rows.add(f"peak memory at {factor}x", *peaks, "MiB", at_most(MEMORY))


if __name__ == "__main__":
    main()
