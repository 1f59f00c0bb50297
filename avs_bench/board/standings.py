"""The tables of a board: for each dataset, subset and family who stands where. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

from avs_bench.board.methods import Method
from avs_bench.report.models import Scored, scored_by_place
from avs_bench.report.published_rows import published_rows
from avs_bench.report.runs import Entry, Place
from avs_bench.report.score_tables import score_tables
from avs_bench.report.table import Number, Row, Table

GAIN = "listening gain"
GAIN_NOTE = (
    "listening gain: miou_dataset with the right sound minus miou_dataset in silence, both against "
    "the masks of the right sound: 0 for a model that ignores the sound."
)
SILENCE = "silence"
Asked = tuple[str, str, str, str]
"""The manifest's sha256, the subset, the mapping of classes, and what `Scored` is labelled."""


@dataclass(frozen=True)
class Line:
    """A row of a standing: a method's, or a published one, of which `method` is None.

    `numbers` are those of the table's figures and `best` the names of those that nobody's exceed;
    a method `competes` unless it has seen what is scored, or chose its epoch by it. `scored` holds
    the counts of its seeds, each of which has a number on the board in `counts`.
    """

    name: str
    detail: str
    year: int | None
    gain: Number | None
    numbers: tuple[Number | None, ...]
    best: frozenset[str] = frozenset()
    method: Method | None = None
    scored: Scored | None = None
    counts: tuple[int, ...] = ()
    competes: bool = False

    @property
    def score(self) -> float:
        """The leading figure; NaN where there is none."""
        return math.nan if self.numbers[0] is None else self.numbers[0].value


@dataclass(frozen=True)
class Standing:
    """Who scored what in one place, the best first by the figure that its papers lead with.

    `table` is the report's, whose figures, rules and sources hold here too.
    """

    number: int
    place: Place
    table: Table
    lines: tuple[Line, ...]

    @property
    def first(self) -> Entry:
        """An entry, which stands for what all of the place share."""
        return next(line.scored.first for line in self.lines if line.scored)

    @property
    def years(self) -> frozenset[int]:
        """The years that its rows name."""
        return frozenset(line.year for line in self.lines if line.year is not None)


def standings_of(
    methods: Sequence[Method], probes: Mapping[str, Mapping[Place, Table]]
) -> tuple[Standing, ...]:
    """Return the standings of methods, with the published rows that compare with them.

    `probes` are `probe_tables_by_place` of each method's model, by the method's key.
    """
    models = [method.model for method in methods]
    of_model = {method.name: method for method in methods}
    gains = {key: gain for one in methods for key, gain in _gains(one, probes[one.key]).items()}
    places, numbers = scored_by_place(models), count()
    standings: list[Standing] = []
    for (place, scored), table in zip(places.items(), score_tables(models), strict=True):
        lines = [
            _own_line(row, one, of_model[one.model.name], gains, _best(table, at), numbers)
            for at, (row, one) in enumerate(zip(table.rows, scored, strict=False))
        ]
        lines += _published_lines(place, table.rows[len(scored) :])
        lines.sort(key=lambda line: (-_known(line.score), line.name))
        standings.append(Standing(len(standings), place, table, tuple(lines)))
    return tuple(standings)


def own_part(table: Table, method: Method) -> Table:
    """Return the rows of a standing's table that are a method's."""
    rows = tuple(row for row in table.rows if row.model == method.name)
    return replace(table, rows=rows, notes=(), ranked=False)


def unnamed(table: Table) -> Table:
    """Return a table without the column of models, if they are all one."""
    if len({row.words[0] for row in table.rows}) > 1:
        return table
    rows = tuple(replace(row, words=row.words[1:]) for row in table.rows)
    return replace(table, words=table.words[1:], rows=rows)


def _best(table: Table, at: int) -> frozenset[str]:
    return frozenset(name for name in table.figures if at in table.best(name))


def _own_line(
    row: Row,
    scored: Scored,
    method: Method,
    gains: Mapping[Asked, Number],
    best: frozenset[str],
    numbers: Iterator[int],
) -> Line:
    seeds = len(scored.entries)
    return Line(
        scored.label,
        f"{seeds} seeds" if seeds > 1 else "one run",
        method.about.year,
        gains.get(_asked(scored)),
        row.numbers,
        best,
        method,
        scored,
        tuple(islice(numbers, seeds)),
        not row.has_seen_test,
    )


def _published_lines(place: Place, rows: Sequence[Row]) -> Iterator[Line]:
    published = published_rows(place.dataset, place.subset, place.family) if rows else ()
    for row, known in zip(rows, published, strict=True):
        yield Line(known.method, f"published [{known.key}]", known.year, None, row.numbers)


def _gains(method: Method, tables: Mapping[Place, Table]) -> dict[Asked, Number]:
    """Return a method's listening gains wherever it was asked in silence."""
    found = dict[Asked, Number]()
    for place, every in scored_by_place([method.model]).items():
        silent = {
            row.words[0]: row.numbers[-1]
            for row in (tables[place].rows if place in tables else ())
            if row.words[1] == SILENCE
        }
        found |= {_asked(one): gain for one in every if (gain := silent.get(one.label)) is not None}
    return found


def _asked(scored: Scored) -> Asked:
    result = scored.first.result
    mapped = result.class_map.label if result.class_map else ""
    return result.dataset_sha256, result.subset, mapped, scored.label


def _known(value: float) -> float:
    return -math.inf if math.isnan(value) else value
