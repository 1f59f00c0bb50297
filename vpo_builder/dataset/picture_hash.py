"""A difference hash of 128 bits, by which photographs that look alike are found.

It says, for a picture shrunk to 9×9 grey values, whether each is darker than its neighbour to the
right (64 bits) and below (64 bits). What distances mean is measured in `audit.near_duplicates`.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 9

Hashes = npt.NDArray[np.uint64]


def picture_hash(data: bytes) -> Hashes:
    """Return the difference hash [2] of an image file's bytes; raise what Pillow raises."""
    with Image.open(io.BytesIO(data)) as image:
        return difference_hash(image)


def difference_hash(image: Image.Image) -> Hashes:
    """Return the hash of an image just opened: [rows, columns], 64 bits each.

    A JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 of its size that leaves 72 pixels a
    side: every byte is read in half the time, and the measured distances are no different.
    """
    image.draft("L", (SIDE * 8, SIDE * 8))
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    grey = np.asarray(small, dtype=np.int16)
    darker_than_right = grey[:-1, :-1] < grey[:-1, 1:]
    darker_than_below = grey[:-1, :-1] < grey[1:, :-1]
    bits = np.packbits(np.stack([darker_than_right, darker_than_below]).reshape(2, -1), axis=1)
    return bits.view(">u8").astype(np.uint64)[:, 0]
