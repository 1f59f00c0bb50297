"""Reads what is submitted to a board, and refuses what cannot stand on it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from avs_bench.board.methods import Method, methods_of, told_apart
from avs_bench.names import Family
from avs_bench.report.runs import BUILD_DIGITS
from avs_bench.report.submission import Submission, read_submission
from avs_bench.results.faults import labels_by_item
from avs_bench.results.items import as_list, encoded
from avs_bench.results.records import Result, ScoredSet
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress

LONGEST_TEXT = 1000
"""Characters of any text in a submission: a command has the most, some hundreds."""
MOST_GROUPS = 300
"""Groups of a subset: each takes an interval. AVSS's classes, sizes and numbers make a hundred."""


@dataclass(frozen=True)
class Refused:
    """A file that does not stand on the board, and why, in one line."""

    file: str
    reason: str


@dataclass(frozen=True)
class _Read:
    """A submission, where it was, and the hash of what it holds."""

    path: Path
    digest: str
    submission: Submission


@dataclass(frozen=True)
class _Asked:
    """What every submission must agree on: the items of a build's subset, in one table of classes.

    `mapped` is what a mapping of classes says it scores; empty where it is the dataset's table.
    """

    dataset_sha256: str
    subset: Subset
    family: Family
    mapped: str


def read_methods(
    paths: Sequence[Path], *, skip_refused: bool = False
) -> tuple[tuple[Method, ...], tuple[Refused, ...]]:
    """Return the methods of the submissions at `paths`, in that order, and what was refused.

    A folder stands for the json files in it. Raises InputError for the first submission that is
    refused, unless `skip_refused`, and where nothing is left.
    """
    files = list(_files(paths))
    read, refused = list[_Read](), list[tuple[Path, str]]()
    for path in progress(files, len(files), "reading submissions"):
        try:
            read.append(_read(path, read))
        except InputError as error:
            refused.append((path, str(error).removeprefix(f"{path}: ")))
            if not skip_refused:
                break
    for odd, reason in list(_of_other_items(read)):
        refused.append((odd.path, reason))
        read.remove(odd)
    if refused and not (skip_refused and read):
        path, reason = refused[0]
        advice = "nothing is left" if skip_refused else "--skip-refused leaves it out"
        raise InputError(f"{path}: {reason}; {advice}")
    methods = [m for one in read for m in methods_of(one.submission, one.path, one.digest)]
    return told_apart(methods), tuple(Refused(path.name, reason) for path, reason in refused)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise InputError(f"{path}: no submission here: expected json files")
        yield from found


def _read(path: Path, others: Iterable[_Read]) -> _Read:
    submission = read_submission(path)
    for fault in _faults(submission):
        raise InputError(f"{path}: {fault}")
    digest = hashlib.sha256(encoded(submission)).hexdigest()
    for other in others:
        if other.digest == digest:
            raise InputError(f"{path}: holds what {other.path.name} holds: give each once")
    return _Read(path, digest, submission)


def _faults(submission: Submission) -> Iterator[str]:
    """Yield what would make a board unreadable or endless."""
    longest = max(map(len, _texts(msgspec.to_builtins(submission, enc_hook=as_list))))
    if longest > LONGEST_TEXT:
        yield f"holds a text of {longest} characters, expected at most {LONGEST_TEXT}"
    for run in submission.runs:
        for kept in (kept for one in run.results for kept in one.result.sets):
            named = (item.groups.items() for item in kept.items)
            groups = {(kind, name) for own in named for kind, names in own for name in names}
            if len(groups) > MOST_GROUPS:
                yield f"sorts its items into {len(groups)} groups, expected at most {MOST_GROUPS}"


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            if not isinstance(value, int | float):  # counts, the most of a submission
                yield from _texts(value)


def _of_other_items(read: Sequence[_Read]) -> Iterator[tuple[_Read, str]]:
    """Yield the submissions that name a build but were not asked what the others were, and why.

    What most of them agree on is taken for the build's items; of as many, what the first says.
    """
    said = {one.digest: _said(one.submission) for one in read}
    votes: dict[_Asked, Counter[str]] = {}
    for asked, digest in (pair for own in said.values() for pair in own):
        votes.setdefault(asked, Counter())[digest] += 1
    agreed = {asked: counted.most_common(1)[0] for asked, counted in votes.items()}
    for one in read:
        odd = next((asked for asked, own in said[one.digest] if own != agreed[asked][0]), None)
        if odd:
            others = agreed[odd][1]
            yield (
                one,
                f"on manifest {odd.dataset_sha256[:BUILD_DIGITS]}, {odd.subset}, its dataset's "
                f"name, classes, items or labelled pixels are not those of {others} other "
                f"submission{'s' * (others > 1)}: one was edited; ask for the one that was written",
            )


def _said(submission: Submission) -> dict[tuple[_Asked, str], None]:
    """Return, in order, what the results say of the data alone, as hashes."""
    return {
        (_asked(result, kept), _digest(result, kept)): None
        for run in submission.runs
        for result in (one.result for one in run.results)
        for kept in result.sets
    }


def _asked(result: Result, kept: ScoredSet) -> _Asked:
    mapped = result.class_map.label if result.class_map else ""
    return _Asked(result.dataset_sha256, result.subset, kept.family, mapped)


def _digest(result: Result, kept: ScoredSet) -> str:
    labels = sorted(labels_by_item(kept).items())
    named = (result.dataset, result.synthetic, result.classes, labels)
    return hashlib.sha256(repr(named).encode()).hexdigest()
