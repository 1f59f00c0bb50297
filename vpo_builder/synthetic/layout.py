"""Where things stand: figures scaled, turned, mirrored and set down in a picture."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from vpo_builder.synthetic.figures import Figure
from vpo_builder.synthetic.shapes import Part, Points, rotation, shifted

Box = tuple[float, float, float, float]

_TRIALS = 64
"""Random positions tried per object; the one that covers least of the others is taken."""
_STRAY = 0.2
"""What standing outside its part of the picture costs, in units of a wholly covered object."""


@dataclass(frozen=True)
class Standing:
    """A figure in its place: `parts` in pixels, `box` (x0, y0, x1, y1) of its outline.

    `to_figure` is the [2, 3] map from pixels to texture coordinates (see `figures.Texture`).
    """

    figure: Figure
    parts: tuple[Part, ...]
    box: Box
    to_figure: Points


@dataclass(frozen=True)
class Wish:
    """What a scene asks of a place.

    `size` is the geometric mean of the box's sides over that of the picture's; `column` fixes
    the horizontal place (0 as far left as it goes, 1 as far right); `on_top` asks to cover half
    of the last one.
    """

    size: float
    column: float | None = None
    on_top: bool = False


def set_down(
    figure: Figure, wish: Wish, size: tuple[int, int], others: list[Standing], rng: Generator
) -> Standing:
    """Return `figure` standing in a picture of `size` (width, height) among `others`."""
    loose, to_unit = _posed(figure, wish, size, rng)
    corner = np.array(_bounds(loose))
    x, y = _spot(figure, wish, corner, size, others, rng)
    parts = tuple(shifted(loose, x, y))
    matrix = np.concatenate([to_unit, -to_unit @ np.array([[x], [y]])], axis=1)
    return Standing(figure, parts, _bounds(parts), matrix)


def _posed(
    figure: Figure, wish: Wish, size: tuple[int, int], rng: Generator
) -> tuple[list[Part], Points]:
    """Return the parts about (0, 0) in pixels, and the map from there to texture coordinates."""
    parts = figure.draw(rng)
    x0, y0, x1, y1 = _bounds(parts)
    middle, reach = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), max(x1 - x0, y1 - y0) / 2
    mirror = np.diag([rng.choice((-1.0, 1.0)), 1.0])
    matrix = rotation(rng.uniform(-figure.turn, figure.turn)) @ mirror
    parts = [replace(part, points=(part.points - middle) @ matrix.T) for part in parts]
    x0, y0, x1, y1 = _bounds(parts)
    wide, high = x1 - x0, y1 - y0
    scale = wish.size * np.sqrt(size[0] * size[1] / (wide * high))
    scale = min(scale, 0.94 * size[0] / wide, 0.94 * size[1] / high)
    parts = [replace(part, points=part.points * scale) for part in parts]
    return parts, np.linalg.inv(matrix * scale) / reach


def _spot(
    figure: Figure,
    wish: Wish,
    corner: Points,
    size: tuple[int, int],
    others: list[Standing],
    rng: Generator,
) -> tuple[float, float]:
    x0, y0, x1, y1 = corner
    if wish.on_top and others:
        left, top, right, bottom = others[-1].box
        return (left + right) / 2 + 0.2 * (right - left), (top + bottom) / 2
    low, high = {"sky": (0.0, 0.4), "ground": (0.5, 1.0), "any": (0.0, 1.0)}[figure.place]
    across = rng.uniform(0.0, 1.0, _TRIALS)
    if wish.column is not None:
        across = np.clip(wish.column + rng.uniform(-0.06, 0.06, _TRIALS), 0.0, 1.0)
    over = 0.15 * (x1 - x0) * (rng.random() < 0.2)  # a fifth may hang over the side
    xs = -x0 - over + across * (size[0] - (x1 - x0) + 2 * over)
    down = rng.uniform(0.0, 1.0, _TRIALS)
    down[::2] = low + (high - low) * down[::2]
    ys = -y0 + down * (size[1] - (y1 - y0))
    cost = _STRAY * ((down < low) | (down > high))
    cost = sum((_cover(corner, xs, ys, other.box) for other in others), cost)
    best = int(np.argmin(cost))
    return float(xs[best]), float(ys[best])


def _cover(corner: Points, xs: Points, ys: Points, box: Box) -> Points:
    """Return the shared area of the box moved to each (x, y) and `box`, over the smaller one."""
    wide = np.minimum(corner[2] + xs, box[2]) - np.maximum(corner[0] + xs, box[0])
    high = np.minimum(corner[3] + ys, box[3]) - np.maximum(corner[1] + ys, box[1])
    own = (corner[2] - corner[0]) * (corner[3] - corner[1])
    smaller = min(own, (box[2] - box[0]) * (box[3] - box[1]))
    shared: Points = np.maximum(wide, 0.0) * np.maximum(high, 0.0) / smaller
    return shared


def _bounds(parts: list[Part] | tuple[Part, ...]) -> Box:
    points = np.concatenate([part.points for part in parts if not part.inside])
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
