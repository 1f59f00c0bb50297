"""A table of figures, as every format prints it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from avs_bench.metrics import Figure, Interval, Spread


@dataclass(frozen=True)
class Number:
    """A fraction with what is known of its doubt: an interval, or the spread of several runs.

    `missing` says why there is no value, or no interval.
    """

    value: float
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    missing: str = ""

    @classmethod
    def of(cls, measured: Figure | Interval | Spread) -> "Number":
        """Return a figure, an interval or a spread as a number."""
        if isinstance(measured, Spread):
            return cls(measured.mean, sd=measured.sd, missing=measured.note)
        if isinstance(measured, Figure):
            return cls(measured.value, missing=measured.note if math.isnan(measured.value) else "")
        if measured.missing:
            return cls(measured.figure.value, missing=measured.missing)
        return cls(measured.figure.value, measured.low, measured.high)

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "–"
        if self.low is not None and self.high is not None:
            return f"{_percent(self.value)} [{_percent(self.low)}, {_percent(self.high)}]"
        return _percent(self.value) + ("" if self.sd is None else f" ± {_percent(self.sd)}")


@dataclass(frozen=True)
class Row:
    """A row: words, then a number or None for each figure.

    `run` is the (first) run that it is of, None in a `published` row; `on_test` if its epoch was
    chosen on test.
    """

    words: tuple[str, ...]
    numbers: tuple[Number | None, ...]
    run: str | None = None
    on_test: bool = False

    @property
    def published(self) -> bool:
        """Whether the row is out of a paper, and not ours."""
        return self.run is None


@dataclass(frozen=True)
class Table:
    """Rows under one title.

    `words` and `figures` name the columns, `lower` those figures of which less is better; in a
    `ranked` table the rows compete. `notes` are sentences for below the table.
    """

    title: str
    words: tuple[str, ...]
    figures: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    lower: frozenset[str] = frozenset()
    ranked: bool = False

    def best(self, figure: str) -> frozenset[int]:
        """Return our rows with the best printed value of a figure, if there is a choice.

        Rows whose epoch was chosen on test do not compete, the published ones among them.
        """
        column = self.figures.index(figure)
        known = {
            place: round(100 * number.value, 2)
            for place, row in enumerate(self.rows)
            if not (row.published or row.on_test)
            and (number := row.numbers[column]) is not None
            and not math.isnan(number.value)
        }
        if not self.ranked or len(known) < 2:
            return frozenset()
        best = (min if figure in self.lower else max)(known.values())
        return frozenset(place for place, value in known.items() if value == best)


def shown(number: Number | None) -> str:
    """Return a number in per cent with its doubt; "–" where there is none."""
    return "–" if number is None else str(number)


def unique(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return each sentence once, in the order in which they first come."""
    return tuple(dict.fromkeys(sentences))


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.2f}"
