"""Reads what is to be reported: folders of runs, score files and submissions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from avs_bench.names import Family
from avs_bench.report.submission import is_submission, read_submission
from avs_bench.results.faults import labels_by_item
from avs_bench.results.files import read_result, read_results
from avs_bench.results.records import Result, ScoredSet
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.progress import progress

HISTORY = "history.jsonl"
CHOSEN_ON_TEST = "(CHOSEN ON TEST)"
"""Follows the name of a run whose epoch was chosen on test, wherever the name is written."""
BUILD_DIGITS = 12
"""How much of a manifest's sha256 names a build in a report."""


@dataclass(frozen=True)
class Place:
    """What figures must share to stand in one table.

    `build` begins the manifest's sha256 where several builds of the dataset are reported, and is
    empty otherwise. `mapped` says what is scored where the dataset's classes were mapped, and is
    empty where they are scored as they are.
    """

    dataset: str
    subset: Subset
    family: Family
    build: str = ""
    mapped: str = ""

    @property
    def data(self) -> str:
        """E.g. "VPO-SS, test", with the manifest of several builds and the mapping of classes."""
        build = f" (manifest {self.build})" if self.build else ""
        mapped = f", {self.mapped}" if self.mapped else ""
        return f"{self.dataset}{build}, {self.subset}{mapped}"


@dataclass(frozen=True)
class Run:
    """A run by the name that it has in tables, its results, and its epochs where it left any."""

    name: str
    path: Path
    results: tuple[Result, ...]
    history: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Entry:
    """What one run scored in one family."""

    run: str
    result: Result
    scores: ScoredSet


def run_of(
    name: str, path: Path, results: tuple[Result, ...], history: tuple[dict[str, Any], ...] = ()
) -> Run:
    """Return a run whose name says if its epoch was chosen on test."""
    marked = any(result.chosen_on_test for result in results) and CHOSEN_ON_TEST not in name
    return Run(f"{name} {CHOSEN_ON_TEST}" if marked else name, path, results, history)


def read_runs(paths: Sequence[Path]) -> tuple[Run, ...]:
    """Return the runs at `paths` in that order, named after their folders or files.

    A submission of several runs names each of them too. Raises InputError for a path that holds no
    scores, for one that is given twice, and for files that contradict each other.
    """
    resolved = [path.resolve() for path in paths]
    for path, full in zip(paths, resolved, strict=True):
        if resolved.count(full) > 1:
            raise InputError(f"{path}: given twice: give each run once")
    read = progress(map(_read_path, paths, _names(resolved)), len(paths), "reading runs")
    runs = tuple(chain.from_iterable(read))
    refuse_other_items(runs)
    return runs


def by_place(runs: Sequence[Run]) -> dict[Place, list[Entry]]:
    """Return what was scored, sorted into what may be compared, in the order of the runs."""
    builds: dict[str, set[str]] = {}
    for result in (result for run in runs for result in run.results):
        builds.setdefault(result.dataset, set()).add(result.dataset_sha256)
    places: dict[Place, list[Entry]] = {}
    for run in runs:
        for result in run.results:
            several = len(builds[result.dataset]) > 1
            build = result.dataset_sha256[:BUILD_DIGITS] if several else ""
            for scores in result.sets:
                mapped = result.class_map.label if result.class_map else ""
                place = Place(result.dataset, result.subset, scores.family, build, mapped)
                places.setdefault(place, []).append(Entry(run.name, result, scores))
    return places


def refuse_other_items(runs: Sequence[Run]) -> None:
    """Raise InputError where two runs name one build of a dataset but were not asked the same."""
    for place, (first, *others) in by_place(runs).items():
        mine = labels_by_item(first.scores) if others else {}
        for other in others:
            theirs = labels_by_item(other.scores)
            odd = sorted(
                name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)
            )
            if odd:
                raise InputError(
                    f"{first.run} and {other.run} name one build of {place.dataset} (manifest "
                    f"{first.result.dataset_sha256[:BUILD_DIGITS]}), but {len(odd)} items of "
                    f"{place.subset} are not the same in both, such as {odd[0]!r}: one of the "
                    "files was edited"
                )


def _read_path(path: Path, name: str) -> tuple[Run, ...]:
    if not path.is_file():
        return (run_of(name, path, read_results(path), _history(path / HISTORY)),)
    if not is_submission(path):
        return (run_of(name, path, (read_result(path),)),)
    submitted = read_submission(path).runs
    alone = len(submitted) == 1
    return tuple(
        run_of(name if alone else f"{name}: {one.name}", path, tuple(r.result for r in one.results))
        for one in submitted
    )


def _history(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.exists():
        return ()
    try:
        lines = path.read_bytes().splitlines()
        records = tuple(msgspec.json.decode(line, type=dict[str, Any]) for line in lines)
    except (OSError, *BAD_JSON) as error:
        raise InputError(f"{path}: not the history of a run: {error}; move it away") from None
    for number, record in enumerate(records, start=1):
        if not isinstance(record.get("epoch"), int):
            raise InputError(f"{path}, line {number}: holds no epoch: move the file away")
    return records


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths, up to three parts, that tell them apart."""
    for parts in (1, 2, 3):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
