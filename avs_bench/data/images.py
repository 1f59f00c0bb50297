"""Pictures and masks: decoded once, checked, and brought to a size. Needs no torch."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from avs_bench.data.audio import CHECK, GET_AGAIN
from avs_bench.data.example import UNKNOWN, Example, Lookup
from vpo_builder.dataset.avsbench_media import mask_values
from vpo_builder.dataset.avsbench_trees import MaskForm
from vpo_builder.dataset.media_files import UNDECODABLE, fault_of
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.pictures import eight_bits
from vpo_builder.runtime.regular_files import open_regular

MIN_SIDE = 16
"""Smallest side in pixels: below it nothing is left at a quarter and an eighth of the size."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, over RGB in [0, 1], as every published backbone was trained with."""

PAD_RGB = tuple(round(255 * channel) for channel in MEAN)
"""The colour of padding: the mean picture, so close to zero once normalised."""


Kind = MaskForm | Literal["RGB", "index"]
"""What is read: a photograph, a mask of ours, or one of AVSBench's."""


@dataclass(frozen=True)
class Picture:
    """A decoded RGB image and its mask of class indices (mode L; 255 ignore), same size."""

    image: Image.Image
    target: Image.Image


class PictureReader:
    """Reads pictures, keeping up to `cache_mib` MiB of them decoded (the latest used stay)."""

    def __init__(self, mask_lookup: Lookup, cache_mib: int) -> None:
        self._lookup = mask_lookup
        self._free = cache_mib * 2**20
        self._kept: OrderedDict[Path, Image.Image] = OrderedDict()

    def read(self, example: Example) -> Picture:
        """Return the example's image and target; raise InputError for a file that cannot be."""
        image = self._decoded(example.image, "RGB", _remedy(example))
        _refuse_other_size(image, example.image, example)
        if min(image.size) < MIN_SIDE:
            raise InputError(
                f"{example.image}: {image.width}×{image.height} pixels, expected at least "
                f"{MIN_SIDE} on each side: leave it out of the dataset"
            )
        return Picture(image, self.read_target(example))

    def read_target(self, example: Example) -> Image.Image:
        """Return an example's target alone; raise InputError as `read`.

        AVSBench's masks are brought to the size of their frames, as Single+ is built.
        """
        if example.mask is None:
            return Image.new("L", (example.width, example.height), IGNORE)
        mask = self._decoded(example.mask, example.mask_form or "index", _remedy(example))
        if example.mask_form is None:
            _refuse_other_size(mask, example.mask, example)
        return self._target(at_size(mask, (example.width, example.height)), example)

    def _target(self, mask: Image.Image, example: Example) -> Image.Image:
        indices = self._lookup[np.asarray(mask)]
        if (indices == UNKNOWN).any():
            value = np.asarray(mask)[indices == UNKNOWN][0]
            ours = example.mask_form is None
            remedy = "build the dataset again" if ours else "give masks and label2idx.json of one"
            raise InputError(
                f"{example.mask}: pixel value {value} is no class of this dataset: the mask was "
                f"made for another class table; {remedy}"
            )
        return Image.fromarray(indices)

    def _decoded(self, path: Path, kind: Kind, remedy: str) -> Image.Image:
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        decoded = _decode(path, kind, remedy)
        self._keep(path, decoded)
        return decoded

    def _keep(self, path: Path, decoded: Image.Image) -> None:
        self._free -= _size(decoded)
        self._kept[path] = decoded
        while self._free < 0:
            _, dropped = self._kept.popitem(last=False)
            self._free += _size(dropped)


def resized(
    image: Image.Image, long_side: int, scale: float = 1.0, *, stretched: bool = False
) -> Image.Image:
    """Return the image with its longer side, or `stretched` both, at `long_side · scale`.

    A `long_side` of 0 is the image's own. Bicubic for RGB, nearest for a mask (protocol §5);
    neither side falls below MIN_SIDE.
    """
    return at_size(image, scaled_size(image.size, long_side, scale, stretched=stretched))


def at_size(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the image at (width, height), bicubic for RGB, nearest for a mask."""
    if size == image.size:
        return image
    nearest = image.mode == "L"
    method = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    return image.resize(size, method)


def scaled_size(
    size: tuple[int, int],
    side: int,
    scale: float,
    *,
    stretched: bool = False,
    shorter: bool = False,
) -> tuple[int, int]:
    """Return (width, height) of an image of `size` whose longer side becomes `side · scale`.

    Both do if `stretched`; with `shorter` it is the shorter one and the shape is kept. A `side` of
    0 is the image's own; neither falls below MIN_SIDE.
    """
    given = min(size) if shorter else max(size)
    factor = scale * (side / given if side else 1.0)
    sides = (given, given) if stretched and not shorter else size
    width, height = (max(MIN_SIDE, round(one * factor)) for one in sides)
    return width, height


def read_size(path: Path, remedy: str = CHECK) -> tuple[int, int]:
    """Return (width, height) of a picture from its first bytes; raise InputError."""
    with _opened(path, remedy) as image:
        return image.size


def _remedy(example: Example) -> str:
    return CHECK if example.mask_form is None else GET_AGAIN


def _decode(path: Path, kind: Kind, remedy: str) -> Image.Image:
    with _opened(path, remedy) as image:
        if kind == "RGB":
            return eight_bits(image).convert("RGB")
        if kind == "index":
            return _index_image(image, path)
        return Image.fromarray(mask_values(image, kind))


def _index_image(image: Image.Image, path: Path) -> Image.Image:
    """Return a mask's values as mode L: of a palette its indices, of anything else the grey."""
    if image.mode in ("P", "L"):
        return Image.fromarray(np.asarray(image))
    if image.mode == "1":
        return image.convert("L")
    red, green, blue = (np.asarray(band) for band in image.convert("RGB").split())
    if not ((red == green) & (green == blue)).all():
        raise InputError(f"{path}: a coloured picture, expected a mask whose values are classes")
    return Image.fromarray(red)


@contextmanager
def _opened(path: Path, remedy: str) -> Iterator[Image.Image]:
    try:
        with open_regular(path) as file, Image.open(file) as image:
            yield image
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, though the dataset lists it: {remedy}") from None
    except UNDECODABLE as error:
        raise InputError(f"{path}: cannot be decoded: {fault_of(error)}; {remedy}") from None


def _refuse_other_size(image: Image.Image, path: Path, example: Example) -> None:
    if image.size != (example.width, example.height):
        raise InputError(
            f"{path}: {image.width}×{image.height} pixels, expected "
            f"{example.width}×{example.height}: the file was changed; {_remedy(example)}"
        )


def _size(image: Image.Image) -> int:
    return image.width * image.height * len(image.getbands())
