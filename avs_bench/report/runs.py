"""Reads what is to be reported: folders of runs, score files and submissions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from avs_bench.metrics import Family
from avs_bench.result_files import read_result, read_results
from avs_bench.results import Result, ScoredSet
from vpo_builder.errors import InputError
from vpo_builder.schema import Subset

HISTORY = "history.jsonl"

Place = tuple[str, Subset, Family]
"""Dataset, subset and metric family: what figures must share to stand in one table."""


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


def read_runs(paths: Sequence[Path]) -> tuple[Run, ...]:
    """Return the runs at `paths` in that order, named after their folders or files.

    Raises InputError for a path that holds no scores, and for one that is given twice.
    """
    resolved = [path.resolve() for path in paths]
    for path, full in zip(paths, resolved, strict=True):
        if resolved.count(full) > 1:
            raise InputError(f"{path}: given twice: give each run once")
    return tuple(map(_read_run, paths, _names(resolved)))


def by_place(runs: Sequence[Run]) -> dict[Place, list[Entry]]:
    """Return what was scored, sorted into what may be compared, in the order of the runs."""
    places: dict[Place, list[Entry]] = {}
    for run in runs:
        for result in run.results:
            for scores in result.sets:
                entry = Entry(run.name, result, scores)
                places.setdefault(place_of(result, scores), []).append(entry)
    return places


def place_of(result: Result, scores: ScoredSet) -> Place:
    """Return where the figures of a set may stand."""
    return result.dataset, result.subset, scores.family


def seed_groups(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the entries of one place in groups that differ in nothing but the training seed.

    Two entries of one seed are not two draws: such a group is taken apart.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_all_but_the_seed(entry.result), []).append(entry)
    together = []
    for group in groups.values():
        seeds = {_seed(entry.result) for entry in group}
        together += [group] if len(seeds) == len(group) else [[entry] for entry in group]
    return together


def _all_but_the_seed(result: Result) -> str:
    settings = result.settings
    train = {key: value for key, value in settings.get("train", {}).items() if key != "seed"}
    what = (result.checkpoint, settings | {"train": train}, result.classes)
    return json.dumps([*what, result.trained_on_sha256, result.dataset_sha256], sort_keys=True)


def _seed(result: Result) -> Any:
    return result.settings.get("train", {}).get("seed")


def _read_run(path: Path, name: str) -> Run:
    if path.is_file():
        return Run(name, path, (read_result(path),))
    return Run(name, path, read_results(path), _history(path / HISTORY))


def _history(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.exists():
        return ()
    try:
        lines = path.read_bytes().splitlines()
        return tuple(msgspec.json.decode(line, type=dict[str, Any]) for line in lines)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not the history of a run: {error}; move it away") from None


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths, up to three parts, that tell them apart."""
    for parts in (1, 2, 3):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
