"""Silhouettes of the vehicles, facing right."""

import numpy as np
from numpy.random import Generator

from vpo_builder.synthetic.shapes import (
    ACCENT,
    COAT,
    DARK,
    LIGHT,
    SECOND,
    SHADE,
    Part,
    blob,
    inside,
    limb,
    oval,
    pipe,
    poly,
    slab,
)


def airplane(rng: Generator) -> list[Part]:
    """Return an airliner seen from the side: swept wings, fin, engine, a row of windows."""
    sweep = rng.uniform(0.0, 0.2)
    return [
        poly(SHADE, (0.15, -0.1), (-0.25 - sweep, -0.55), (-0.45 - sweep, -0.55), (-0.2, -0.1)),
        poly(ACCENT, (-0.72, -0.08), (-1.2, -0.62), (-0.98, -0.64), (-0.5, -0.12)),
        blob(COAT, (1.25, 0.04), (1.0, -0.12), (0.0, -0.17), (-0.8, -0.14), (-1.2, -0.06),
             (-0.8, 0.12), (0.0, 0.18), (0.95, 0.17)),
        poly(SHADE, (-0.85, 0.0), (-1.3, 0.14), (-1.15, 0.14), (-0.65, 0.04)),
        oval(DARK, 0.1, 0.3, 0.17, 0.08),
        poly(SHADE, (0.3, 0.05), (-0.35 - sweep, 0.6), (-0.62 - sweep, 0.6), (-0.2, 0.06)),
        *inside(
            slab(ACCENT, -0.95, 0.03, 1.05, 0.07),
            poly(DARK, (1.02, -0.09), (1.14, -0.02), (0.96, -0.02)),
            *[slab(DARK, x, -0.07, x + 0.05, -0.01) for x in np.arange(-0.75, 0.9, 0.13)],
        ),
    ]  # fmt: skip


def bus(rng: Generator) -> list[Part]:
    """Return a coach: a long box with a row of windows, a waist band and two wheels."""
    half = 1.0 + rng.uniform(-0.1, 0.15)
    count = int(rng.integers(4, 7))
    pitch = (2 * half - 0.5) / count
    panes = [
        slab(DARK, -half + 0.1 + i * pitch, -0.42, -half + 0.04 + (i + 1) * pitch, -0.08)
        for i in range(count)
    ]
    return [
        slab(COAT, -half, -0.58, half, 0.5, 0.1),
        *inside(
            *panes,
            slab(DARK, half - 0.32, -0.42, half - 0.06, 0.32),
            slab(LIGHT, half - 0.2, -0.42, half - 0.18, 0.32),
            slab(SECOND, -half + 0.02, 0.08, half - 0.36, 0.2),
            slab(LIGHT, half - 0.08, 0.2, half, 0.32),
            slab(ACCENT, -half, 0.2, -half + 0.06, 0.32),
        ),
        *_wheels((-0.58 * half, 0.6 * half), 0.5, 0.17),
    ]


def car(rng: Generator) -> list[Part]:
    """Return a saloon: low body, rounded cabin, two wheels."""
    roof, back = -0.48 + rng.uniform(-0.08, 0.08), rng.uniform(-0.7, -0.5)
    return [
        blob(COAT, (back - 0.2, -0.05), (back + 0.08, roof), (0.15, roof), (0.55, -0.06),
             (0.2, 0.1), (-0.5, 0.1)),
        blob(COAT, (-1.08, 0.0), (-0.5, -0.12), (0.5, -0.1), (1.0, 0.0), (1.15, 0.2),
             (1.0, 0.36), (0.0, 0.36), (-1.0, 0.36), (-1.14, 0.2)),
        *inside(
            poly(DARK, (back, -0.06), (back + 0.16, roof + 0.08), (-0.18, roof + 0.06),
                 (-0.18, -0.06)),
            poly(DARK, (-0.1, -0.06), (-0.1, roof + 0.06), (0.12, roof + 0.08), (0.4, -0.06)),
            oval(LIGHT, 1.03, 0.12, 0.09, 0.07),
            oval(ACCENT, -1.06, 0.12, 0.07, 0.06),
            slab(SHADE, -0.14, -0.05, -0.12, 0.32),
            slab(SHADE, -1.05, 0.26, 1.08, 0.3),
        ),
        *_wheels((-0.6, 0.62), 0.34, 0.22),
    ]  # fmt: skip


def motorcycle(rng: Generator) -> list[Part]:
    """Return a motorcycle: two big spoked wheels, tank, saddle, fork and exhaust."""
    rake = rng.uniform(0.0, 0.12)
    return [
        limb(LIGHT, -0.1, 0.45, -1.05, 0.42, 0.1, 0.14),
        *_wheels((-0.72, 0.78), 0.42, 0.42),
        limb(LIGHT, 0.78, 0.42, 0.42 - rake, -0.4, 0.1, 0.1),
        poly(SHADE, (-0.4, 0.5), (0.35, 0.5), (0.4, 0.0), (-0.35, 0.0)),
        *inside(oval(LIGHT, 0.0, 0.28, 0.2, 0.18), oval(DARK, 0.0, 0.28, 0.1, 0.09)),
        limb(SHADE, -0.3, 0.2, -0.72, 0.42, 0.12, 0.1),
        blob(COAT, (-0.2, -0.05), (-0.1, -0.3), (0.3, -0.38), (0.48, -0.15), (0.2, 0.02)),
        blob(DARK, (-1.0, -0.3), (-0.6, -0.26), (-0.1, -0.22), (-0.05, -0.05), (-0.7, -0.06)),
        pipe(COAT, 0.12, 0.08, (-0.6, -0.06), (-0.95, -0.1), (-1.15, 0.1)),
        pipe(DARK, 0.07, 0.06, (0.42 - rake, -0.4), (0.3 - rake, -0.62), (0.12 - rake, -0.58)),
        oval(ACCENT, 0.52 - rake, -0.36, 0.13, 0.12),
        pipe(COAT, 0.1, 0.06, (0.4, 0.18), (0.74, -0.06), (1.12, 0.1)),
    ]


def _wheels(at: tuple[float, ...], y: float, radius: float) -> list[Part]:
    parts = []
    for x in at:
        parts.append(oval(DARK, x, y, radius, radius))
        hub = oval(LIGHT, x, y, 0.58 * radius, 0.58 * radius)
        parts += inside(hub, oval(SHADE, x, y, 0.2 * radius, 0.2 * radius))
    return parts
