"""A photograph's file as it is published: the source's bytes, unless readers would differ on them.

Masks are drawn on the pixels as they are stored. A reader that honours EXIF would turn the picture
and leave its mask, so a file that asks to be turned is published without asking; its pixels stay.
"""

import io
import struct
from enum import StrEnum

from PIL import ExifTags, Image

from vpo_builder.dataset.picture_hash import Hashes, difference_hash, picture_hash
from vpo_builder.runtime.pictures import eight_bits

SIDEWAYS = (5, 6, 7, 8)  # TIFF 6.0, tag 274: rows and columns change places
APP1, START_OF_SCAN = 0xE1, 0xDA  # ITU-T T.81, B.1; Exif and XMP lie in APP1


class Change(StrEnum):
    """How a published picture's file differs from its source."""

    UNTURNED = "asked to be turned by EXIF: published as their pixels are stored"
    EIGHT_BITS = "had 16 bits a pixel: published with the upper 8"


def published_picture(data: bytes, image: Image.Image) -> tuple[bytes, Change | None, Hashes]:
    """Return the bytes to publish for a file, what is changed in them, and their difference hash.

    `image` was opened from the file and not decoded yet; that is done here, for the hash, to the
    last byte. Raises ValueError for a picture of 32 bits a pixel, and what Pillow raises.
    """
    if eight_bits(image) is not image:
        return _hashed(_png(eight_bits(image)), Change.EIGHT_BITS)
    if orientation(image) in (0, 1):
        return data, None, difference_hash(image)
    if image.format == "JPEG":
        return _hashed(without_app1(data), Change.UNTURNED)
    return _hashed(_png(image), Change.UNTURNED)


def _hashed(data: bytes, change: Change) -> tuple[bytes, Change, Hashes]:
    return data, change, picture_hash(data)


def without_app1(data: bytes) -> bytes:
    """Return a JPEG without its segments of Exif and XMP, every other byte as it was."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != START_OF_SCAN:
        # A fill byte, or a marker and its length of two bytes, which counts itself.
        filled = data[at + 1] == 0xFF
        end = at + 1 if filled else at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != APP1:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])


def orientation(image: Image.Image) -> int:
    """Return how readers are asked to turn an image, 1 for not at all (TIFF 6.0, tag 274)."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1  # damaged metadata turns nothing


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    clean = image.copy()
    clean.info = {key: image.info[key] for key in ("transparency",) if key in image.info}
    clean.save(buffer, "PNG", exif=b"")
    return buffer.getvalue()
