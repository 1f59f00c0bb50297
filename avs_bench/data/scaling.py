"""Scaling a part of a picture: the pixels that scaling the whole and cropping would give.

A training view of 512 px is a fifth of a picture scaled by two, so most of what scaling the whole
computes is thrown away. Pillow's own `box` does not give the same pixels: it holds its corners in
32 bits, which moves the filter; here every corner lies between two whole pixels.
"""

import math

from PIL import Image

SUPPORT = 2
"""Pixels that the bicubic filter reads to each side, of the larger of both sizes."""

Span = tuple[int, int]


def scaled_part(
    image: Image.Image, size: tuple[int, int], box: tuple[int, int, int, int]
) -> Image.Image:
    """Return `box` = (left, top, right, bottom) of an RGB image scaled to `size`, bicubic.

    Columns first, then rows, which is Pillow's order but for pictures three times as high as wide
    that become smaller (Pillow 13).
    """
    left, top, right, bottom = box
    if image.size == size:
        return image.crop(box)
    first, last = _read_for((top, bottom), image.height, size[1])
    rows = image.crop((0, first, image.width, last))
    columns = _scaled(rows, 0, size[0], (left, right))
    if (first, last) != (0, image.height):  # put back in its place, for the filter's phase
        canvas = Image.new(image.mode, (columns.width, image.height))
        canvas.paste(columns, (0, first))
        columns = canvas
    return _scaled(columns, 1, size[1], (top, bottom))


def _scaled(image: Image.Image, axis: int, length: int, part: Span) -> Image.Image:
    """Return a part of the image with one side scaled to `length`, the other as it is."""
    before = image.size[axis]
    if before == length:
        return image.crop(_box(image.size, axis, part))
    step = length // math.gcd(before, length)
    start = part[0] // step * step
    stop = min(length, -(-part[1] // step) * step)
    size = (stop - start, image.height) if axis == 0 else (image.width, stop - start)
    source = (start * before // length, stop * before // length)
    scaled = image.resize(size, Image.Resampling.BICUBIC, box=_box(image.size, axis, source))
    return scaled.crop(_box(size, axis, (part[0] - start, part[1] - start)))


def _read_for(part: Span, before: int, length: int) -> Span:
    """Return the pixels of a side that its scaled part is made of."""
    ratio = before / length
    margin = SUPPORT * max(1.0, ratio) + 1
    first, last = part[0] * ratio - margin, part[1] * ratio + margin
    return max(0, math.floor(first)), min(before, math.ceil(last))


def _box(size: tuple[int, int], axis: int, span: Span) -> tuple[int, int, int, int]:
    """Return the box of a span along one axis and of everything along the other."""
    if axis == 0:
        return span[0], 0, span[1], size[1]
    return 0, span[0], size[0], span[1]
