"""Score against cost and against listening: where each method lies in a plane. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avs_bench.board.standings import LISTENING, Line, Standing
from avs_bench.report.charts import Axis, Tick, round_axis

ROW, COLUMN = 6.0, 24.0
"""Height and width of a name in per cent of the plane: what is nearer would be covered."""
MARGIN = 0.25
"""Of a logarithmic axis at both ends, in powers of ten: there is always a tick inside."""
MOST_TICKS = 7
Point = tuple[float, float]


@dataclass(frozen=True)
class Quantity:
    """What a method is held against: `of` a line, None if unknown; less or more of it is better."""

    name: str
    unit: str
    of: Callable[[Line], float | None]
    less: bool


@dataclass(frozen=True)
class Spot:
    """A method in a plane, in per cent of its width and height.

    `is_front` if no other scores more with as good a quantity; `is_named` if its name has room,
    which stands to the left if `is_turned`.
    """

    line: Line
    text: str
    left: float
    bottom: float
    is_front: bool
    is_named: bool
    is_turned: bool


@dataclass(frozen=True)
class Plane:
    """The leading figure (upwards) against a quantity; `missing` counts methods without one."""

    quantity: Quantity
    across: Axis
    upwards: Axis
    spots: tuple[Spot, ...]
    missing: int


def _millions(line: Line) -> float | None:
    return line.method.parameters / 1e6 if line.method and line.method.parameters else None


def _billions(line: Line) -> float | None:
    return line.method.flops / 1e9 if line.method and line.method.flops else None


def _points(line: Line) -> float | None:
    heard = line.listening
    return None if heard is None or math.isnan(heard.value) else 100 * heard.value


QUANTITIES = (
    Quantity("parameters", "million parameters", _millions, less=True),
    Quantity("GFLOPs", "GFLOPs an item", _billions, less=True),
    Quantity(LISTENING, f"% {LISTENING}", _points, less=False),
)


def planes_of(standing: Standing) -> tuple[Plane, ...]:
    """Return a standing's planes: against each of QUANTITIES that some method has."""
    own = [line for line in standing.lines if line.method and not math.isnan(line.score)]
    known = [(q, [(line, x) for line in own if (x := q.of(line)) is not None]) for q in QUANTITIES]
    return tuple(_plane(q, found, len(own) - len(found)) for q, found in known if found)


def log_axis(low: float, high: float) -> Axis:
    """Return an axis of logarithms around low to high, above 0, with ticks at 1, 2 and 5."""
    first, last = math.log10(low) - MARGIN, math.log10(high) + MARGIN
    axis = Axis(first, last, ())
    powers = range(math.floor(first), math.ceil(last) + 1)
    values = [m * 10.0**power for power in powers for m in (1, 2, 5)]
    inside = [value for value in values if first <= math.log10(value) <= last]
    if len(inside) > MOST_TICKS:
        inside = [value for value in inside if math.log10(value).is_integer()]
    ticks = (Tick(axis.place(math.log10(value)), f"{value:g}") for value in inside)
    return Axis(first, last, tuple(ticks))


def _plane(quantity: Quantity, found: Sequence[tuple[Line, float]], missing: int) -> Plane:
    values = [x for _, x in found]
    across = (log_axis if quantity.less else round_axis)(min(values), max(values))
    scores = [line.score for line, _ in found]
    upwards = round_axis(min(scores), max(scores), unit=100)
    places = [
        (across.place(math.log10(x) if quantity.less else x), upwards.place(line.score))
        for line, x in found
    ]
    spots = list[Spot]()
    for (line, x), place in zip(found, places, strict=True):  # the best first, who get their names
        front = not any(
            other.score > line.score and (y <= x if quantity.less else y >= x) for other, y in found
        )
        turned = place[0] > (COLUMN if quantity.less else 100 - COLUMN)
        named = [(one.left, one.bottom) for one in spots if one.is_named]
        free = not any(_covers(place, other, turned) for other in places if other != place)
        free &= not any(_lie_on_each_other(place, other) for other in named)
        text = f"{line.name}: {100 * line.score:.2f} %, {x:.4g} {quantity.unit}"
        spots.append(Spot(line, text, *place, front, front and free, turned))
    return Plane(quantity, across, upwards, tuple(spots), missing)


def _covers(place: Point, other: Point, turned: bool) -> bool:
    """Return whether a name beside `place`, to its left if turned, would lie on another spot."""
    aside = place[0] - other[0] if turned else other[0] - place[0]
    return 0 <= aside < COLUMN and abs(place[1] - other[1]) < ROW / 2


def _lie_on_each_other(place: Point, other: Point) -> bool:
    return abs(place[0] - other[0]) < 2 * COLUMN and abs(place[1] - other[1]) < ROW
