"""Where everything in a chart goes, in per cent of its width and height: pure, the page draws."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avs_bench.metrics import Confusion
from avs_bench.report.models import Model
from avs_bench.report.runs import Run
from avs_bench.report.table import Number, Table

MODEL_COLOURS = ("#2f6fb0", "#d0662b", "#3d8f5f", "#9a56a8", "#b8912b", "#4a9da5", "#b8486a")
"""Told apart by colour-blind readers, and on white as on black."""


@dataclass(frozen=True)
class Tick:
    """A place on an axis and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers from `low` to `high` with round ticks."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """Return where a value lies, 0 to 100."""
        return round(100 * (value - self.low) / (self.high - self.low), 3)


@dataclass(frozen=True)
class Dot:
    """A value with its interval or spread, `low` and `high`, on an axis."""

    label: str
    detail: str
    text: str
    at: float
    low: float
    high: float
    colour: str
    published: bool = False


@dataclass(frozen=True)
class DotPlot:
    """One figure, a row for each model or published row; `zero` where the axis has it inside."""

    figure: str
    dots: tuple[Dot, ...]
    axis: Axis
    zero: float | None


@dataclass(frozen=True)
class Line:
    """A run's curve as the points of an SVG polyline."""

    points: str
    colour: str


@dataclass(frozen=True)
class Panel:
    """Curves of one quantity over epochs; `top` and `bottom` are the ends of its axis.

    `last` says for each model where its curves end: its name, in words, its colour.
    """

    quantity: str
    lines: tuple[Line, ...]
    last: tuple[tuple[str, str, str], ...]
    top: str
    bottom: str
    epochs: int


@dataclass(frozen=True)
class Cell:
    """A cell of a confusion matrix: `share` of the target class's pixels, 0 to 1."""

    row: int
    column: int
    share: float
    pixels: int


def model_colours(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for each model."""
    distinct = dict.fromkeys(names)
    return {name: MODEL_COLOURS[i % len(MODEL_COLOURS)] for i, name in enumerate(distinct)}


def dot_plot(table: Table, figure: str, colours: Mapping[str, str]) -> DotPlot | None:
    """Return the plot of one figure of a table; None if no row has it.

    `colours` are those of the models.
    """
    column = table.figures.index(figure)
    found = [(row, row.numbers[column]) for row in table.rows]
    known = [(row, number) for row, number in found if number and not math.isnan(number.value)]
    if not known:
        return None
    ends = [end for _, number in known for end in _ends(number)]
    axis = round_axis(min(ends), max(ends), unit=100)
    dots = [
        Dot(
            label=row.words[0],
            detail=row.words[1],
            text=str(number),
            at=axis.place(number.value),
            low=axis.place(_ends(number)[0]),
            high=axis.place(_ends(number)[1]),
            colour="" if row.model is None else colours[row.model],
            published=row.published,
        )
        for row, number in known
    ]
    zero = axis.place(0) if axis.low < 0 < axis.high else None
    return DotPlot(figure, tuple(dots), axis, zero)


def panels(models: Sequence[Model]) -> tuple[Panel, ...]:
    """Return the curves of everything that the runs' histories count: losses, then scores."""
    series: dict[str, dict[str, list[list[tuple[int, float]]]]] = {}
    for model in models:
        for run in model.runs:
            for name, points in _points(run).items():
                series.setdefault(name, {}).setdefault(model.name, []).append(points)
    colours = model_colours(model.name for model in models)
    return tuple(_panel(name, curves, colours) for name, curves in series.items())


def matrix_cells(confusion: Confusion, smallest: float = 0.001) -> tuple[Cell, ...]:
    """Return the cells of a confusion matrix whose share of their row is at least `smallest`."""
    totals = confusion.matrix.sum(axis=1, keepdims=True)
    shares = confusion.matrix / np.maximum(totals, 1)
    places = np.argwhere(shares >= smallest).tolist()
    return tuple(
        Cell(row, column, float(shares[row, column]), int(confusion.matrix[row, column]))
        for row, column in places
    )


def round_axis(low: float, high: float, unit: float = 1.0) -> Axis:
    """Return an axis around [low, high] with about five ticks at 1, 2 or 5 times a power of ten.

    Labels are in `unit` of one: 100 for per cent.
    """
    span = max(high - low, 0.2 / unit)
    raw = span / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        last += 1
    digits = max(0, -math.floor(math.log10(step * unit) + 1e-9))
    axis = Axis(first * step, last * step, ())
    ticks = tuple(
        Tick(axis.place(index * step), f"{index * step * unit:.{digits}f}")
        for index in range(first, last + 1)
    )
    return Axis(axis.low, axis.high, ticks)


def _ends(number: Number) -> tuple[float, float]:
    if number.low is not None and number.high is not None:
        known = [end for end in (number.low, number.high) if not math.isnan(end)]
        return min([number.value, *known]), max([number.value, *known])
    spread = number.sd if number.sd and not math.isnan(number.sd) else 0.0
    return number.value - spread, number.value + spread


def _points(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Return (epoch, value) of each quantity of a run's history."""
    series: dict[str, list[tuple[int, float]]] = {}
    for record in run.history:
        for name, value in _quantities(record):
            series.setdefault(name, []).append((int(record["epoch"]) + 1, value))
    return series


def _quantities(record: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from ((f"{name} {inner}", x) for inner, x in value.items() if _is_number(x))
        elif name not in ("epoch", "step") and _is_number(value):
            yield name, value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _panel(
    name: str, curves: Mapping[str, list[list[tuple[int, float]]]], colours: Mapping[str, str]
) -> Panel:
    every = [point for runs in curves.values() for points in runs for point in points]
    values = [value for _, value in every]
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axis = Axis(low - pad, high + pad, ())
    epochs = max(epoch for epoch, _ in every)
    lines = tuple(
        Line(
            " ".join(
                f"{100 * (epoch - 1) / max(epochs - 1, 1):.2f},{100 - axis.place(value):.2f}"
                for epoch, value in points
            ),
            colours[model],
        )
        for model, runs in curves.items()
        for points in runs
    )
    last = tuple(
        (model, _ending([points[-1][1] for points in runs]), colours[model])
        for model, runs in curves.items()
    )
    return Panel(name, lines, last, f"{high:.4g}", f"{low:.4g}", epochs)


def _ending(values: Sequence[float]) -> str:
    """Return the last value of a model's run, or the mean and deviation of those of its seeds."""
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4g}{spread}"
