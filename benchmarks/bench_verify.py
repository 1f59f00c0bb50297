"""`verify` of a build against `sha256sum` over the same files.

Ours checks every file's hash, header and size, a mask's values, every record of the manifest and
that nothing lies there unlisted; `vpo_builder.verify.verify` with a thread a core, as `vpo-data
verify` calls it. The baseline is `sha256sum --check` of coreutils on the build's own list. The
files are in the page cache on both sides; the start of Python, which has a row of its own
(`bench_startup.py`), is not counted.

A third side, for what bounds the row: the same files read and hashed by hashlib, with the same
threads and nothing else.

Checked: both find no fault, and both find a file that was changed.
"""

import argparse
import hashlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from built import build_of, kept_build
from full_size import benchmark_folder
from measuring import Rows, at_most, medians_in_turns, refuse_difference, seconds

from vpo_builder.dataset.manifest import CHECKSUMS
from vpo_builder.verify.verify import BATCH, verify

GOAL = 1.3


def sha256sum(folder: Path) -> set[str]:
    """Return the files whose hash is not the listed one."""
    command = ["sha256sum", "--check", "--quiet", CHECKSUMS]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return {line.rsplit(": ", 1)[0] for line in run.stdout.splitlines()}


def faulty(folder: Path) -> set[str]:
    """Return the files that `verify` complains of."""
    return {fault.path for fault in verify(folder).faults}


def hash_only(folder: Path) -> None:
    """Read and hash the listed files, as `verify` does, with a thread a core."""
    lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    paths = [folder / line.split("  ", 1)[1] for line in lines]

    def hashed(batch: list[Path]) -> list[str]:
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in batch]

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        list(threads.map(hashed, [paths[at : at + BATCH] for at in range(0, len(paths), BATCH)]))


def check_that_both_see() -> None:
    """Change a file of a small build and end the program unless both sides find it alone."""
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made:
        folder = build_of(40, "ss", Path(made)).folder
        changed = min((folder / "data").rglob("*.jpg"))
        changed.write_bytes(changed.read_bytes()[:-2] + b"xx")
        expected = {changed.relative_to(folder).as_posix()}
        refuse_difference(
            "files found changed", (faulty(folder), sha256sum(folder)), (expected,) * 2
        )


def main() -> None:
    """Check and time both sides."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    check_that_both_see()
    folder = kept_build(options.images, "ss")
    refuse_difference("files found changed", faulty(folder), sha256sum(folder))
    programs = {
        "ours": partial(seconds, partial(verify, folder)),
        "sha256sum": partial(seconds, partial(sha256sum, folder)),
        "hashing": partial(seconds, partial(hash_only, folder)),
    }
    times = medians_in_turns(programs, options.repeats)
    found = verify(folder)
    title = f"verify, {found.files} files, {found.size_bytes / 1e6:.0f} MB"
    rows = Rows(title, "sha256sum --check")
    bound = (
        f"reading and hashing alone takes {times['hashing'] / times['ours']:.0%} of our time, "
        f"measured in this run at a load of {os.getloadavg()[0]:.1f}"
    )
    rows.add("time", times["ours"], times["sha256sum"], "s", at_most(GOAL), bound=bound)


if __name__ == "__main__":
    main()
