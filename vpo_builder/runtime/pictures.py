"""Pictures of other depths than 8 bits, which Pillow would cut to white."""

import numpy as np
from PIL import Image


def eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture of 8 bits a channel: itself, or the high bytes of 16-bit grey.

    That is what Pillow makes of 16-bit colours. Raises ValueError for 32 bits and for floats,
    whose range nothing tells.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("32 bits a pixel: expected 8 or 16 a channel: convert it")
    return image
