"""Predicts one picture with the sound that is heard with it."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from avs_bench.data.audio import SAMPLE_RATE
from avs_bench.data.images import MIN_SIDE
from avs_bench.painting import Pixels, heat_tint, jpeg, mask_png, mask_tint
from avs_bench.prediction.given_files import open_given
from avs_bench.prediction.predictions import PredictedItem, moment_of
from avs_bench.prediction.segmenter import Segmenter
from avs_bench.prediction.sound_files import read_sound, window
from avs_bench.results.showcase import sound_mp3
from vpo_builder.dataset.class_colours import class_colours
from vpo_builder.dataset.media_files import UNDECODABLE, fault_of
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.pictures import eight_bits
from vpo_builder.runtime.regular_files import LARGEST_BYTES
from vpo_builder.runtime.whole_files import write_atomically


@dataclass(frozen=True)
class ImageTask:
    """A picture, the recording heard with it, and the folder of what is made of them."""

    image: Path
    sound: Path
    folder: Path


def predict_image(task: ImageTask, segmenter: Segmenter) -> PredictedItem:
    """Write mask.png, overlay.png, picture.jpg and heard.mp3; attention.png if it is asked for.

    The centre of the recording is heard, as in training. Raises InputError for a file that is no
    picture or no recording.
    """
    opened, audio = segmenter.opened, segmenter.opened.settings.audio
    picture = read_picture(task.image)
    sound = read_sound(task.sound, audio.channels)
    heard = window(sound, sound.shape[1] / SAMPLE_RATE / 2, audio.seconds)
    (prediction,) = segmenter.predict([picture], [heard])
    colours = class_colours(len(opened.classes))
    files = {
        "mask.png": mask_png(prediction.mask, colours),
        "overlay.png": _png(mask_tint(prediction.mask, colours).over(picture)),
        "picture.jpg": jpeg(picture),
        "heard.mp3": sound_mp3(heard),
    }
    if prediction.attention is not None:
        files["attention.png"] = _png(heat_tint(prediction.attention).over(picture))
    for name, content in files.items():
        write_atomically(task.folder / name, content)
    return PredictedItem(
        name=task.image.name,
        kind="image",
        folder=task.folder.name,
        width=picture.shape[1],
        height=picture.shape[0],
        seconds=float(audio.seconds),
        moments=(moment_of(prediction, opened.classes),),
        attention=prediction.attention is not None,
    )


def read_picture(path: Path) -> Pixels:
    """Return a picture as RGB [H, W, 3], upright as its camera meant it; InputError otherwise."""
    with open_given(path, "a picture", LARGEST_BYTES) as file:
        try:
            with Image.open(file) as image:
                picture = np.asarray(eight_bits(ImageOps.exif_transpose(image)).convert("RGB"))
        except UNDECODABLE as error:
            why = fault_of(error)
            raise InputError(f"{path}: no picture that can be read: {why}") from None
    if min(picture.shape[:2]) < MIN_SIDE:
        raise InputError(
            f"{path}: {picture.shape[1]}×{picture.shape[0]} pixels, expected at least {MIN_SIDE} "
            "on each side"
        )
    return picture


def _png(picture: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
