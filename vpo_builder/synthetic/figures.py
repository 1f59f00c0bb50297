"""The table of what can stand in a picture: silhouette, texture, colours, posture."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from vpo_builder.synthetic import animals, goods, people, textures, vehicles
from vpo_builder.synthetic.shapes import Part, shifted
from vpo_builder.synthetic.textures import Field

Texture = Callable[[Field, Field, Generator], Field]


@dataclass(frozen=True)
class Figure:
    """A kind of object: `palette` holds the choices of coat, second, accent, light, dark, skin.

    `turn` is the largest tilt in degrees; `place` the part of the picture where it belongs.
    """

    draw: Callable[[Generator], list[Part]]
    texture: Texture
    palette: tuple[str, str, str, str, str, str]
    turn: float
    place: Literal["sky", "ground", "any"]


def crowd_of(figure: Figure) -> Figure:
    """Return a figure that is a loose group of seven of `figure`: what COCO calls a crowd."""
    return replace(figure, draw=lambda rng: _group(figure, rng), turn=0.0)


def _group(figure: Figure, rng: Generator) -> list[Part]:
    parts: list[Part] = []
    for i in range(7):
        member = figure.draw(rng)
        points = np.concatenate([part.points for part in member])
        reach = float(np.abs(points).max())
        shift = (0.62 * (i - 3) + rng.uniform(-0.1, 0.1), 0.5 * (i % 2) + rng.uniform(-0.1, 0.1))
        small = [replace(part, points=part.points * (0.42 / reach)) for part in member]
        parts += shifted(small, *shift)
    return parts


_SKIN = "f0c3a0 d9a074 a8693f 7a4a2b e8b795"
_HAIR = "2a1d16 5a3a20 14110f 7c5a30"

SOUNDING: dict[str, Figure] = {
    "airplane": Figure(
        vehicles.airplane, textures.gloss,
        ("e8edf2 d6e2ee f4f4f0", "ffffff", "c22f3d 1f4f9e 1f8a6d", "ffffff", "2e3c50", "cccccc"),
        18, "sky"),
    "baby": Figure(
        people.baby, textures.dots,
        ("f7c6d4 bfe3f5 f8ecb0 cdeccd", "ffffff", "ef6f6c 5b9bd5", "ffffff", "4a3524", _SKIN),
        10, "ground"),
    "bird": Figure(
        animals.bird, textures.feathers,
        ("2c7fd0 d8342c f2b91d 2aa6a0", "123f7a 7d1414 20303a", "f59a23", "f8efdc", "2b2622",
         "e0a070"), 12, "any"),
    "bus": Figure(
        vehicles.bus, textures.plain,
        ("d62b20 e8a911 2e8b46", "f5efe0", "a01414", "fff6d5", "243447", "cccccc"), 4, "ground"),
    "car": Figure(
        vehicles.car, textures.gloss,
        ("2457b8 8c1c2b 5f6b77 1c7a7a e0e3e6", "ffffff", "e2372b", "fff3c4", "1d2530", "cccccc"),
        4, "ground"),
    "cat": Figure(
        animals.cat, textures.tabby,
        ("e08a34 d9a35c 9a9088", "8f4a14 5c3c1e 46403c", "7fc24a e3c53a", "fbf1df", "1b1512",
         "ee9f9b"), 8, "ground"),
    "cell phone": Figure(
        goods.cell_phone, textures.screen,
        ("38c6f4 9d5cf0 4fe0a0", "1b3fa8 7a1d8c 0f6a70", "ffd23f ff6b6b", "f4fbff", "101216",
         "7cf29c"), 180, "any"),
    "cow": Figure(
        animals.cow, textures.patches,
        ("f6f2ea efe4d2", "1f1b1a 6e3a1c", "d9a05b", "e9dcc0", "2c2422", "efa9a4"), 5, "ground"),
    "dog": Figure(
        animals.dog, textures.saddle,
        ("c98d4e d8b079 a8713a", "3a2416 5a3519", "d7263d 1f6fd6", "ffffff", "14100e", "f07f86"),
        7, "ground"),
    "elephant": Figure(
        animals.elephant, textures.wrinkles,
        ("9aa0a8 8b8f98 a39d9b", "646a74 5b5a5f", "777777", "fbf6e3", "3b3e45", "c9a9a2"),
        4, "ground"),
    "female": Figure(
        people.female, textures.petals,
        ("c4257d 7b2fa8 e0457b 0f8f8a", "ffe27a ffffff ffc1dd", "f3c13a d8345f", "ffffff", _HAIR,
         _SKIN), 6, "ground"),
    "horse": Figure(
        animals.horse, textures.plain,
        ("8f4e22 7a3b18 a9632c", "5a2c10 4a220c", "d9b26a", "f2e6d0", "22140d", "c98d7a"),
        6, "ground"),
    "keyboard": Figure(
        goods.keyboard, textures.plain,
        ("3a3f47 22262c 5a6068", "2b2f36 181b20", "e4572e 3fa7d6", "d5d9de c3c9d1", "15171a",
         "aaaaaa"), 35, "any"),
    "male": Figure(
        people.male, textures.checks,
        ("2e6fb5 2f8f4e b8402e", "14304f 123d22 4f1410", "39424e 5b4a36 27406b", "ffffff", _HAIR,
         _SKIN), 6, "ground"),
    "motorcycle": Figure(
        vehicles.motorcycle, textures.gloss,
        ("d5221f f07d12 1d1f24", "ffffff", "ffe9a0", "c9cfd6", "17181b", "cccccc"), 6, "ground"),
    "mouse": Figure(
        goods.mouse, textures.plain,
        ("eceff2 dfe3e8 f2f2ee", "9aa2ac", "36d17c 36a3ff ff4d6d", "c3ccd6", "2a2e35", "cccccc"),
        180, "any"),
    "sheep": Figure(
        animals.sheep, textures.curls,
        ("fbf8ef f1ead9", "cfc4ad bdb29c", "e8a0a0", "ffffff", "2b2523 46362c", "e5b5a8"),
        5, "ground"),
    "skateboard": Figure(
        goods.skateboard, textures.bands,
        ("ff5a1f 12b5c9 7ad12c", "2d1b69 f7e733 f21d7a", "f7f0dc ffcf33", "e8e8e8", "23252a",
         "cccccc"), 50, "any"),
    "sports ball": Figure(
        goods.sports_ball, textures.pimples,
        ("e8741c d9601a", "b8500f", "222222", "fbfbf8", "231a16", "cccccc"), 180, "any"),
    "tennis racket": Figure(
        goods.tennis_racket, textures.gloss,
        ("d8f01c 27c4f5 ff3b6b", "ffffff", "1e2430 5a3420", "e4ecd8", "5c6470", "cccccc"),
        180, "any"),
    "zebra": Figure(
        animals.zebra, textures.stripes,
        ("fbfaf5 f2efe4", "15131a", "333333", "ffffff", "1b181c", "555555"), 5, "ground"),
}  # fmt: skip
"""The 21 classes of the VPO datasets (protocol §1), persons by what their captions say."""

CLUTTER: dict[str, Figure] = {
    "bottle": Figure(
        goods.bottle, textures.gloss,
        ("2f6b3a 6b3d1c 5fa8c9", "cfe8d2", "c9a227", "efe6cf", "222222", "cccccc"), 8, "ground"),
    "chair": Figure(
        goods.chair, textures.plain,
        ("9c6b3c b98a56", "7a4f2a", "8a5a33", "c99b66", "4a2f1a", "cccccc"), 4, "ground"),
    "clock": Figure(
        goods.clock, textures.plain,
        ("6a4a3a 3c4c5c", "2d2420", "aa3333", "f3eee2", "222222", "cccccc"), 5, "sky"),
    "cup": Figure(
        goods.cup, textures.gloss,
        ("7aa0b8 c9b8a0 a86f5c", "ffffff", "4b5d6e", "ffffff", "3a2317", "cccccc"), 6, "any"),
    "potted plant": Figure(
        goods.potted_plant, textures.plain,
        ("3f8f3f 5da04a", "1f5f2a", "b5623a 8f8a80", "cccccc", "222222", "cccccc"), 3, "ground"),
    "suitcase": Figure(
        goods.suitcase, textures.plain,
        ("6b5a48 4c5a52 7a4a4a", "4a3d30", "c2a878", "cccccc", "25201c", "cccccc"), 5, "ground"),
    "umbrella": Figure(
        goods.umbrella, textures.plain,
        ("557a8f 8f7f55 7a5f7a", "3a4f5f", "aaaaaa", "cccccc", "3a2c20", "cccccc"), 25, "any"),
}  # fmt: skip
"""Objects of COCO categories outside the class table: annotated, never sounding."""

FIGURES = SOUNDING | CLUTTER
