"""The published loader's steps, for `bench_loading.py`, from the protocol's description.

Each recording is decoded in full at its own rate and resampled by a filter made anew for the item,
then cut to its centre. The picture is flipped, scaled and jittered as a whole before it is padded
and cropped; it leaves as normalised float32. Libraries: soundfile, torch and Pillow. The filter is
the windowed sinc of the usual audio library for torch at its defaults (width 6, roll-off 0.99,
Hann), by its documented formula.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance
from torch import Tensor

from avs_bench.data.augmentation import View
from avs_bench.data.example import Example, Lookup

RATE, WIDTH, ROLL_OFF = 16_000, 6, 0.99
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PAD_RGB, PAD_TARGET = (124, 116, 104), 255
ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
}


def plain_sound(recordings: Sequence[Path], seconds: int) -> Tensor:
    """Return the sum of the recordings' centres, [seconds · 16,000]."""
    length = seconds * RATE
    mixed = torch.zeros(length)
    for path in recordings:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        wave = resampled(torch.from_numpy(samples.T).mean(0), rate)
        start = max(0, (len(wave) - length) // 2)
        centre = wave[start : start + length]
        mixed += centre.repeat(-(-length // len(centre)))[:length]
    return mixed


def resampled(wave: Tensor, rate: int) -> Tensor:
    """Return a waveform [samples] at 16 kHz."""
    common = math.gcd(rate, RATE)
    old, new = rate // common, RATE // common
    if old == new:
        return wave
    cut = min(old, new) * ROLL_OFF
    width = math.ceil(WIDTH * old / cut)
    places = torch.arange(-width, width + old) / old
    times = (torch.arange(0, -new, -1)[:, None] / new + places) * cut
    times = times.clamp(-WIDTH, WIDTH)
    window = torch.cos(times * math.pi / WIDTH / 2).square()
    kernels = torch.sinc(times) * window * cut / old
    padded = F.pad(wave, (width, width + old))
    found = F.conv1d(padded[None, None], kernels[:, None], stride=old)
    return found[0].T.reshape(-1)[: math.ceil(new * len(wave) / old)]


def plain_picture(example: Example, view: View, lookup: Lookup, crop: int) -> tuple[Tensor, Tensor]:
    """Return a view of the picture, [3, crop, crop] normalised, and its target [crop, crop]."""
    image = Image.open(example.image).convert("RGB")
    target = Image.fromarray(lookup[np.asarray(Image.open(example.mask))])
    if view.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        target = target.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = tuple(round(side * view.scale) for side in image.size)
    image = image.resize(size, Image.Resampling.BICUBIC)
    target = target.resize(size, Image.Resampling.NEAREST)
    for what, factor in view.jitter:
        shift = round(256 * factor) % 256
        if what != "hue":
            image = ENHANCERS[what](image).enhance(factor)
        elif shift:  # no shift is no change, not a rounding to HSV and back
            hue, saturation, value = image.convert("HSV").split()
            shifted = Image.fromarray(np.asarray(hue) + np.uint8(shift))
            image = Image.merge("HSV", (shifted, saturation, value)).convert("RGB")
    left, top = (
        int(part * (max(0, side - crop) + 1))
        for part, side in zip(view.crop_at, image.size, strict=True)
    )
    pad = tuple(max(crop, side) for side in image.size)
    canvas, indices = Image.new("RGB", pad, PAD_RGB), Image.new("L", pad, PAD_TARGET)
    canvas.paste(image)
    indices.paste(target)
    box = (left, top, left + crop, top + crop)
    pixels = torch.from_numpy(np.array(canvas.crop(box))).permute(2, 0, 1).contiguous()
    normalised = (pixels / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    return normalised, torch.from_numpy(np.array(indices.crop(box))).long()
