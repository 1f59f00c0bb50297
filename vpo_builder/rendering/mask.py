"""Masks: COCO's segmentations -> palette PNGs that hold the published class values."""

import functools
import io
import math
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from vpo_builder.dataset.class_colours import voc_colours
from vpo_builder.runtime.errors import BAD_JSON

Mask = NDArray[np.uint8]
FEWEST_COORDINATES = 6
"""A point or a line has no area; of four numbers pycocotools would make a box."""
LONGEST_OUTLINE = 4_000_000
"""Pixels along all polygons of an object: pycocotools holds 40 bytes a pixel of it."""


class BrokenMaskError(ValueError):
    """A segmentation that is no outline of this image."""


def encode_segmentation(segmentation: bytes, height: int, width: int) -> dict[str, Any]:
    """Return the compressed run-length code of a segmentation in COCO's json.

    Polygons, uncompressed and compressed run-length codes are read as pycocotools' `annToRLE`
    reads them, but for the points and lines among polygons, which are left out. Raises
    BrokenMaskError where that would fail, read outside its input, or come out empty.
    """
    try:
        tree = msgspec.json.decode(segmentation)
        code = _encode(tree, height, width)
        area = int(coco_mask.area(code))
    except (*BAD_JSON, ArithmeticError, LookupError, TypeError, ValueError) as error:
        lacks = "without " * isinstance(error, KeyError)
        raise BrokenMaskError(f"{lacks}{error}") from None
    if area == 0:
        raise BrokenMaskError("no pixel")
    return code


def segmentation_of(held: NDArray[np.bool_]) -> bytes:
    """Return the pixels [H, W] of an object as a segmentation in COCO's json."""
    code = coco_mask.encode(np.asfortranarray(held, dtype=np.uint8))
    return msgspec.json.encode({"size": held.shape, "counts": code["counts"].decode("ascii")})


def segmentation_area(segmentation: bytes, height: int, width: int) -> int:
    """Return the pixels of a segmentation in COCO's json; raises as `encode_segmentation`."""
    return int(coco_mask.area(encode_segmentation(segmentation, height, width)))


def horizontal_centre(code: dict[str, Any], width: int) -> float:
    """Return the centre of the mask's bounding box over the image width, six decimals.

    0 is the left edge, 1 the right one (protocol §2, pan).
    """
    left, _, extent, _ = (float(value) for value in coco_mask.toBbox(code))
    return round((left + extent / 2) / width, 6)


def merge_masks(codes: Sequence[dict[str, Any]], values: Sequence[int]) -> Mask:
    """Return [H, W] with each mask's value, 0 elsewhere; the smaller of two lies on top."""
    layers = sorted(
        zip(codes, values, strict=True),
        key=lambda layer: (-int(coco_mask.area(layer[0])), layer[1]),
    )
    height, width = codes[0]["size"]
    merged = np.zeros((height, width), np.uint8, order="F")  # by columns, as run lengths are
    for code, value in layers:
        np.copyto(merged, np.uint8(value), where=coco_mask.decode(code).view(bool))
    return np.ascontiguousarray(merged)


def is_hidden(code: dict[str, Any], others: Sequence[dict[str, Any]]) -> bool:
    """Tell whether a mask lies wholly under those of `others` that are smaller, or is one of them.

    Of two classes with one outline only one can be drawn, and which is not known.
    """
    if code in others:
        return True
    area, *areas = coco_mask.area([code, *others]).tolist()
    smaller = [(other, size) for other, size in zip(others, areas, strict=True) if size < area]
    if sum(size for _, size in smaller) < area:  # as one alone always is
        return False
    above = coco_mask.merge([other for other, _ in smaller])
    return int(coco_mask.area(coco_mask.merge([code, above]))) == int(coco_mask.area(above))


def encode_png(mask: Mask, palette: Sequence[int] | None = None) -> bytes:
    """Return a palette PNG whose pixel values are the mask's; PASCAL VOC's colours by default."""
    image = Image.fromarray(mask, mode="P")
    image.putpalette(_voc_palette() if palette is None else palette)
    buffer = io.BytesIO()
    # A mask is runs of values: looking for nothing else takes a third of the time, and less space.
    image.save(buffer, format="PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def _encode(tree: Any, height: int, width: int) -> dict[str, Any]:
    if isinstance(tree, list):
        for polygon in tree:
            _check_polygon(polygon, height, width)
        tree = [polygon for polygon in tree if len(polygon) >= FEWEST_COORDINATES]
        if not tree:
            raise ValueError("no polygon of three points")
        # No edge is longer than three sides: most outlines need no adding up.
        if sum(map(len, tree)) / 2 * 3 * max(height, width) > LONGEST_OUTLINE:
            length = sum(map(_length, tree))
            if length > LONGEST_OUTLINE:
                raise ValueError(f"an outline {length:.0f} pixels long")
        codes = coco_mask.frPyObjects(tree, height, width)
        code = codes[0] if len(codes) == 1 else coco_mask.merge(codes)
    elif isinstance(tree["counts"], list):
        _check_size(tree["size"], height, width)
        counts = tree["counts"]
        if min(counts) < 0 or sum(counts) != height * width:
            raise ValueError("run lengths do not add up to the image")
        code = coco_mask.frPyObjects(tree, height, width)
    else:
        _check_size(tree["size"], height, width)
        code = {"size": [height, width], "counts": tree["counts"].encode("ascii")}
        coco_mask.decode(code)
    return dict(code)


def _check_polygon(polygon: Any, height: int, width: int) -> None:
    """Raise ValueError for what pycocotools would not draw as a polygon.

    Coordinates may leave the picture by as much as its sides: pycocotools cuts them there.
    """
    if len(polygon) % 2:
        raise ValueError("a polygon needs pairs of coordinates")
    if not polygon:
        return
    if not all(map(math.isfinite, polygon)):
        raise ValueError("a polygon's coordinate is not finite")
    x, y = polygon[::2], polygon[1::2]
    if min(x) < -width or max(x) > 2 * width or min(y) < -height or max(y) > 2 * height:
        point = next(
            [float(a), float(b)]
            for a, b in zip(x, y, strict=True)
            if not (-width <= a <= 2 * width and -height <= b <= 2 * height)
        )
        raise ValueError(f"a polygon's point {point} lies far outside {width}×{height} pixels")


def _length(polygon: Sequence[float]) -> float:
    """Return the length of a polygon, in the steps that pycocotools takes along each edge."""
    points = np.array(polygon, np.float64).reshape(-1, 2)
    edges = np.abs(points - np.roll(points, 1, axis=0))
    return float(edges.max(axis=1).sum())


def _check_size(size: Any, height: int, width: int) -> None:
    if list(size) != [height, width]:
        raise ValueError(f"size {size}, the image is {[height, width]}")


@functools.cache
def _voc_palette() -> bytes:
    return bytes(channel for colour in voc_colours(256) for channel in colour)
