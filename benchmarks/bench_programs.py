"""What each whole program costs as datasets grow: processor time and peak memory.

`vpo-data gallery` (as by default, of 12 samples a class and subset), `export` (to tars), `stats`,
`verify`, `audit` and `diff` on a dataset of 3,000 and of 12,000 samples of VPO-MS, and `avs-bench
report --compare` of three runs scored on as many pictures (`many_samples.py`). Each run is the
program's own function in a process of its own; imports are timed too, as users wait for them.
Time is processor time of all threads for 1,000 samples; memory is the most that the process held.
The baseline of each row is ours at 3,000, so that what grows in step with the samples is a ratio
of 1, and memory that is flat one near it.

Checked: each program tells of as many samples as there are; `verify` and `audit` find no fault.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from full_size import benchmark_folder
from many_samples import many_results, many_samples
from measuring import Rows, at_most, in_fresh_process, in_silence, refuse_difference, report

TIME, MEMORY = 1.1, 1.3
RUNS = 3
BOUNDS = {
    "vpo-data audit": "the samples, their licences and the paths looked at, 3 KB a sample",
    "vpo-data diff": "the samples and checksums of two builds, about 4 KB a sample",
    "avs-bench report": "the counts, 0.4 KB a picture of each set with what is made of one set",
}
"""What holds memory that grows with the samples, measured by the growth from 3,000."""


def gallery(samples: int, out: Path) -> int:
    """Show what is shown by default."""
    from vpo_builder.gallery.gallery import write_gallery

    return write_gallery([many_samples(samples)], out / "gallery").samples


def export(samples: int, out: Path) -> int:
    """Write tars."""
    from vpo_builder.export.export import export_dataset

    return export_dataset(many_samples(samples), out / "tars", "webdataset").samples


def stats(samples: int, out: Path) -> int:
    """Count, and draw the chart."""
    from vpo_builder.dataset.manifest import read_manifest
    from vpo_builder.statistics.charts import write_chart
    from vpo_builder.statistics.counts import count

    statistics_ = count(read_manifest(many_samples(samples)))
    write_chart(statistics_, out / "chart.png")
    return statistics_.samples


def verify(samples: int, out: Path) -> int:
    """Check every file."""
    from vpo_builder.verify.verify import verify

    found = verify(many_samples(samples))
    refuse_difference("faults", found.faults, ())
    return found.samples


def audit(samples: int, out: Path) -> int:
    """Look for leaks; there are none."""
    from vpo_builder.audit.audit import audit
    from vpo_builder.dataset.manifest import read_manifest
    from vpo_builder.documents.attribution import read_licences

    manifest = read_manifest(many_samples(samples))
    found = audit(manifest, read_licences(manifest.folder))
    refuse_difference("leaks", (found.leaks, found.near_duplicates), ((), ()))
    return len(manifest.samples)


def diff(samples: int, out: Path) -> int:
    """Compare the dataset with itself."""
    from vpo_builder.verify.diff import compare

    folder = many_samples(samples)
    return compare(folder, folder).unchanged


def report_(samples: int, out: Path) -> int:
    """Report three runs and compare them."""
    from avs_bench.report.report import write_report
    from avs_bench.report.runs import read_runs

    runs = read_runs(many_results(samples, RUNS))
    write_report(runs, out, compare=True)
    return len(runs[0].results[0].sets[0].items)


PROGRAMS: Mapping[str, Callable[[int, Path], int]] = {
    "vpo-data gallery": gallery,
    "vpo-data export": export,
    "vpo-data stats": stats,
    "vpo-data verify": verify,
    "vpo-data audit": audit,
    "vpo-data diff": diff,
    "avs-bench report": report_,
}


def one_run(program: str, samples: int) -> None:
    """The fresh process: run a program and tell what it took."""
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as out, in_silence():
        told = PROGRAMS[program](samples, Path(out))
    report(processor=time.process_time(), told=told)


def main() -> None:
    """Run each program at both sizes in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs=2, default=(3_000, 12_000))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        one_run(options.run[0], int(options.run[1]))
        return
    sizes, repeats = options.samples, options.repeats
    for samples in sizes:
        many_samples(samples), many_results(samples, RUNS)
    title = f"programs, {sizes[1]:,} samples"
    rows = Rows(title, f"ours at {sizes[0]:,} samples")
    for name in PROGRAMS:
        runs = [
            [in_fresh_process(__file__, "--run", name, n) for n in sizes] for _ in range(repeats)
        ]
        for run in runs:
            refuse_difference(name, [one["told"] for one in run], list(sizes))
        peaks, times = (
            [statistics.median(run[size][key] for run in runs) for size in (0, 1)]
            for key in ("mebibytes", "processor")
        )
        each = [1e3 * taken / samples for taken, samples in zip(times, sizes, strict=True)]
        rows.add(f"{name}: processor time, 1,000 samples", each[1], each[0], "s", at_most(TIME))
        bound = BOUNDS.get(name, "")
        rows.add(f"{name}: peak memory", *peaks[::-1], "MiB", at_most(MEMORY), bound=bound)


if __name__ == "__main__":
    sys.exit(main())
