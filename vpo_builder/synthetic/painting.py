"""Pictures: a cluttered background, figures painted with their textures, a camera's noise."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from PIL import Image, ImageDraw

from vpo_builder.synthetic.figures import Figure
from vpo_builder.synthetic.layout import Standing
from vpo_builder.synthetic.shapes import COAT, SECOND, SHADE

Pixels = npt.NDArray[np.float32]

_DIM = 0.72
"""Brightness of a coat in shadow."""
_SHADED_SECOND = SHADE + 1
_FINE = 2
"""Figures are drawn this many times finer and averaged, so that edges are smooth."""


def paint(
    standing: Sequence[Standing], backdrop: Image.Image, rng: Generator
) -> npt.NDArray[np.uint8]:
    """Return the picture [H, W, 3] of `standing`, painted in that order over `backdrop`."""
    picture = np.asarray(backdrop, dtype=np.float32).copy()
    for one in standing:
        _shadow(picture, one)
        _stamp(picture, one, rng)
    light = rng.uniform(0.94, 1.16) * rng.uniform(0.95, 1.05, size=3)
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * rng.uniform(2, 6)
    return np.clip(picture * light + noise, 0, 255).astype(np.uint8)


def _stamp(picture: Pixels, one: Standing, rng: Generator) -> None:
    height, width = picture.shape[:2]
    x0, y0 = max(int(one.box[0]) - 1, 0), max(int(one.box[1]) - 1, 0)
    x1, y1 = min(int(one.box[2]) + 2, width), min(int(one.box[3]) + 2, height)
    tones = _tones(one, (x0, y0, x1, y1))
    rows, columns = np.nonzero(tones)
    x, y = x0 + (columns + 0.5) / _FINE, y0 + (rows + 0.5) / _FINE
    u, v = (one.to_figure @ np.stack([x, y, np.ones_like(x)])).astype(np.float32)
    layer = np.zeros((*tones.shape, 4), dtype=np.float32)
    layer[rows, columns, :3] = _coloured(one.figure, tones[rows, columns], u, v, rng)
    layer[rows, columns, 3] = 1.0
    layer = _averaged(layer)
    region = picture[y0:y1, x0:x1]
    region *= 1 - layer[..., 3:]
    region += layer[..., :3]


def _coloured(
    figure: Figure, tones: npt.NDArray[np.uint8], u: Pixels, v: Pixels, rng: Generator
) -> Pixels:
    """Return the colours [N, 3] of pixels by tone and figure coordinates, lit from above."""
    palette = _palette(figure.palette, rng)
    colours = palette[tones]
    textured = (tones == COAT) | (tones == SHADE)
    share = figure.texture(u[textured], v[textured], rng)[:, None]
    second = palette[np.where(tones[textured] == SHADE, _SHADED_SECOND, SECOND)]
    colours[textured] += share * (second - colours[textured])
    colours *= (1.06 - 0.16 * v + 0.05 * np.sin(3 * u))[:, None]
    return colours


def _tones(one: Standing, window: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """Return the tone of every fine pixel of the window, 0 outside the figure."""
    x0, y0, x1, y1 = window
    canvas = Image.new("L", ((x1 - x0) * _FINE, (y1 - y0) * _FINE))
    pencil = ImageDraw.Draw(canvas)
    for part in one.parts:
        pencil.polygon(((part.points - (x0, y0)) * _FINE).ravel().tolist(), fill=part.tone)
    return np.asarray(canvas)


def _shadow(picture: Pixels, one: Standing) -> None:
    """Darken an ellipse under a figure that stands on the ground."""
    if one.figure.place != "ground":
        return
    x0, _, x1, y1 = one.box
    rx, ry = 0.55 * (x1 - x0), max(0.07 * (x1 - x0), 2.0)
    top, bottom = max(int(y1 - 2 * ry), 0), min(int(y1 + 2 * ry), picture.shape[0])
    y, x = np.ogrid[top:bottom, 0 : picture.shape[1]]
    distance = ((x - (x0 + x1) / 2) / rx) ** 2 + ((y - y1 + 0.3 * ry) / ry) ** 2
    picture[top:bottom] *= (1 - 0.45 * np.exp(-(distance**2)))[..., None]


def _palette(choices: Sequence[str], rng: Generator) -> Pixels:
    """Return [9, 3] colours: nothing, the tones, and the SECOND tone in shadow."""
    names = [str(rng.choice(tone.split())) for tone in choices]
    colours = np.array([tuple(bytes.fromhex(name)) for name in names], dtype=np.float64)
    colours *= rng.uniform(0.88, 1.06) * rng.normal(1.0, 0.035, size=colours.shape)
    rows = [np.zeros((1, 3)), colours, _DIM * colours[:2]]
    return np.concatenate(rows, dtype=np.float32)


def _averaged(fine: Pixels) -> Pixels:
    """Return the mean of each block of fine pixels."""
    blocks = [fine[i::_FINE, j::_FINE] for i in range(_FINE) for j in range(_FINE)]
    mean: Pixels = sum(blocks[1:], blocks[0]) / np.float32(len(blocks))
    return mean
