"""Ways in which a picture is made worse, as functions of its pixels and a level. Needs no torch.

Pixels are [height, width, 3] uint8 and stay so; the mask stays as it is. The levels of noise, JPEG
and brightness are those of ImageNet-C (Hendrycks and Dietterich 2019, arXiv 1903.12261).
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]

CELLS = 8
"""Occlusion covers cells of a grid of 8 x 8."""
GREY = 127
SIDE = 224
"""The longer side, in pixels, of the pictures that ImageNet-C's blur is meant for."""


def blurred(pixels: Pixels, deviation: float) -> Pixels:
    """Return the picture behind a Gaussian blur, its deviation in pixels of 224 on a long side."""
    radius = deviation * max(pixels.shape[:2]) / SIDE
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def noisy(pixels: Pixels, deviation: float, random: np.random.Generator) -> Pixels:
    """Return the picture with Gaussian noise, its deviation in parts of full scale."""
    noise = random.standard_normal(pixels.shape, dtype=np.float32)
    return _pixels(pixels + 255 * deviation * noise)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Return the picture after JPEG of a quality."""
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, "JPEG", quality=quality)
    return np.asarray(Image.open(coded).convert("RGB"))


def brighter(pixels: Pixels, more: float) -> Pixels:
    """Return the picture with so much added to its brightness (HSV's value), in parts of 1.

    Hue and saturation stay: each channel is scaled by the same factor.
    """
    value = pixels.max(axis=2, keepdims=True).astype(np.float32)
    wanted = np.minimum(value + 255 * more, 255)
    factor = np.where(value > 0, wanted / np.maximum(value, 1), 0)
    black = (value == 0) * wanted  # which has no hue and turns grey
    return _pixels(pixels * factor + black)


def occluded(pixels: Pixels, share: float, random: np.random.Generator) -> Pixels:
    """Return the picture with a share of the cells of a grid covered by grey, at random places."""
    height, width, _ = pixels.shape
    covered = random.permutation(CELLS**2)[: round(share * CELLS**2)]
    rows, columns = np.arange(height) * CELLS // height, np.arange(width) * CELLS // width
    hidden = np.isin(rows[:, None] * CELLS + columns, covered)
    partly = pixels.copy()
    partly[hidden] = GREY
    return partly


def _pixels(values: NDArray[np.floating[Any]]) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
