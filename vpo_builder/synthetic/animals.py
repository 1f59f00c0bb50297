"""Silhouettes of the animals, facing right, the ground at y = 1."""

from collections.abc import Sequence

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
    shifted,
    slab,
    sway,
)


def horse(rng: Generator) -> list[Part]:
    """Return a horse: long legs, arched neck, loose mane and tail."""
    return [
        pipe(DARK, 0.12, 0.05, (-0.7, -0.2), (-1.0, 0.05), (-1.0 + sway(rng, 0.1), 0.6)),
        *_equine(rng, ear=0.16),
        *inside(pipe(DARK, 0.13, 0.1, (0.88, -0.98), (0.62, -0.75), (0.42, -0.25))),
    ]


def zebra(rng: Generator) -> list[Part]:
    """Return a zebra: a horse's build, upright mane, thin tufted tail; the stripes are texture."""
    return [
        pipe(COAT, 0.06, 0.05, (-0.7, -0.2), (-0.9, 0.0), (-0.92, 0.35)),
        oval(DARK, -0.92, 0.45, 0.06, 0.15),
        pipe(DARK, 0.16, 0.1, (0.84, -1.02), (0.6, -0.78), (0.4, -0.35)),
        *_equine(rng, ear=0.2),
        *inside(oval(DARK, 1.2, -0.67, 0.08, 0.09, 30)),
    ]


def cow(rng: Generator) -> list[Part]:
    """Return a cow: boxy trunk, horns, pink muzzle and udder."""
    dip = sway(rng, 0.12)
    head = [
        pipe(LIGHT, 0.09, 0.03, (0.92, -0.55), (0.9, -0.72), (1.02, -0.8)),
        poly(SHADE, (0.72, -0.42), (0.9, -0.52), (0.9, -0.36)),
        blob(COAT, (0.85, -0.58), (1.15, -0.5), (1.32, -0.12), (1.2, 0.06), (1.0, -0.02)),
        *inside(oval(SKIN, 1.23, -0.06, 0.12, 0.11, 30), oval(DARK, 1.08, -0.38, 0.035, 0.045)),
    ]
    return [
        pipe(COAT, 0.07, 0.04, (-0.85, -0.35), (-1.05, -0.1), (-1.0, 0.4)),
        oval(DARK, -1.0, 0.46, 0.06, 0.12),
        *_legs(rng, (-0.72, -0.5, 0.4, 0.62), 0.1, thick=0.24, thin=0.14),
        oval(SKIN, -0.3, 0.36, 0.17, 0.12),
        blob(COAT, (-0.9, -0.42), (-0.3, -0.42), (0.4, -0.5), (0.8, -0.45), (0.95, -0.15),
             (0.7, 0.3), (0.0, 0.34), (-0.75, 0.3), (-0.95, 0.0)),
        *shifted(head, 0.0, dip),
    ]  # fmt: skip


def sheep(rng: Generator) -> list[Part]:
    """Return a sheep: a scalloped cloud of wool on dark legs, with a dark face."""
    wool = [
        oval(COAT, -0.62 + 0.25 * i, -0.1 + (0.3 if i % 2 else -0.22), 0.27, 0.25) for i in range(6)
    ]
    face = [
        oval(DARK, 0.7, -0.38, 0.16, 0.07, 20),
        blob(DARK, (0.72, -0.5), (0.95, -0.52), (1.12, -0.2), (1.02, -0.02), (0.84, -0.08)),
        oval(COAT, 0.8, -0.52, 0.18, 0.13),
        *inside(oval(LIGHT, 0.94, -0.34, 0.04, 0.045)),
    ]
    return [
        *_legs(rng, (-0.5, -0.3, 0.3, 0.5), 0.1, thick=0.16, thin=0.12, tones=(DARK, DARK)),
        oval(COAT, -0.88, 0.0, 0.16, 0.2),
        *wool,
        oval(COAT, 0.0, -0.02, 0.82, 0.42),
        *shifted(face, 0.0, sway(rng, 0.12)),
    ]


def elephant(rng: Generator) -> list[Part]:
    """Return an elephant: pillar legs, fan ear, tusk, and a trunk that hangs or lifts."""
    reach, lift = 1.2 + sway(rng, 0.12), 0.5 + sway(rng, 0.35)
    return [
        pipe(SHADE, 0.06, 0.04, (-0.9, -0.3), (-1.02, 0.0), (-1.0, 0.3)),
        *_legs(rng, (-0.68, -0.42, 0.28, 0.52), 0.0, thick=0.36, thin=0.3, swing=0.06),
        blob(COAT, (-0.92, -0.3), (-0.6, -0.68), (0.0, -0.72), (0.5, -0.62), (0.75, -0.2),
             (0.55, 0.3), (0.0, 0.42), (-0.65, 0.34), (-0.95, 0.1)),
        pipe(COAT, 0.3, 0.1, (0.98, -0.4), (1.15, 0.0), (reach, lift), (reach + 0.16, lift + 0.1)),
        blob(COAT, (0.55, -0.62), (0.85, -0.74), (1.12, -0.55), (1.14, -0.2), (0.8, 0.0)),
        limb(LIGHT, 1.0, -0.08, 1.32, 0.16, 0.09, 0.03),
        *inside(
            blob(SHADE, (0.45, -0.62), (0.75, -0.6), (0.78, -0.2), (0.6, 0.1), (0.36, -0.15)),
            oval(DARK, 0.98, -0.42, 0.04, 0.04),
        ),
    ]  # fmt: skip


def dog(rng: Generator) -> list[Part]:
    """Return a dog: raised tail, drooping ear, collar, tongue out."""
    wag = sway(rng, 0.2)
    return [
        pipe(COAT, 0.14, 0.06, (-0.7, -0.1), (-0.95, -0.35), (-0.95 + wag, -0.75)),
        *_legs(rng, (-0.6, -0.42, 0.38, 0.54), 0.1, thick=0.24, thin=0.14, hoof=COAT),
        blob(COAT, (-0.78, -0.18), (0.0, -0.2), (0.5, -0.32), (0.72, -0.1), (0.55, 0.3),
             (0.0, 0.22), (-0.6, 0.3), (-0.82, 0.1)),
        limb(COAT, 0.5, -0.02, 0.75, -0.5, 0.42, 0.34),
        *inside(limb(ACCENT, 0.48, -0.32, 0.86, -0.2, 0.11, 0.11)),
        poly(SKIN, (1.0, -0.4), (1.12, -0.36), (1.1, -0.18), (1.03, -0.18)),
        blob(COAT, (0.55, -0.75), (0.82, -0.85), (1.0, -0.68), (1.3, -0.58), (1.3, -0.42),
             (0.95, -0.36), (0.66, -0.4)),
        oval(DARK, 1.3, -0.56, 0.07, 0.06),
        blob(SECOND, (0.56, -0.78), (0.7, -0.74), (0.72, -0.42), (0.6, -0.28), (0.5, -0.45)),
        *inside(oval(DARK, 0.92, -0.66, 0.04, 0.045)),
    ]  # fmt: skip


def cat(rng: Generator) -> list[Part]:
    """Return a seated cat: pear-shaped body, pricked ears, tail curled up beside it."""
    curl = sway(rng, 0.2)
    return [
        pipe(COAT, 0.17, 0.11, (-0.3, 0.85), (-0.85, 0.8), (-0.9 + curl, 0.3), (-0.7 + curl, 0.0)),
        blob(COAT, (-0.2, -0.2), (0.22, -0.2), (0.42, 0.3), (0.42, 0.95), (-0.1, 1.0),
             (-0.52, 0.95), (-0.5, 0.4)),
        poly(COAT, (-0.32, -0.5), (-0.34, -1.0), (0.0, -0.72)),
        poly(COAT, (0.36, -0.5), (0.4, -1.0), (0.06, -0.72)),
        oval(COAT, 0.03, -0.46, 0.42, 0.35),
        *inside(
            oval(LIGHT, 0.06, 0.25, 0.17, 0.3),
            poly(SKIN, (-0.27, -0.68), (-0.28, -0.88), (-0.12, -0.74)),
            poly(SKIN, (0.31, -0.68), (0.33, -0.88), (0.17, -0.74)),
            oval(ACCENT, -0.12, -0.5, 0.08, 0.09),
            oval(ACCENT, 0.2, -0.5, 0.08, 0.09),
            oval(DARK, -0.12, -0.5, 0.03, 0.08),
            oval(DARK, 0.2, -0.5, 0.03, 0.08),
            oval(LIGHT, 0.04, -0.29, 0.14, 0.09),
            poly(SKIN, (-0.02, -0.36), (0.1, -0.36), (0.04, -0.28)),
            limb(DARK, 0.08, 0.55, 0.08, 0.98, 0.03, 0.03),
        ),
        oval(COAT, -0.06, 0.95, 0.16, 0.08),
        oval(COAT, 0.24, 0.95, 0.16, 0.08),
    ]  # fmt: skip


def bird(rng: Generator) -> list[Part]:
    """Return a perched bird: teardrop body, folded or lifted wing, long tail, beak."""
    lift = rng.uniform(-0.75, 0.35)
    return [
        poly(SECOND, (-0.5, 0.1), (-1.25, 0.28), (-1.2, 0.5), (-0.45, 0.35)),
        limb(DARK, 0.0, 0.4, 0.02, 0.95, 0.07, 0.05),
        limb(DARK, 0.2, 0.4, 0.24, 0.95, 0.07, 0.05),
        blob(COAT, (-0.75, 0.3), (-0.3, -0.15), (0.25, -0.35), (0.6, -0.1), (0.5, 0.3),
             (0.1, 0.58), (-0.4, 0.5)),
        poly(ACCENT, (0.7, -0.55), (1.15, -0.42), (0.7, -0.3)),
        oval(COAT, 0.48, -0.42, 0.36, 0.33),
        *inside(blob(LIGHT, (0.3, 0.0), (0.6, -0.1), (0.5, 0.3), (0.2, 0.48))),
        blob(SECOND, (0.25, -0.12), (-0.1, -0.22 + 0.3 * lift), (-0.85, lift), (-0.6, 0.25),
             (0.0, 0.32)),
        *inside(oval(DARK, 0.6, -0.48, 0.07, 0.075), oval(LIGHT, 0.62, -0.5, 0.025, 0.025)),
    ]  # fmt: skip


def _equine(rng: Generator, *, ear: float) -> list[Part]:
    nod = sway(rng, 0.08)
    return [
        *_legs(rng, (-0.58, -0.42, 0.36, 0.52), 0.1, thick=0.22, thin=0.1),
        blob(COAT, (-0.78, -0.15), (-0.5, -0.36), (0.1, -0.3), (0.5, -0.36), (0.72, -0.1),
             (0.5, 0.26), (0.0, 0.28), (-0.5, 0.3), (-0.78, 0.12)),
        pipe(COAT, 0.5, 0.26, (0.48, -0.12), (0.62, -0.5), (0.84, -0.85)),
        poly(COAT, (0.78, -0.92), (0.84, -0.98 - ear), (0.94, -0.92)),
        blob(COAT, (0.72, -0.95), (0.95, -1.0), (1.28, -0.7 + nod), (1.25, -0.56 + nod),
             (1.1, -0.55 + nod), (0.82, -0.7)),
        *inside(oval(DARK, 0.98, -0.84, 0.035, 0.04)),
    ]  # fmt: skip


def _legs(
    rng: Generator,
    at: Sequence[float],
    top: float,
    *,
    thick: float,
    thin: float,
    hoof: int = DARK,
    swing: float = 0.14,
    tones: tuple[int, int] = (SHADE, COAT),
) -> list[Part]:
    """Return four legs down to y = 1: every first one behind, every second one in front."""
    parts = []
    for i, x in enumerate(at):
        foot = x + sway(rng, swing)
        parts.append(limb(tones[i % 2], x, top, foot, 0.95, thick, thin))
        parts.append(slab(hoof, foot - 0.6 * thin, 0.9, foot + 0.7 * thin, 1.0))
    return parts
