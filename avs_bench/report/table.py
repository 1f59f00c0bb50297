"""A table of figures, as every format prints it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from avs_bench.metrics import Figure, Interval, ModelComparison, Spread, over_seeds
from avs_bench.metrics.families import REFERENCES


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
    def over_seeds(cls, figures: Sequence[Figure]) -> "Number":
        """Return the figure of one seed as it is, of several as mean and standard deviation."""
        return cls.of(figures[0] if len(figures) == 1 else over_seeds(figures))

    @classmethod
    def of(cls, measured: Figure | Interval | Spread | ModelComparison) -> "Number":
        """Return a figure, an interval, a spread or a difference as a number."""
        if isinstance(measured, ModelComparison):
            if measured.missing:
                return cls(measured.difference, missing=measured.missing)
            return cls(measured.difference, measured.low, measured.high)
        if isinstance(measured, Spread):
            return cls(measured.mean, sd=measured.sd, missing=measured.note)
        if isinstance(measured, Figure):
            return cls(measured.value, missing=measured.note if math.isnan(measured.value) else "")
        if measured.missing:
            return cls(measured.figure.value, missing=measured.missing)
        return cls(measured.figure.value, measured.low, measured.high)

    @property
    def why(self) -> str:
        """The sentence that says what is missing."""
        return f"–: {self.missing}." if math.isnan(self.value) else f"{self.missing}."

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "–"
        if self.low is not None and self.high is not None:
            return f"{_percent(self.value)} [{_percent(self.low)}, {_percent(self.high)}]"
        return _percent(self.value) + ("" if self.sd is None else f" ± {_percent(self.sd)}")


@dataclass(frozen=True)
class Row:
    """A row: words, then a number or None for each figure.

    `model` is the name of the model that it is of, None in a `published` row. `has_seen_test` if
    its epoch was chosen on what is scored, or training has seen some of that.
    """

    words: tuple[str, ...]
    numbers: tuple[Number | None, ...]
    model: str | None = None
    has_seen_test: bool = False

    @property
    def published(self) -> bool:
        """Whether the row is out of a paper, and not ours."""
        return self.model is None


@dataclass(frozen=True)
class Table:
    """Rows under one title.

    `words` and `figures` name the columns, `lower` those figures of which less is better; in a
    `ranked` table the rows compete. `legend` are the sentences without which its cells cannot be
    read, `notes` the rules and sources of its figures.
    """

    title: str
    words: tuple[str, ...]
    figures: tuple[str, ...]
    rows: tuple[Row, ...]
    legend: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lower: frozenset[str] = frozenset()
    ranked: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Why some cells are "–" or have no interval, a sentence for each reason."""
        numbers = (number for row in self.rows for number in row.numbers if number)
        return unique(number.why for number in numbers if number.missing)

    @property
    def below(self) -> tuple[str, ...]:
        """Every sentence for below the table."""
        return ("Per cent.", *self.legend, *self.missing, *self.notes)

    def best(self, figure: str) -> frozenset[int]:
        """Return our rows with the best printed value of a figure, if there is a choice.

        Rows that have seen what is scored do not compete, the published ones among them, and no
        row is best in what figures are read against.
        """
        column = self.figures.index(figure)
        known = {
            place: round(100 * number.value, 2)
            for place, row in enumerate(self.rows)
            if not (row.published or row.has_seen_test)
            and (number := row.numbers[column]) is not None
            and not math.isnan(number.value)
        }
        if not self.ranked or len(known) < 2 or figure in REFERENCES:
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
