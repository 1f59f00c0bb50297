"""Opens PNGs of anybody: their pixels as they were written, and how many bits and channels."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vpo_builder.dataset.media_files import UNDECODABLE
from vpo_builder.runtime.errors import InputError

MOST_PIXELS = 2**26
"""Of an answer: 8192 x 8192, below what Pillow warns of."""
GREY_LEVELS = {8: 255, 16: 65535}
"""The white of grey pictures by bits a pixel."""
SPREAD = {1: 1, 2: 85, 4: 17}
"""By what Pillow multiplies grey of fewer than 8 bits."""


@dataclass(frozen=True)
class OnePicture:
    """A decoded PNG: `pixels` [H, W], or [H, W, channels], with the values that the file holds."""

    pixels: NDArray[Any]
    bits: int
    channels: int
    palette: bool

    @property
    def told(self) -> str:
        """Bits and channels in words."""
        kind = "a palette" if self.palette else f"{self.channels} channel(s)"
        return f"{self.bits} bits and {kind}"


def read_png(data: bytes, where: str) -> OnePicture:
    """Return a PNG; grey in three equal channels is grey. Raises InputError naming `where`."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise InputError(
                    f"{where}: {image.width} x {image.height} pixels, expected at most "
                    f"{MOST_PIXELS} in all"
                )
            image.load()
            palette, pixels = image.mode == "P", np.asarray(image)
    except UNDECODABLE as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):  # whose own text is an address in memory
            reason = f"{len(data)} bytes of something else"
        raise InputError(f"{where}: no readable PNG: {reason}: write it again") from None
    bits = data[24]  # of IHDR, which is the first chunk of every PNG
    if bits in SPREAD and not palette:
        pixels = pixels.astype(np.uint8) // np.uint8(SPREAD[bits])
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    return OnePicture(pixels, 8 if palette or bits < 8 else bits, channels, palette)
