"""The table of AVSBench-Robust's figures: does a model fall silent when its picture does? Pure."""

from collections.abc import Iterator, Sequence

from avs_bench.metrics import Figure
from avs_bench.metrics.robust import G_FPR, ROBUST
from avs_bench.report.models import SPREADS, Model, Scored, scored_by_place
from avs_bench.report.runs import Place
from avs_bench.report.table import Number, Row, Table, unique
from avs_bench.results.listening import NEGATIVE, robust_figures

SOURCE = (
    "After AVSBench-Robust (arXiv 2502.00358), whose authors make the G figures by hand from what "
    "their code prints: what G-FPR averages, and that wrong sounds are averaged first, are our "
    "reading."
)


def robust_tables(models: Sequence[Model]) -> tuple[Table, ...]:
    """Return a table of each dataset and subset that a negative sound was given on.

    It has a row for each such sound and model, and one for several together.
    """
    places = scored_by_place(models).items()
    tables = (_table(place, scored) for place, scored in places if place.family == "dataset")
    return tuple(table for table in tables if table.rows)


def _table(place: Place, scored: Sequence[Scored]) -> Table:
    rows, rules = [], []
    for model in scored:
        for names, items, seeds in _asked(model):
            numbers = tuple(map(Number.over_seeds, zip(*seeds, strict=True)))
            words = (model.label, " + ".join(names), str(items))
            rows.append(Row(words, numbers, model.model.name))
            rules = [f"{figure.name}: {figure.rules}." for figure in seeds[0]]
    return Table(
        f"{place.data}, AVSBench-Robust",
        words=("model", "wrong sounds", "items"),
        figures=ROBUST,
        rows=tuple(rows),
        legend=(SPREADS,) * any(len(model.entries) > 1 for model in scored),
        notes=unique([*rules, SOURCE]),
        lower=frozenset({G_FPR}),
    )


def _asked(model: Scored) -> Iterator[tuple[tuple[str, ...], int, list[tuple[Figure, ...]]]]:
    """Yield which sounds, on how many items, and the figures of each seed."""
    by_seed = [{one.probe: one for one in entry.result.probes} for entry in model.entries]
    asked = tuple(name for name in NEGATIVE if all(name in probes for probes in by_seed))
    for names in (*((name,) for name in asked), *((asked,) if len(asked) > 1 else ())):
        chosen = [[probes[name] for name in names] for probes in by_seed]
        seeds = [
            robust_figures(entry.scores, probed)
            for entry, probed in zip(model.entries, chosen, strict=True)
        ]
        common = set.intersection(*(set(one.labelled.item_ids) for one in chosen[0]))
        yield names, len(common), seeds
