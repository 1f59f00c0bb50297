"""Silhouettes of persons, the ground at y = 1."""

from numpy.random import Generator

from vpo_builder.synthetic.shapes import (
    ACCENT,
    COAT,
    DARK,
    SHADE,
    SKIN,
    Part,
    blob,
    inside,
    limb,
    oval,
    pipe,
    slab,
    sway,
)


def male(rng: Generator) -> list[Part]:
    """Return a standing man: short hair, checked shirt, trousers."""
    stride = rng.uniform(0.06, 0.2)
    return [
        limb(ACCENT, -0.1, 0.1, -0.12 - stride, 0.95, 0.26, 0.19),
        limb(ACCENT, 0.1, 0.1, 0.12 + stride, 0.95, 0.26, 0.19),
        slab(DARK, -0.22 - stride, 0.92, 0.0 - stride, 1.02, 0.04),
        slab(DARK, 0.03 + stride, 0.92, 0.28 + stride, 1.02, 0.04),
        *_arms(rng, shoulder=0.3, sleeve=COAT),
        limb(SKIN, 0.0, -0.72, 0.0, -0.5, 0.14, 0.16),
        blob(COAT, (-0.32, -0.56), (0.0, -0.6), (0.32, -0.56), (0.36, -0.3), (0.24, 0.2),
             (-0.24, 0.2), (-0.36, -0.3)),
        *inside(slab(DARK, -0.23, 0.14, 0.23, 0.21)),
        *_head(rng, y=-0.84, size=0.17),
        blob(DARK, (-0.19, -0.84), (-0.16, -1.03), (0.04, -1.08), (0.2, -0.98), (0.18, -0.86),
             (0.08, -0.94), (-0.12, -0.93)),
    ]  # fmt: skip


def female(rng: Generator) -> list[Part]:
    """Return a standing woman: long hair, flared patterned dress, bare legs."""
    flare, drift = rng.uniform(0.46, 0.62), sway(rng, 0.05)
    return [
        blob(DARK, (-0.2, -0.95), (0.02, -1.1), (0.22, -0.95), (0.3, -0.5), (0.2 + drift, -0.22),
             (-0.22 + drift, -0.22), (-0.3, -0.5)),
        limb(SKIN, -0.12, 0.4, -0.13, 0.95, 0.14, 0.1),
        limb(SKIN, 0.12, 0.4, 0.15, 0.95, 0.14, 0.1),
        slab(ACCENT, -0.22, 0.92, -0.06, 1.02, 0.04),
        slab(ACCENT, 0.08, 0.92, 0.27, 1.02, 0.04),
        *_arms(rng, shoulder=0.24, sleeve=SKIN),
        limb(SKIN, 0.0, -0.72, 0.0, -0.5, 0.11, 0.14),
        blob(COAT, (-0.24, -0.56), (0.0, -0.52), (0.24, -0.56), (0.18, -0.15), (flare, 0.55),
             (0.0, 0.64), (-flare, 0.55), (-0.18, -0.15)),
        *inside(slab(ACCENT, -0.17, -0.2, 0.17, -0.11)),
        *_head(rng, y=-0.82, size=0.16),
        blob(DARK, (-0.19, -0.78), (-0.18, -1.0), (0.02, -1.07), (0.2, -0.98), (0.2, -0.78),
             (0.12, -0.94), (-0.05, -0.96)),
    ]  # fmt: skip


def baby(rng: Generator) -> list[Part]:
    """Return a seated baby: a head as wide as the body, dotted romper, stubby limbs."""
    left, right = rng.uniform(-0.3, 0.25, size=2)
    return [
        limb(COAT, -0.3, 0.2, -0.72, 0.2 + left, 0.24, 0.18),
        limb(COAT, 0.3, 0.2, 0.72, 0.2 + right, 0.24, 0.18),
        oval(SKIN, -0.78, 0.2 + left, 0.11, 0.11),
        oval(SKIN, 0.78, 0.2 + right, 0.11, 0.11),
        blob(COAT, (-0.32, 0.0), (0.32, 0.0), (0.5, 0.5), (0.42, 0.92), (-0.42, 0.92),
             (-0.5, 0.5)),
        limb(SHADE, -0.25, 0.78, -0.7, 0.84, 0.3, 0.24),
        limb(SHADE, 0.25, 0.78, 0.7, 0.84, 0.3, 0.24),
        oval(SKIN, -0.8, 0.82, 0.13, 0.16),
        oval(SKIN, 0.8, 0.82, 0.13, 0.16),
        oval(SKIN, -0.52, -0.42, 0.1, 0.12),
        oval(SKIN, 0.52, -0.42, 0.1, 0.12),
        oval(SKIN, 0.0, -0.45, 0.52, 0.5),
        pipe(DARK, 0.1, 0.04, (-0.12, -0.88), (0.04, -1.02), (0.16, -0.9)),
        *inside(
            oval(DARK, -0.19, -0.46, 0.055, 0.065),
            oval(DARK, 0.19, -0.46, 0.055, 0.065),
            oval(ACCENT, 0.0, -0.22, 0.12, 0.09),
        ),
    ]  # fmt: skip


def _arms(rng: Generator, *, shoulder: float, sleeve: int) -> list[Part]:
    parts = []
    for side in (-1.0, 1.0):
        out, down = rng.uniform(0.12, 0.4), rng.uniform(-0.15, 0.12)
        hand = (side * (shoulder + out), down)
        parts.append(limb(sleeve, side * shoulder * 0.85, -0.46, *hand, 0.17, 0.12))
        parts.append(oval(SKIN, *hand, 0.07, 0.08))
    return parts


def _head(rng: Generator, *, y: float, size: float) -> list[Part]:
    look = sway(rng, 0.25) * size
    eyes = [oval(DARK, look + s * 0.42 * size, y, 0.13 * size, 0.15 * size) for s in (-1, 1)]
    mouth = slab(ACCENT, look - 0.3 * size, y + 0.5 * size, look + 0.3 * size, y + 0.62 * size)
    return [oval(SKIN, 0.0, y, size, 1.2 * size), *inside(*eyes, mouth)]
