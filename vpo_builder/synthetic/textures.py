"""Coats: stripes, patches, curls, checks and the like, over a figure's own coordinates.

Each function maps (u, v, generator) to the share of the SECOND tone in [0, 1]; u and v are
coordinates in [-1, 1] along the figure's longer side, u rightwards and v downwards, arrays [N].
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

Field = npt.NDArray[np.float32]


def plain(u: Field, v: Field, rng: Generator) -> Field:
    """Darker towards the ground."""
    return _share(0.35 + 0.5 * v)


def gloss(u: Field, v: Field, rng: Generator) -> Field:
    """A streak of light along the upper side."""
    return _share(np.exp(-(((v + 0.22 + 0.1 * u) / 0.09) ** 2)))


def stripes(u: Field, v: Field, rng: Generator) -> Field:
    """Upright on trunk and neck, level on the legs."""
    count, bend = rng.uniform(15, 20), rng.uniform(0.5, 1.2)
    phase = np.where(v > 0.3, count * 1.5 * v, count * (u + 0.25 * np.sin(2.5 * v + bend)))
    return _share(np.sin(phase + rng.uniform(0, 6)) > 0.05)


def tabby(u: Field, v: Field, rng: Generator) -> Field:
    """Soft rings around the body."""
    count = rng.uniform(13, 18)
    wave = np.sin(count * (v + 0.25 * np.abs(u)) + rng.uniform(0, 6))
    return _share(np.clip(1.6 * wave - 0.4, 0.0, 0.9))


def patches(u: Field, v: Field, rng: Generator) -> Field:
    """A few large patches."""
    field = np.zeros_like(u)
    for _ in range(5):
        a, b = rng.uniform(-6, 6, size=2)
        field += np.cos(a * u + b * v + rng.uniform(0, 6))
    return _share(field > 0.35)


def curls(u: Field, v: Field, rng: Generator) -> Field:
    """Wool."""
    size = rng.uniform(19, 25)
    swirl = np.sin(size * u + 2 * np.sin(0.7 * size * v)) * np.sin(size * v + 2 * np.sin(size * u))
    return _share(0.35 + 0.6 * swirl)


def wrinkles(u: Field, v: Field, rng: Generator) -> Field:
    """Fine level folds, darker below."""
    folds = np.sin(30 * v + 2.5 * np.sin(5 * u + rng.uniform(0, 6)))
    return _share(0.3 + 0.45 * v + 0.22 * folds)


def saddle(u: Field, v: Field, rng: Generator) -> Field:
    """A dark back that fades down the flanks."""
    return _share(-5.0 * (v - rng.uniform(-0.15, 0.05) + 0.1 * np.sin(4 * u)))


def feathers(u: Field, v: Field, rng: Generator) -> Field:
    """Rows of scales."""
    size = rng.uniform(14, 18)
    row = np.floor(size * v / 2)
    arc = (size * v / 2 - row) - 0.6 * np.abs(np.sin(size * u / 2 + row * np.pi / 2))
    return _share(np.clip(0.5 + 1.5 * arc, 0.0, 0.7))


def dots(u: Field, v: Field, rng: Generator) -> Field:
    """Polka dots."""
    size = rng.uniform(16, 21)
    return _share(np.sin(size * u) * np.sin(size * v) > 0.45)


def checks(u: Field, v: Field, rng: Generator) -> Field:
    """Lumberjack checks."""
    size = rng.uniform(30, 38)
    return _share(0.45 * (np.sin(size * u) > 0.2) + 0.45 * (np.sin(size * v) > 0.2))


def petals(u: Field, v: Field, rng: Generator) -> Field:
    """Five-petalled flowers in rows."""
    size = rng.uniform(9, 12)
    x, y = np.modf(size * u + 50)[0] - 0.5, np.modf(size * v + 50)[0] - 0.5
    radius = 0.26 + 0.13 * np.cos(5 * np.arctan2(y, x))
    return _share(np.hypot(x, y) < radius)


def bands(u: Field, v: Field, rng: Generator) -> Field:
    """Broad slanting bands."""
    size = rng.uniform(9, 13)
    return _share(np.sin(size * (u + 0.8 * v) + rng.uniform(0, 6)) > 0)


def screen(u: Field, v: Field, rng: Generator) -> Field:
    """A slow gradient, as on a lit display."""
    return _share(0.5 + 0.5 * v + 0.3 * np.sin(5 * u + 3 * v + rng.uniform(0, 6)))


def pimples(u: Field, v: Field, rng: Generator) -> Field:
    """The grain of a ball."""
    return _share(np.where(np.sin(40 * u) * np.sin(40 * v) > 0.3, 0.4, 0.0))


def _share(field: npt.NDArray[Any]) -> Field:
    share: Field = np.clip(field, 0.0, 1.0).astype(np.float32)
    return share
