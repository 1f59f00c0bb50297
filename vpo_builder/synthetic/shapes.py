"""Outline primitives: closed polygons in a figure's own frame (x right, y down, any unit)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

Points = npt.NDArray[np.float64]
Knot = tuple[float, float]

COAT, SECOND, ACCENT, LIGHT, DARK, SKIN, SHADE = range(1, 8)
"""Tones of a palette. COAT and SHADE (COAT in shadow) carry the texture, mixed with SECOND."""


@dataclass(frozen=True)
class Part:
    """A closed polygon [N, 2] filled with one tone; `inside` parts add nothing to the outline."""

    points: Points
    tone: int
    inside: bool = False


def poly(tone: int, *knots: Knot) -> Part:
    """Return the polygon through `knots`."""
    return Part(np.array(knots, dtype=np.float64), tone)


def oval(tone: int, x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> Part:
    """Return an ellipse about (x, y), turned clockwise by `turn` degrees."""
    angle = np.linspace(0.0, 2 * np.pi, 20, endpoint=False)
    points = np.stack([rx * np.cos(angle), ry * np.sin(angle)], axis=1)
    return Part(points @ rotation(turn).T + (x, y), tone)


def slab(tone: int, x0: float, y0: float, x1: float, y1: float, corner: float = 0.0) -> Part:
    """Return a rectangle whose corners are rounded with radius `corner`."""
    if corner == 0.0:
        return poly(tone, (x0, y0), (x1, y0), (x1, y1), (x0, y1))
    quarter = np.linspace(0.0, np.pi / 2, 4)
    centres = [(x1 - corner, y1 - corner), (x0 + corner, y1 - corner)]
    centres += [(x0 + corner, y0 + corner), (x1 - corner, y0 + corner)]
    arcs = [
        np.stack([cx + corner * np.cos(quarter + a), cy + corner * np.sin(quarter + a)], axis=1)
        for (cx, cy), a in zip(centres, np.arange(4) * np.pi / 2, strict=True)
    ]
    return Part(np.concatenate(arcs), tone)


def blob(tone: int, *knots: Knot) -> Part:
    """Return the closed Catmull-Rom curve through `knots`."""
    return Part(_spline(np.array(knots, dtype=np.float64), closed=True), tone)


def limb(tone: int, x0: float, y0: float, x1: float, y1: float, thick: float, thin: float) -> Part:
    """Return a straight limb that tapers from width `thick` to width `thin`."""
    return pipe(tone, thick, thin, (x0, y0), (x1, y1))


def pipe(tone: int, thick: float, thin: float, *knots: Knot) -> Part:
    """Return a smooth band along `knots` that tapers from width `thick` to width `thin`."""
    line = np.array(knots, dtype=np.float64)
    if len(line) > 2:
        line = _spline(line, closed=False)
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    half = np.linspace(thick, thin, len(line))[:, None] / 2
    return Part(np.concatenate([line + across * half, (line - across * half)[::-1]]), tone)


def inside(*parts: Part) -> list[Part]:
    """Return `parts` as details drawn within the outline."""
    return [replace(part, inside=True) for part in parts]


def shifted(parts: Iterable[Part], x: float, y: float) -> list[Part]:
    """Return `parts` moved by (x, y)."""
    return [replace(part, points=part.points + np.array((x, y))) for part in parts]


def sway(rng: Generator, most: float) -> float:
    """Return a number in [-most, most]."""
    return float(rng.uniform(-most, most))


def rotation(degrees: float) -> Points:
    """Return the [2, 2] matrix that turns column vectors clockwise (y points down)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def clipped(points: Points, width: float, height: float) -> Points:
    """Return the part of a polygon within [0, width] × [0, height]; empty if none is left.

    Sutherland and Hodgman's algorithm: exact for the region, whatever the polygon's shape.
    """
    for axis, sign, limit in ((0, 1, 0.0), (1, 1, 0.0), (0, -1, -width), (1, -1, -height)):
        if len(points) == 0:
            break
        depth = sign * points[:, axis] - limit
        if (depth >= 0).all():
            continue
        points = _cut(points, depth)
    return points


def _cut(points: Points, depth: Points) -> Points:
    kept = []
    following = np.roll(points, -1, axis=0)
    for here, there, a, b in zip(points, following, depth, np.roll(depth, -1), strict=True):
        if a >= 0:
            kept.append(here)
        if (a >= 0) != (b >= 0):
            kept.append(here + (there - here) * (a / (a - b)))
    return np.array(kept).reshape(-1, 2)


def _spline(knots: Points, *, closed: bool, steps: int = 4) -> Points:
    padded = np.roll(knots, 1, axis=0) if closed else np.concatenate([knots[:1], knots[:-1]])
    if closed:
        third, fourth = np.roll(knots, -1, axis=0), np.roll(knots, -2, axis=0)
    else:
        third = np.concatenate([knots[1:], knots[-1:]])
        fourth = np.concatenate([knots[2:], knots[-1:], knots[-1:]])
    t = (np.arange(steps) / steps)[:, None, None]
    curve = (
        2 * knots
        + (third - padded) * t
        + (2 * padded - 5 * knots + 4 * third - fourth) * t**2
        + (3 * knots - padded - 3 * third + fourth) * t**3
    ) / 2
    points: Points = curve.transpose(1, 0, 2).reshape(-1, 2)
    return points if closed else np.concatenate([points[: -steps + 1], knots[-1:]])
