"""Draws masks and attention over pictures. Needs no torch."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vpo_builder.dataset.class_colours import Colour
from vpo_builder.dataset.schema import IGNORE

Pixels = NDArray[np.uint8]

FILL = 0.5
"""Share of the class colour inside an object; its outline is opaque."""
HEAT = 0.62
"""Share of the heat's colour where the attention is strongest; none where it is weakest."""


@dataclass(frozen=True)
class Tint:
    """A colouring that is laid over many pictures of one size.

    `keep` [H, W, 1] are 256ths of the picture, `add` [H, W, 3] what is added, in 256ths of a level.
    """

    keep: NDArray[np.uint16]
    add: NDArray[np.uint16]

    def over(self, picture: Pixels) -> Pixels:
        """Return the tinted copy of an RGB picture [H, W, 3]."""
        return ((picture * self.keep + self.add) >> 8).astype(np.uint8)


def mask_tint(mask: Pixels, colours: tuple[Colour, ...]) -> Tint:
    """Return the tint of a mask [H, W]: objects tinted and outlined.

    Class 0 and ignored pixels leave the picture as it is.
    """
    table = np.zeros((256, 3), np.uint16)
    table[: len(colours)] = colours
    shares = np.zeros(256, np.uint16)
    shares[1 : len(colours)] = round(256 * FILL)
    share = shares[mask]
    share[outline(mask) & (share > 0)] = 256
    return _tint(share, table[mask])


def heat_tint(heat: NDArray[np.floating]) -> Tint:
    """Return the tint of a heat map [H, W] in [0, 1], 1 being hottest."""
    strength = np.clip(heat, 0, 1)
    colour = _inferno()[np.rint(255 * strength).astype(np.uint8)]
    return _tint(np.rint(256 * HEAT * np.sqrt(strength)).astype(np.uint16), colour)


def _tint(share: NDArray[np.uint16], colour: NDArray[np.uint16]) -> Tint:
    share = share[..., None]
    return Tint(256 - share, share * colour)


def outline(mask: Pixels) -> NDArray[np.bool_]:
    """Return the pixels [H, W] beside one with another value, about 2 in 480 pixels wide."""
    width = max(1, round(max(mask.shape) / 320))
    edge = np.zeros(mask.shape, np.bool_)
    for step in range(1, width + 1):
        for here, there in (
            (np.s_[:-step], np.s_[step:]),
            (np.s_[:, :-step], np.s_[:, step:]),
        ):
            differ = mask[here] != mask[there]
            edge[here] |= differ
            edge[there] |= differ
    return edge


def mask_png(mask: Pixels, colours: tuple[Colour, ...]) -> bytes:
    """Return class indices [H, W] as a palette PNG: values are classes, colours are for looking."""
    image = Image.fromarray(mask)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    palette[IGNORE] = 224
    image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def overlay_png(mask: Pixels, colours: tuple[Colour, ...]) -> bytes:
    """Return a transparent PNG to lay over the picture: objects tinted, their outline opaque."""
    objects = (mask > 0) & (mask != IGNORE)
    layers = np.zeros((*mask.shape, 4), np.uint8)
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    layers[..., :3] = table[mask]
    layers[..., 3] = np.where(objects, np.where(outline(mask), 255, round(255 * FILL)), 0)
    layers[~objects] = 0
    buffer = io.BytesIO()
    Image.fromarray(layers).quantize(255, Image.Quantize.FASTOCTREE).save(buffer, "PNG")
    return buffer.getvalue()


def jpeg(picture: Pixels, quality: int = 85) -> bytes:
    """Return RGB [H, W, 3] as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


@cache
def _inferno() -> NDArray[np.uint16]:
    from matplotlib import colormaps  # 0.2 s: only where attention is drawn

    rgba: NDArray[np.float64] = colormaps["inferno"](np.linspace(0, 1, 256))
    return np.rint(255 * rgba[:, :3]).astype(np.uint16)
