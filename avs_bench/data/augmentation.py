"""Random views of a training picture: flip, scale, colour jitter, pad and crop, in this order.

A view is drawn first and applied afterwards, so that everything random about it is one record.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance

from avs_bench.config import AugmentationSettings, ImageSettings
from avs_bench.data.images import PAD_RGB, Picture, at_size, scaled_size
from avs_bench.data.scaling import scaled_part
from vpo_builder.dataset.schema import IGNORE

CENTRE = (0.5, 0.5)


@dataclass(frozen=True)
class View:
    """A view: `jitter` holds (what, factor) in the order applied; `crop_at` lies in [0, 1]².

    With `shorter`, the shorter side gets the length that `image.long_side` says.
    """

    flip: bool
    scale: float
    jitter: tuple[tuple[str, float], ...]
    crop_at: tuple[float, float]
    shorter: bool = False


def draw_view(settings: AugmentationSettings, random: np.random.Generator) -> View:
    """Draw a view: factors uniform in [1 - v, 1 + v], the hue shift in [-v, v] turns."""
    jitter = [
        (what, 1 + spread * random.uniform(-1, 1))
        for what, spread in (
            ("brightness", settings.brightness),
            ("contrast", settings.contrast),
            ("saturation", settings.saturation),
        )
    ]
    jitter.append(("hue", settings.hue * random.uniform(-1, 1)))
    random.shuffle(jitter)
    view = View(
        flip=bool(random.random() < settings.flip),
        scale=float(random.choice(settings.scales)),
        jitter=tuple(jitter),
        crop_at=(float(random.random()), float(random.random())),
        shorter=settings.side == "shorter",
    )
    return view if settings.crop == "random" else replace(view, crop_at=CENTRE)


def apply_view(picture: Picture, view: View, size: ImageSettings) -> Picture:
    """Return the view of the picture, `size.crop` pixels square.

    What lies outside of the picture is the mean colour, and 255 in the target.
    """
    image, target = picture.image, picture.target
    if view.flip:
        image, target = (
            side.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for side in (image, target)
        )
    scaled = scaled_size(
        image.size, size.long_side, view.scale, stretched=size.stretched, shorter=view.shorter
    )
    box = _crop_box(scaled, size.crop, view.crop_at)
    image = scaled_part(image, scaled, box)
    target = at_size(target, scaled).crop(box)
    for what, factor in view.jitter:  # on the crop alone, which is the smaller part
        image = _jittered(image, what, factor)
    return Picture(_padded(image, size.crop, PAD_RGB), _padded(target, size.crop, IGNORE))


def _crop_box(
    image_size: tuple[int, int], crop: int, at: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) inside of the image."""
    left, top = (
        int(part * (max(0, side - crop) + 1)) for part, side in zip(at, image_size, strict=True)
    )
    return left, top, min(left + crop, image_size[0]), min(top + crop, image_size[1])


def _padded(image: Image.Image, side: int, fill: int | tuple[int, ...]) -> Image.Image:
    """Return the image with padding at the right and the bottom."""
    if image.size == (side, side):
        return image
    canvas = Image.new(image.mode, (side, side), fill)
    canvas.paste(image)
    return canvas


def _jittered(image: Image.Image, what: str, factor: float) -> Image.Image:
    if what == "hue":
        return _hue_shifted(image, factor)
    enhance = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "saturation": ImageEnhance.Color,
    }[what]
    return enhance(image).enhance(factor)


def _hue_shifted(image: Image.Image, turns: float) -> Image.Image:
    """Shift the hue by a part of a full turn; Pillow's hue is a byte that wraps round."""
    shift = round(256 * turns) % 256
    if not shift:
        return image
    hue, saturation, value = image.convert("HSV").split()
    hue = hue.point([(level + shift) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")
