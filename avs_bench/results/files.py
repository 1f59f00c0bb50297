"""Results on disk: written beside a checkpoint, and read as if a stranger had written them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from avs_bench.results.faults import faults
from avs_bench.results.items import encoded
from avs_bench.results.records import FORMAT, Result
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import write_atomically

MAX_BYTES = 2**30
"""Size of a file that is read at most: some fifty times AVSBench's test counts per video."""


@dataclass(frozen=True)
class Head:
    """What is looked at before the rest: a file of another kind or format is not decoded."""

    kind: Any = None
    format: Any = None


def write_result(folder: Path, result: Result) -> Path:
    """Write `scores-<checkpoint>-<dataset>-<subset>.json` into a run's folder; return its path."""
    path = folder / f"scores-{result.file_stem}.json"
    write_atomically(path, encoded(result) + b"\n")
    return path


def write_robust(folder: Path, result: Result) -> Path:
    """Write `robust-<checkpoint>-<dataset>-<subset>.json` into a run's folder; return its path.

    It is a result whose probes are the levels of corruptions.
    """
    path = folder / f"robust-{result.file_stem}.json"
    write_atomically(path, encoded(result) + b"\n")
    return path


def read_robust(folder: Path, like: Result) -> Result:
    """Return what `write_robust` left of the same pictures; raise InputError."""
    for path in sorted(folder.glob("robust-*.json")):
        result = read_result(path)
        if _pictures(result) == _pictures(like):
            return result
    raise InputError(
        f"{folder}: no robust-*.json of the same pictures of {like.dataset}, {like.subset}: run "
        f"avs-bench robust --run {folder} on the same data first, with as many --pictures"
    )


def _pictures(result: Result) -> tuple[object, ...]:
    """What a result was scored on."""
    items = set[str]().union(*(scored.item_ids for scored in result.sets))
    return result.dataset, result.dataset_sha256, result.subset, items


def examples_folder(folder: Path, result: Result) -> Path:
    """Return where the best and worst examples of a result lie in the folder of its run."""
    return folder / f"examples-{result.file_stem}"


def read_results(folder: Path) -> tuple[Result, ...]:
    """Return every result in the folder of a run, by name; raise InputError if there is none."""
    paths = sorted(folder.glob("scores-*.json"), key=lambda path: path.stem)
    if not paths:
        raise InputError(
            f"{folder}: no scores here: run avs-bench eval --run {folder} --data DIR first"
        )
    return tuple(read_result(path) for path in paths)


def results_of(checkpoint: Path) -> tuple[Result, ...]:
    """Return the results beside a checkpoint that are of these very weights, by name."""
    with checkpoint.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    read = map(read_result, sorted(checkpoint.parent.glob("scores-*.json")))
    return tuple(result for result in read if result.checkpoint_sha256 == sha256)


def read_result(path: Path) -> Result:
    """Return the result in a file; raise InputError for anything else, whoever made it."""
    try:
        data = read_limited(path, "scores")
        version = msgspec.json.decode(data, type=Head).format
        if version != FORMAT:
            raise InputError(
                f"{path}: scores of format {version!r}, this version reads {FORMAT}: "
                "run avs-bench eval again"
            )
        result = msgspec.json.decode(data, type=Result)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise InputError(f"{path}: no scores: {error}; run avs-bench eval again") from None
    for fault in faults(result):
        raise InputError(f"{path}: {fault}: the file was edited; run avs-bench eval again")
    return result


def read_limited(path: Path, wanted: str) -> bytes:
    """Return a regular file's bytes, at most MAX_BYTES; raise InputError: "no <wanted>" there."""
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        raise InputError(f"{path}: no {wanted}: {error.strerror}: give another path") from None
