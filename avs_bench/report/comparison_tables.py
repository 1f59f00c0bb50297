"""Models on the same pictures: differences of every figure, over pictures and seeds. Pure."""

from collections.abc import Sequence
from itertools import product

from avs_bench.metrics import ModelComparison, Spread, holm
from avs_bench.metrics.families import FIGURES
from avs_bench.metrics.model_comparison import model_comparisons_of
from avs_bench.metrics.uncertainty import RESAMPLES
from avs_bench.report.models import Scored, models_of, scored_by_place
from avs_bench.report.runs import BUILD_DIGITS, Run
from avs_bench.report.score_tables import HOLM, doubts_of, p_text, title_of
from avs_bench.report.table import Number, Row, Table
from vpo_builder.runtime.errors import InputError

DIFFERENCE = (
    "difference: this model minus the one it is compared with, in points, on the same pictures or "
    "videos, with its 95 % interval."
)
ONE_RUN = (
    "p of a run against a run: two-sided paired permutation test; interval: paired bootstrap. They "
    "speak of these two runs, and not of other seeds."
)
SEEDS = (
    "p of models of several seeds: two-sided test over seeds and pictures at once (Obuchowski and "
    "Rockette), which asks whether other seeds on other pictures would differ likewise."
)
RESAMPLES_PER_ROW = 40
"""Permutations for each row: fewer, and no p-value could stay below 0.05 once it is corrected."""


def comparison_tables(runs: Sequence[Run]) -> tuple[Table, ...]:
    """Return a table for each dataset, subset and family that the first model shares with others.

    Raises InputError if it shares none, or if the pictures were not the same.
    """
    models = models_of(runs)
    if len(models) < 2:
        found = f", got {len(runs)} seeds of {models[0].name}" if len(runs) > 1 else ""
        raise InputError(
            f"--compare: expected runs of at least two models{found}; the first model is compared "
            "with the others"
        )
    _refuse_other_builds(runs)
    tables = []
    for place, (first, *others) in scored_by_place(models).items():
        if others and first.model == models[0]:
            tables.append(_table(title_of(place), first, others))
    if not tables:
        raise InputError(
            f"--compare: {models[0].name} shares no dataset, subset, family and class table with "
            "the others: run avs-bench eval on the same --data and --subset for each, with one "
            "--class-map or none"
        )
    return tuple(tables)


def _table(title: str, first: Scored, others: Sequence[Scored]) -> Table:
    figures = FIGURES[first.first.scores.family]
    resamples = max(RESAMPLES, RESAMPLES_PER_ROW * len(figures) * len(others))
    pairs = list[tuple[Scored, ModelComparison]]()
    for other in others:
        found = model_comparisons_of(other.units, first.units, figures, resamples)
        pairs += [(other, one) for one in found]
    corrected = holm([one.p_value for _, one in pairs])
    single = {len(first.entries) == len(other.entries) == 1 for other in others}
    return Table(
        f"{title}, compared with {first.label}",
        words=("model", "figure", "p", "p (Holm)"),
        figures=(first.label, "this model", "difference"),
        rows=tuple(_row(other, one, p) for (other, one), p in zip(pairs, corrected, strict=True)),
        legend=(DIFFERENCE, HOLM, *doubts_of((first, *others))),
        notes=(*([ONE_RUN] if True in single else []), *([SEEDS] if False in single else [])),
    )


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


def _row(other: Scored, one: ModelComparison, p: float) -> Row:
    p_alone = p_text(one.p_value).removesuffix("*")
    return Row(
        (other.label, one.first.name, p_alone, p_text(p)),
        (_mean(one.second), _mean(one.first), Number.of(one)),
        other.model.name,
    )


def _mean(spread: Spread) -> Number:
    """Return a mean over seeds; a single run's has no spread to show."""
    return Number.of(spread) if spread.runs > 1 else Number(spread.mean, missing=spread.note)
