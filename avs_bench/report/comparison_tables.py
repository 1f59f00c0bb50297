"""Two runs on the same pictures: paired differences of every figure. Pure."""

from collections.abc import Sequence
from itertools import product

from avs_bench.metrics import Comparison, compare
from avs_bench.metrics.families import FIGURES
from avs_bench.report.runs import BUILD_DIGITS, Entry, Run, by_place
from avs_bench.report.score_tables import ON_TEST, title_of
from avs_bench.report.table import Number, Row, Table
from vpo_builder.runtime.errors import InputError

NOTES = (
    "difference: run minus the run it is compared with, in points, on the same pictures or videos; "
    "[low, high] is its paired 95 % bootstrap interval.",
    "p: two-sided paired permutation test; a star marks p < 0.05. With several figures and runs "
    "some will fall below it by chance.",
)


def comparison_tables(runs: Sequence[Run]) -> tuple[Table, ...]:
    """Return a table for each dataset, subset and family that the first run shares with others.

    Raises InputError if it shares none, or if the pictures were not the same.
    """
    if len(runs) < 2:
        raise InputError("--compare: give at least two runs; the first is compared with the others")
    _refuse_other_builds(runs)
    tables = []
    for place, entries in by_place(runs).items():
        first, *others = entries
        if others and first.run == runs[0].name:
            rows = [row for other in others for row in _rows(first, other)]
            title = f"{title_of(place)}, compared with {first.run}"
            words = ("run", "figure", "p")
            figures = (first.run, "run", "difference")
            notes = NOTES + (ON_TEST,) * any(entry.result.chosen_on_test for entry in entries)
            tables.append(Table(title, words, figures, tuple(rows), notes))
    if not tables:
        raise InputError(
            f"--compare: {runs[0].name} shares no dataset, subset and family with the other runs: "
            "run avs-bench eval on the same --data and --subset for each"
        )
    return tuple(tables)


def compared(first: Entry, other: Entry) -> tuple[Comparison, ...]:
    """Return other minus first for each figure of their family; raise InputError for other data."""
    figures = FIGURES[first.scores.family]
    mine, theirs = first.scores.by_unit(), other.scores.by_unit()
    return tuple(compare(theirs, mine, figure) for figure in figures)


def _refuse_other_builds(runs: Sequence[Run]) -> None:
    first, *others = runs
    for run in others:
        for a, b in product(first.results, run.results):
            if a.dataset == b.dataset and a.dataset_sha256 != b.dataset_sha256:
                raise InputError(
                    f"--compare: {first.name} and {run.name} were scored on different builds of "
                    f"{a.dataset} (manifest {a.dataset_sha256[:BUILD_DIGITS]} and "
                    f"{b.dataset_sha256[:BUILD_DIGITS]}): run avs-bench eval for both with the "
                    "same --data"
                )


def _rows(first: Entry, other: Entry) -> list[Row]:
    return [
        Row(
            (other.run, one.first.name, f"{one.p_value:.4f}{'*' * one.is_significant}"),
            (
                Number(one.second.value),
                Number(one.first.value),
                Number(one.difference, one.low, one.high),
            ),
            other.run,
        )
        for one in compared(first, other)
    ]
