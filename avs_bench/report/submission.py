"""The leaderboard file: the counts of runs with the rules and figures that they were reported by.

One json whose figures and rules are there for its readers; whoever scores it makes the figures
anew from the counts. Needs no torch.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from avs_bench.metrics.families import FIGURES
from avs_bench.metrics.robust import ROBUST
from avs_bench.names import Family
from avs_bench.report.about import NOTHING_SAID, About, about_faults
from avs_bench.results.faults import faults
from avs_bench.results.files import Head, read_limited
from avs_bench.results.items import encoded
from avs_bench.results.listening import NEGATIVE, robust_figures
from avs_bench.results.records import FORMAT, Result
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_atomically

KIND = "avs-bench submission"
SUBMISSION_FORMAT = 1
TOLERANCE = 1e-9
"""Between a stated figure and the one that its counts give: json keeps every digit."""


@dataclass(frozen=True)
class Stated:
    """A figure as a submission states it: a fraction, None where the rules leave no value.

    `rules` say what absent classes, empty frames and ignored pixels count.
    """

    family: Family
    name: str
    value: float | None
    rules: str


@dataclass(frozen=True)
class SubmittedResult:
    """Everything that was counted, on which data, and what the protocol makes of it."""

    figures: tuple[Stated, ...]
    result: Result


@dataclass(frozen=True)
class SubmittedRun:
    """A run, named as in its report, and its results."""

    name: str
    results: tuple[SubmittedResult, ...]


@dataclass(frozen=True)
class Submission:
    """The content of a leaderboard file; `about` is stated and cannot be made anew."""

    runs: tuple[SubmittedRun, ...]
    about: About = NOTHING_SAID
    kind: Literal["avs-bench submission"] = "avs-bench submission"
    format: int = SUBMISSION_FORMAT


def submission_of(
    runs: Iterable[tuple[str, Sequence[Result]]], about: About = NOTHING_SAID
) -> Submission:
    """Return the submission of named runs."""
    submitted = (SubmittedRun(name, tuple(map(_submitted, results))) for name, results in runs)
    return Submission(tuple(submitted), about)


def refuse_other_files(path: Path) -> None:
    """Raise InputError for a name that is not a json's, or a file that is there and is other."""
    if path.suffix != ".json":
        raise InputError(f"--submit {path}: expected a name that ends in .json")
    if path.exists() and not is_submission(path):
        raise InputError(f"--submit {path}: is there and is no submission: give another name")


def write_submission(path: Path, submission: Submission) -> None:
    """Write a submission; raise InputError for one that could not be read, or another file."""
    refuse_other_files(path)
    for fault in submission_faults(submission):
        raise InputError(f"--submit {path}: {fault}: run avs-bench eval again")
    write_atomically(path, encoded(submission) + b"\n")


def is_submission(path: Path) -> bool:
    """Return whether a file calls itself a submission, whatever else is in it."""
    try:
        data = read_limited(path, "submission")
        return bool(msgspec.json.decode(data, type=Head).kind == KIND)
    except (InputError, ValueError, RecursionError):
        return False


def read_submission(path: Path) -> Submission:
    """Return the submission in a file, every figure of it checked against its counts.

    Raises InputError, one line, for another format, for counts that an evaluation cannot have
    left, for figures or rules that are not those of the counts, and for a run given twice.
    """
    try:
        data = read_limited(path, "submission")
        head = msgspec.json.decode(data, type=Head)
        if head.kind != KIND:
            raise InputError(
                f"{path}: no submission: avs-bench report RUN --submit FILE writes one"
            )
        if head.format != SUBMISSION_FORMAT:
            raise InputError(
                f"{path}: a submission of format {head.format!r}, this version reads "
                f"{SUBMISSION_FORMAT}: ask for one made by this version"
            )
        submission = msgspec.json.decode(data, type=Submission)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no submission: {error}") from None
    for fault in submission_faults(submission):
        raise InputError(f"{path}: {fault}: the file was edited; ask for the one that was written")
    return submission


def submission_faults(submission: Submission) -> Iterator[str]:
    """Yield what is wrong with a submission, one line each, the gravest first."""
    yield from about_faults(submission.about)
    names = [run.name for run in submission.runs]
    if not names or len(set(names)) != len(names):
        yield f"{len(names)} runs of {len(set(names))} names, expected some, each with its own"
    for run in submission.runs:
        if not run.results:
            yield f"run {run.name!r} has no results"
        for one in run.results:
            if one.result.format != FORMAT:
                yield f"counts of format {one.result.format}, expected {FORMAT}"
            yield from faults(one.result)
            yield from _differences(one.figures, _submitted(one.result).figures)


def _submitted(result: Result) -> SubmittedResult:
    figures = tuple(
        Stated(kept.family, figure.name, _known(figure.value), figure.rules)
        for kept in result.sets
        for figure in (make(kept.overall) for make in FIGURES[kept.family])
    )
    return SubmittedResult((*figures, *_robust(result)), result)


def _robust(result: Result) -> Iterator[Stated]:
    """Yield AVSBench-Robust's figures over all the negative sounds that were probed."""
    right = next((kept for kept in result.sets if kept.family == "dataset"), None)
    probed = [one for one in result.probes if one.probe in NEGATIVE]
    if right and probed:
        for figure in robust_figures(right, probed):
            yield Stated("dataset", figure.name, _known(figure.value), figure.rules)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _differences(stated: Sequence[Stated], counted: Sequence[Stated]) -> Iterator[str]:
    """Yield how what is stated differs from what the counts give under this version's rules."""
    rules = {(one.family, one.name): one for one in stated}
    known = {(one.family, one.name) for one in counted}
    needed = {(family, name) for family, name in known if name not in ROBUST}
    if len(rules) != len(stated) or not needed <= rules.keys() <= known:
        names = ", ".join(one.name for one in counted)
        yield f"states {len(stated)} figures, the protocol of its counts has {names}"
        return
    for mine in counted:
        theirs = rules.get((mine.family, mine.name))
        if theirs is None:  # of a submission from before there was this figure
            continue
        if theirs.rules != mine.rules:
            yield (
                f"was scored by another protocol: its {mine.name} is {theirs.rules[:200]!r}, "
                f"here it is {mine.rules!r}"
            )
        elif not _same(theirs.value, mine.value):
            yield f"states {mine.name} = {theirs.value}, its counts give {mine.value}"


def _same(stated: float | None, counted: float | None) -> bool:
    if stated is None or counted is None:
        return stated is counted
    return abs(stated - counted) <= TOLERANCE
