"""The tables of a board: for each dataset, subset and family who stands where. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

from avs_bench.board.methods import Method
from avs_bench.report.models import Scored, scored_by_place
from avs_bench.report.published_rows import published_rows
from avs_bench.report.runs import Entry, Place
from avs_bench.report.score_tables import by_ear, listening_of, score_tables_by_place
from avs_bench.report.table import Number, Row, Table

LISTENING = "listening_score"


@dataclass(frozen=True)
class Line:
    """A row of a standing: a method's, or a published one, of which `method` is None.

    `listening` is the listening score, None where no picture was heard with several sounds.
    `numbers` are those of the table's figures and `best` the names of those that nobody's exceed;
    a method `competes` unless it has seen what is scored, or chose its epoch by it. `scored` holds
    the counts of its seeds, each of which has a number on the board in `counts`.
    """

    name: str
    detail: str
    year: int | None
    listening: Number | None
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

    `table` is the report's, whose figures, rules and sources hold here too; `heard` is that of
    listening on the same data.
    """

    number: int
    place: Place
    table: Table
    heard: Table | None
    lines: tuple[Line, ...]

    @property
    def first(self) -> Entry:
        """An entry, which stands for what all of the place share."""
        return next(line.scored.first for line in self.lines if line.scored)

    @property
    def years(self) -> frozenset[int]:
        """The years that its rows name."""
        return frozenset(line.year for line in self.lines if line.year is not None)


def standings_of(methods: Sequence[Method]) -> tuple[Standing, ...]:
    """Return the standings of methods, with the published rows that compare with them."""
    models = [method.model for method in methods]
    of_model = {method.name: method for method in methods}
    places, tables, numbers = scored_by_place(models), score_tables_by_place(models), count()
    standings: list[Standing] = []
    for place, table in tables.items():
        if place.family == "listening":  # in the first column of the others, and on methods' pages
            continue
        scored, heard = places[place], by_ear(place, tables)
        noted = replace(table, notes=(*(heard.notes[:1] if heard else ()), *table.notes))
        lines = [
            _own_line(row, one, of_model[one.model.name], heard, _best(at, table, heard), numbers)
            for at, (row, one) in enumerate(zip(table.rows, scored, strict=False))
        ]
        lines += _published_lines(place, table.rows[len(scored) :])
        lines.sort(key=lambda line: (-_known(line.score), line.name))
        standings.append(Standing(len(standings), place, noted, heard, tuple(lines)))
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


def _best(at: int, table: Table, heard: Table | None) -> frozenset[str]:
    """Name the figures that nobody exceeds a row in, that of listening among them."""
    names = frozenset(name for name in table.figures if at in table.best(name))
    if heard is None:
        return names
    leading = {heard.rows[place].model for place in heard.best(LISTENING)}
    return names | ({LISTENING} if table.rows[at].model in leading else set())


def _own_line(
    row: Row,
    scored: Scored,
    method: Method,
    heard: Table | None,
    best: frozenset[str],
    numbers: Iterator[int],
) -> Line:
    seeds = len(scored.entries)
    return Line(
        scored.label,
        f"{seeds} seeds" if seeds > 1 else "one run",
        method.about.year,
        listening_of(row, heard) if heard else None,
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


def _known(value: float) -> float:
    return -math.inf if math.isnan(value) else value
