"""Backgrounds: meadow, street, room and court, each drawn anew and full of unlabelled clutter."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Size = tuple[int, int]

PLACES = ("meadow", "street", "room", "court")

_FINE = 2


def backdrop(place: str, size: Size, rng: Generator) -> Image.Image:
    """Return a background of `size` (width, height); `place` is one of PLACES."""
    horizon = int(size[1] * rng.uniform(0.35, 0.55))
    above, below = _COLOURS[place]
    fine = (size[0] * _FINE, size[1] * _FINE)
    ground = Image.fromarray(_ground(size, horizon, above, below, rng))
    canvas = ground.resize(fine, Image.Resampling.NEAREST)
    _DRAW[place](ImageDraw.Draw(canvas), fine, horizon * _FINE, rng)
    return canvas.reduce(_FINE)


def _ground(
    size: Size, horizon: int, above: str, below: str, rng: Generator
) -> npt.NDArray[np.uint8]:
    """Return two shaded fields [H, W, 3] with soft mottling."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.empty((height, width, 3), dtype=np.float32)
    picture[:horizon], picture[horizon:] = _pick(above, rng), _pick(below, rng)
    mottle = np.zeros((height, width), dtype=np.float32)
    for _ in range(3):
        a, b = (rng.uniform(-0.24, 0.24, size=2) * (0.4, 1.0)).astype(np.float32)
        mottle += np.cos(a * x + b * y + np.float32(rng.uniform(0, 6)))
    depth = np.abs(y - horizon) / height
    picture *= (0.9 + 0.22 * depth + 0.045 * mottle * (y > horizon))[..., None]
    grain = rng.standard_normal((height // 2 + 1, width // 2 + 1), dtype=np.float32) * 5
    picture += np.repeat(np.repeat(grain, 2, 0), 2, 1)[:height, :width, None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _meadow(pencil: ImageDraw.ImageDraw, size: Size, horizon: int, rng: Generator) -> None:
    width, height = size
    for shade in (0.85, 0.7):
        along = np.linspace(0, width, 30)
        wave = np.sin(along * rng.uniform(0.005, 0.02) + rng.uniform(0, 6))
        rise = height * rng.uniform(0.04, 0.14) * (1 + wave)
        crest = [(float(a), float(horizon - b)) for a, b in zip(along, rise, strict=True)]
        pencil.polygon([(0, horizon + 2), *crest, (width, horizon + 2)], _tint("5f8f5a", shade))
    for _ in range(int(rng.integers(2, 6))):
        _tree(pencil, rng.uniform(0, width), horizon + rng.uniform(-5, 14), height, rng)
    for _ in range(60):
        x, y = rng.uniform(0, width), rng.uniform(horizon + 8, height)
        blade = rng.uniform(5, 14)
        tip = (x + rng.uniform(-5, 5), y - blade)
        pencil.line([(x, y), tip], _pick("3f7a30 6fa04a 86b05a", rng), 2)
    for _ in range(int(rng.integers(3, 14))):
        x, y, r = rng.uniform(0, width), rng.uniform(horizon + 10, height), rng.uniform(2, 5)
        pencil.ellipse([x - r, y - r, x + r, y + r], _pick("f0e27a e9e9f2 d88aa8 8a8378", rng))


def _street(pencil: ImageDraw.ImageDraw, size: Size, horizon: int, rng: Generator) -> None:
    width, height = size
    x = -rng.uniform(0, 40)
    while x < width:
        wide, high = rng.uniform(40, 110), rng.uniform(0.3, 0.95) * horizon
        _building(pencil, x, horizon - high, x + wide, horizon, rng)
        x += wide + rng.uniform(-4, 14)
    pencil.rectangle([0, horizon, width, horizon + 0.06 * height], _pick("b5b0a5 a59f98", rng))
    line = rng.uniform(0.7, 0.9) * height
    for x in np.arange(-rng.uniform(0, 50), width, 70):
        pencil.rectangle([x, line, x + 34, line + 5], _pick("d8d4c4", rng))
    for _ in range(int(rng.integers(1, 4))):
        x = rng.uniform(0, width)
        pencil.rectangle([x, horizon - rng.uniform(40, 110), x + 5, horizon + 14], (70, 72, 78))
    for _ in range(int(rng.integers(0, 3))):
        _tree(pencil, rng.uniform(0, width), horizon + 8, height, rng)


def _room(pencil: ImageDraw.ImageDraw, size: Size, horizon: int, rng: Generator) -> None:
    width, height = size
    paper = _pick("c9b79c b7c4b1 c7b3bd a9b8c9", rng)
    step = rng.uniform(18, 46)
    for x in np.arange(rng.uniform(0, step), width, step):
        pencil.rectangle([x, 0, x + step * 0.35, horizon], paper)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0, width - 60), rng.uniform(4, max(horizon - 60, 5))
        wide, high = rng.uniform(36, 90), rng.uniform(30, 64)
        pencil.rectangle([x, y, x + wide, y + high], _pick("6b4b32 3f4650 8a7a5a", rng))
        inner = [x + 5, y + 5, x + wide - 5, y + high - 5]
        pencil.rectangle(inner, _pick("9fc2d6 d8c9a0 9a8f9f 7f9a86", rng))
        pencil.ellipse([x + 12, y + 12, x + wide / 2, y + high - 12], _pick("b98a70 6f8f8a", rng))
    pencil.rectangle([0, horizon - 8, width, horizon], _pick("e6ddcd 8f7a63", rng))
    for y in np.geomspace(horizon + 8, height, 6):
        pencil.line([0, y, width, y], _pick("7f5d3f 6a4d33", rng), 2)
    x, y = rng.uniform(0, width), rng.uniform(horizon + 20, height)
    rug = [x - 110, y - 22, x + 110, y + 22]
    pencil.ellipse(rug, _pick("8a4a4a 4a5f7a 7a7248", rng), outline=_pick("c9b58a", rng), width=5)


def _court(pencil: ImageDraw.ImageDraw, size: Size, horizon: int, rng: Generator) -> None:
    width, height = size
    for x in np.arange(0, width, 12.0):
        pencil.line([x, horizon * 0.45, x, horizon], (98, 118, 112), 1)
    for y in np.arange(horizon * 0.45, horizon, 12.0):
        pencil.line([0, y, width, y], (98, 118, 112), 1)
    for _ in range(int(rng.integers(14, 34))):
        x, y, r = rng.uniform(0, width), rng.uniform(0.45, 0.95) * horizon, rng.uniform(3, 7)
        spectator = _pick("a0665a 5f7393 8f8a5a 6f6f7a b09a85", rng)
        pencil.ellipse([x - r, y - r, x + r, y + r], spectator)
    slope = rng.uniform(-40, 40)
    for at in rng.uniform(horizon + 10, height, size=2):
        pencil.line([0, at, width, at + slope * 0.2], (226, 226, 218), 4)
    at = rng.uniform(0, width)
    pencil.line([at, horizon, at + 3 * slope, height], (226, 226, 218), 4)


def _tree(pencil: ImageDraw.ImageDraw, x: float, foot: float, height: int, rng: Generator) -> None:
    tall = height * rng.uniform(0.12, 0.34)
    pencil.rectangle([x - 4, foot - tall * 0.6, x + 4, foot], _pick("5a4330 6b5138", rng))
    for _ in range(5):
        r = tall * rng.uniform(0.18, 0.3)
        cx, cy = x + rng.uniform(-0.25, 0.25) * tall, foot - tall * rng.uniform(0.55, 0.95)
        pencil.ellipse([cx - r, cy - r, cx + r, cy + r], _pick("3f6f3a 4f7f44 5f8a4a 34603a", rng))


def _building(
    pencil: ImageDraw.ImageDraw, x0: float, y0: float, x1: float, y1: float, rng: Generator
) -> None:
    pencil.rectangle([x0, y0, x1, y1], _pick("8f7f74 a39a8c 77808a 9a6f5c b0a58f", rng))
    glass = _pick("5f7080 c9c08a 4a5560", rng)
    for x in np.arange(x0 + 7, x1 - 12, 20):
        for y in np.arange(y0 + 8, y1 - 14, 24):
            pencil.rectangle([x, y, x + 9, y + 13], glass)


def _pick(choices: str, rng: Generator) -> Colour:
    return _tint(str(rng.choice(choices.split())), rng.uniform(0.88, 1.08))


def _tint(colour: str, brightness: float) -> Colour:
    red, green, blue = (min(int(channel * brightness), 255) for channel in bytes.fromhex(colour))
    return red, green, blue


_COLOURS = {
    "meadow": ("9cc4e4 b9d2e2 e3cfae", "7fa65a 93a85f a8a565"),
    "street": ("b5c4cf c9c5ba 9fb3c8", "77777a 6a6c70 85827c"),
    "room": ("d8cbb4 c3cdbb cfc3cb bcc7d4", "a07850 8a6a4a 94908a"),
    "court": ("a9bccb c6ccc4 8fa6b5", "4f8a5f b5714f 5a7fa6 c2a878"),
}
_Draw = Callable[[ImageDraw.ImageDraw, Size, int, Generator], None]
_DRAW: dict[str, _Draw] = {"meadow": _meadow, "street": _street, "room": _room, "court": _court}
