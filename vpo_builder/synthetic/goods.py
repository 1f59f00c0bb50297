"""Silhouettes of goods: electronics, sports gear, and the clutter that stands about."""

import numpy as np
from numpy.random import Generator

from vpo_builder.synthetic.shapes import (
    ACCENT,
    COAT,
    DARK,
    LIGHT,
    SECOND,
    SHADE,
    SKIN,
    Part,
    blob,
    inside,
    limb,
    oval,
    pipe,
    poly,
    slab,
)


def cell_phone(rng: Generator) -> list[Part]:
    """Return a smartphone: black bezel, lit screen with icons."""
    icons = [
        slab(int(rng.choice((ACCENT, LIGHT, SKIN))), x, y, x + 0.18, y + 0.18, 0.04)
        for x in (-0.37, -0.09, 0.19)
        for y in (-0.62, -0.34, -0.06, 0.5)
    ]
    screen = slab(COAT, -0.46, -0.82, 0.46, 0.8)
    camera, button = oval(LIGHT, 0.0, -0.9, 0.04, 0.03), oval(LIGHT, 0.0, 0.9, 0.09, 0.06)
    return [slab(DARK, -0.54, -1.0, 0.54, 1.0, 0.14), *inside(screen, camera, button, *icons)]


def keyboard(rng: Generator) -> list[Part]:
    """Return a computer keyboard: four rows of caps above a space bar."""
    columns = int(rng.integers(9, 12))
    pitch = 2.1 / columns
    caps = [
        slab(
            ACCENT if (row, column) == (0, 0) else LIGHT,
            -1.05 + column * pitch + 0.025,
            -0.4 + 0.17 * row,
            -1.05 + (column + 1) * pitch - 0.025,
            -0.4 + 0.17 * row + 0.12,
        )
        for row in range(4)
        for column in range(columns)
    ]
    space = slab(LIGHT, -0.5, 0.29, 0.45, 0.4)
    return [slab(COAT, -1.13, -0.48, 1.13, 0.48, 0.07), *inside(*caps, space)]


def mouse(rng: Generator) -> list[Part]:
    """Return a computer mouse from above: two buttons, a lit wheel and a cable."""
    bend = rng.uniform(-0.5, 0.5)
    return [
        pipe(DARK, 0.09, 0.08, (0.0, -0.7), (bend * 0.6, -1.05), (bend, -1.3), (bend * 2.0, -1.4)),
        blob(COAT, (0.0, -0.85), (0.48, -0.6), (0.56, 0.1), (0.4, 0.8), (0.0, 0.95),
             (-0.4, 0.8), (-0.56, 0.1), (-0.48, -0.6)),
        *inside(
            pipe(SECOND, 0.06, 0.06, (-0.54, -0.1), (0.0, 0.02), (0.54, -0.1)),
            limb(SECOND, 0.0, -0.85, 0.0, 0.0, 0.05, 0.05),
            slab(ACCENT, -0.09, -0.6, 0.09, -0.22, 0.08),
            oval(LIGHT, 0.0, 0.5, 0.13, 0.13),
        ),
    ]  # fmt: skip


def skateboard(rng: Generator) -> list[Part]:
    """Return a skateboard from above and aside: banded deck, wheels beneath both edges."""
    wheels = [
        slab(ACCENT, x - 0.11, y - 0.12, x + 0.11, y + 0.12, 0.06)
        for x in (-0.72, 0.72)
        for y in (-0.33, 0.33)
    ]
    bolts = [oval(LIGHT, x + d, 0.0, 0.035, 0.05) for x in (-0.72, 0.72) for d in (-0.06, 0.06)]
    nose = rng.uniform(0.16, 0.26)
    return [
        *wheels,
        blob(COAT, (-1.25, 0.0), (-1.1, -nose), (-0.6, -0.33), (0.6, -0.33), (1.1, -nose),
             (1.25, 0.0), (1.1, nose), (0.6, 0.33), (-0.6, 0.33), (-1.1, nose)),
        *inside(*bolts),
    ]  # fmt: skip


def sports_ball(rng: Generator) -> list[Part]:
    """Return a basketball with its seams or a football with its pentagons."""
    if rng.random() < 0.5:
        seams = [
            limb(DARK, -1.0, 0.0, 1.0, 0.0, 0.07, 0.07),
            limb(DARK, 0.0, -1.0, 0.0, 1.0, 0.07, 0.07),
            pipe(DARK, 0.07, 0.07, (-0.62, -0.76), (-0.36, 0.0), (-0.62, 0.76)),
            pipe(DARK, 0.07, 0.07, (0.62, -0.76), (0.36, 0.0), (0.62, 0.76)),
        ]
        return [oval(COAT, 0.0, 0.0, 1.0, 1.0), *inside(*seams)]
    angles = np.arange(5) * 2 * np.pi / 5
    around = [oval(DARK, 0.76 * np.sin(a), -0.76 * np.cos(a), 0.2, 0.2) for a in angles]
    lines = [limb(DARK, 0, 0, 0.7 * np.sin(a), -0.7 * np.cos(a), 0.05, 0.05) for a in angles]
    centre = poly(DARK, *[(0.32 * np.sin(a), -0.32 * np.cos(a)) for a in angles])
    return [oval(LIGHT, 0.0, 0.0, 1.0, 1.0), *inside(*lines, *around, centre)]


def tennis_racket(rng: Generator) -> list[Part]:
    """Return a tennis racket: bright hoop, pale string bed, wrapped handle."""
    wide = rng.uniform(0.42, 0.5)
    across = [limb(DARK, -wide, y, wide, y, 0.022, 0.022) for y in np.arange(-0.95, -0.1, 0.14)]
    along = [limb(DARK, x, -1.1, x, 0.0, 0.022, 0.022) for x in np.arange(-0.36, 0.4, 0.12)]
    hoop = oval(COAT, 0.0, -0.52, wide + 0.09, 0.64)
    bed = oval(LIGHT, 0.0, -0.52, wide, 0.54)
    rim = pipe(COAT, 0.1, 0.1, *_ring(0.0, -0.52, wide + 0.04, 0.59))
    return [
        poly(COAT, (-0.3, -0.05), (0.3, -0.05), (0.09, 0.42), (-0.09, 0.42)),
        hoop,
        *inside(bed, *across, *along, rim, poly(LIGHT, (-0.13, 0.1), (0.13, 0.1), (0.0, 0.32))),
        slab(ACCENT, -0.09, 0.38, 0.09, 1.12, 0.05),
        *inside(*[limb(DARK, -0.09, y, 0.09, y - 0.08, 0.03, 0.03) for y in (0.6, 0.75, 0.9)]),
    ]


def bottle(rng: Generator) -> list[Part]:
    """Return a labelled bottle."""
    return [
        blob(COAT, (-0.12, -0.6), (0.12, -0.6), (0.3, -0.1), (0.3, 0.95), (-0.3, 0.95),
             (-0.3, -0.1)),
        slab(COAT, -0.1, -0.9, 0.1, -0.4),
        slab(ACCENT, -0.12, -1.0, 0.12, -0.86),
        *inside(slab(LIGHT, -0.3, 0.15, 0.3, 0.55)),
    ]  # fmt: skip


def chair(rng: Generator) -> list[Part]:
    """Return a wooden chair seen from the side."""
    lean = rng.uniform(0.0, 0.15)
    return [
        limb(COAT, -0.4, 0.1, -0.45 - lean, -1.0, 0.12, 0.1),
        limb(SHADE, -0.36, 0.1, -0.42, 1.0, 0.1, 0.08),
        limb(SHADE, 0.38, 0.1, 0.44, 1.0, 0.1, 0.08),
        slab(COAT, -0.46, 0.02, 0.5, 0.16, 0.03),
        limb(COAT, -0.42, -0.6, -0.1, -0.55, 0.08, 0.06),
    ]


def potted_plant(rng: Generator) -> list[Part]:
    """Return leaves fanning out of a clay pot."""
    leaves = [
        oval(COAT if i % 2 else SHADE, 0.34 * np.sin(a), -0.05 - 0.4 * np.cos(a), 0.13, 0.5, d)
        for i, (d, a) in enumerate((d, np.radians(d)) for d in range(-80, 81, 32))
    ]
    return [*leaves, poly(ACCENT, (-0.36, 0.25), (0.36, 0.25), (0.26, 1.0), (-0.26, 1.0))]


def umbrella(rng: Generator) -> list[Part]:
    """Return an open umbrella."""
    return [
        pipe(DARK, 0.06, 0.06, (0.0, -0.6), (0.0, 0.4), (0.02, 0.9), (0.16, 0.98), (0.26, 0.86)),
        blob(COAT, (-1.0, 0.02), (-0.75, -0.55), (0.0, -0.85), (0.75, -0.55), (1.0, 0.02),
             (0.5, -0.08), (0.0, 0.02), (-0.5, -0.08)),
    ]  # fmt: skip


def clock(rng: Generator) -> list[Part]:
    """Return a wall clock at a random hour."""
    hour, minute = rng.uniform(0, 2 * np.pi, size=2)
    hands = [
        limb(DARK, 0, 0, 0.45 * np.sin(hour), -0.45 * np.cos(hour), 0.1, 0.06),
        limb(DARK, 0, 0, 0.7 * np.sin(minute), -0.7 * np.cos(minute), 0.07, 0.04),
    ]
    return [oval(COAT, 0, 0, 1.0, 1.0), *inside(oval(LIGHT, 0, 0, 0.84, 0.84), *hands)]


def suitcase(rng: Generator) -> list[Part]:
    """Return a suitcase with straps."""
    return [
        pipe(DARK, 0.08, 0.08, (-0.25, -0.6), (-0.22, -0.85), (0.22, -0.85), (0.25, -0.6)),
        slab(COAT, -0.9, -0.62, 0.9, 0.62, 0.12),
        *inside(slab(ACCENT, -0.6, -0.62, -0.46, 0.62), slab(ACCENT, 0.46, -0.62, 0.6, 0.62)),
    ]


def cup(rng: Generator) -> list[Part]:
    """Return a mug."""
    return [
        pipe(COAT, 0.14, 0.14, (0.5, -0.4), (0.95, -0.35), (0.9, 0.3), (0.45, 0.35)),
        slab(COAT, -0.6, -0.7, 0.6, 0.75, 0.12),
        *inside(oval(DARK, 0.0, -0.66, 0.56, 0.1), slab(ACCENT, -0.6, 0.0, 0.6, 0.2)),
    ]


def _ring(x: float, y: float, rx: float, ry: float) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, 13)
    return [(x + rx * float(np.cos(a)), y + ry * float(np.sin(a))) for a in angles]
