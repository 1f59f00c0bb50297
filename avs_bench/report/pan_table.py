"""The table of the pan curve: which of several alike is chosen as the sound moves. Pure."""

from collections.abc import Iterator, Sequence

from avs_bench.metrics import accuracy_instances, chance_instances, kept_instances
from avs_bench.metrics.families import RecordFigure
from avs_bench.report.models import Model, Scored, legend_of, numbers_of, scored_by_place
from avs_bench.report.runs import Place
from avs_bench.report.table import Number, Row, Table, unique
from avs_bench.results.records import Result, ScoredSet

TOWARD_TWIN = "toward-twin@"
OWN_PLACE = "its own place"
LEADING: RecordFigure = kept_instances
OTHERS: tuple[RecordFigure, ...] = (accuracy_instances, chance_instances)
CURVE = (
    "toward-twin@1 to @5: the sound comes from 20, 40, 60, 80 and 100 % of the way to the nearest "
    "silent twin. Who hears sides keeps the object up to the half and chooses the twin past it; "
    "who does not keeps the same share throughout."
)


def pan_tables(models: Sequence[Model]) -> tuple[Table, ...]:
    """Return a table of each dataset and subset on which sounds were moved to silent twins."""
    places = scored_by_place(models).items()
    tables = (_table(place, scored) for place, scored in places if place.family == "instances")
    return tuple(table for table in tables if table.rows)


def _table(place: Place, scored: Sequence[Scored]) -> Table:
    rows = tuple(row for one in scored for row in _rows(one))
    named = [figure(scored[0].overall) for figure in (LEADING, *OTHERS)]
    return Table(
        f"{place.data}, instances as the sound moves",
        words=("model", "heard from", "pictures"),
        figures=tuple(figure.name for figure in named),
        rows=rows,
        legend=tuple(legend_of(scored)),
        notes=unique([*(f"{figure.name}: {figure.rules}." for figure in named), CURVE]),
    )


def _rows(scored: Scored) -> Iterator[Row]:
    """Yield a row for each place, beginning with the sound's own, over the same pictures.

    What is kept alone has an interval.
    """
    moved = [_chosen(entry.result) for entry in scored.entries]
    names = [name for name in moved[0] if all(name in one for one in moved)]
    names.sort(key=lambda name: (not name.startswith(TOWARD_TWIN), name))  # the curve first
    for name in ([OWN_PLACE] if names else []) + names:
        sets = [
            one.get(name) or entry.scores.among(next(iter(one.values())).item_ids)
            for entry, one in zip(scored.entries, moved, strict=True)
        ]
        overalls = [one.overall for one in sets]
        numbers = numbers_of([one.units for one in sets], [LEADING])
        numbers += [Number.over_seeds([figure(record) for record in overalls]) for figure in OTHERS]
        words = (scored.label, name, str(len(sets[0].items)))
        yield Row(words, tuple(numbers), scored.model.name)


def _chosen(result: Result) -> dict[str, ScoredSet]:
    return {one.probe: one.instances for one in result.probes if one.instances is not None}
