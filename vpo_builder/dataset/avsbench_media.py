"""Reads the masks and recordings of AVSBench's trees, as authors and users have stored them.

One reader for training, scoring and building, so that all of them see and hear the same.
"""

import io
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image

from vpo_builder.dataset.avsbench_trees import MaskForm
from vpo_builder.dataset.class_colours import voc_colours
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.ffmpeg_program import FfmpegError, run_ffmpeg, source
from vpo_builder.runtime.pictures import eight_bits
from vpo_builder.runtime.regular_files import open_regular

GREY = 128
"""From here on a grey level of a black and white mask is white: a copy saved with loss has others
than 0 and 255."""
NO_CLASS = 254
"""What a colour that is none of PASCAL VOC's becomes: an index that no table of classes has."""
COLOURED = 32
"""So far apart are the channels of a picture that is not grey, loss in a copy allowed for."""
MOST_SECONDS = 60
"""Of a recording; AVSBench's have five or ten."""
DECODE_SECONDS = 120
MOST_BYTES = MOST_SECONDS * 192_000 * 8 * np.dtype(np.float32).itemsize


def mask_values(image: Image.Image, form: MaskForm) -> NDArray[np.uint8]:
    """Return what a mask says [H, W]: 0 and 1 for an "object", else class indices.

    Of an object, black is background whatever the mode: a palette, and a grey picture of nothing
    but 0 and 1, count by their values. "labels" are values too, "colours" PASCAL VOC's, which are
    inverted. Raises ValueError for another coloured picture, and for values that are no index.
    """
    if form == "colours":
        red, green, blue = (np.asarray(b).astype(np.int32) for b in image.convert("RGB").split())
        indices: NDArray[np.uint8] = _class_of_colour()[red << 16 | green << 8 | blue]
        return indices
    if image.mode in ("P", "1"):
        values = np.asarray(image).astype(np.uint8)
        return values if form == "labels" else (values > 0).astype(np.uint8)
    levels = _grey_levels(image)
    if form == "labels" or levels.max() <= 1:
        if levels.max() > IGNORE:
            raise ValueError(f"pixel value {levels.max()}, expected class indices")
        return levels.astype(np.uint8)
    white = GREY << 8 if levels.max() > IGNORE else GREY
    return (levels >= white).astype(np.uint8)


def read_recording(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Return the mean of a recording's channels [samples] at `sample_rate`, full scale 1.

    The sound of a video too; of the first minute. Raises ValueError for what holds no sound, and
    OSError for a file that cannot be read.
    """
    with open_regular(path, largest=None) as file:
        try:
            with soundfile.SoundFile(file.fileno(), closefd=False) as opened:
                samples, rate = _first_minute(opened)
        except soundfile.LibsndfileError:
            samples, rate = _decoded_by_ffmpeg(path)
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError("no sound, or samples that are no numbers")
    mono: NDArray[np.float32] = samples.mean(axis=1)
    if rate == sample_rate:
        return mono
    resampled: NDArray[np.float32] = soxr.resample(mono, rate, sample_rate, quality="HQ")
    length = round(len(mono) * sample_rate / rate)
    return np.pad(resampled, (0, max(0, length - len(resampled))))[:length]


def _grey_levels(image: Image.Image) -> NDArray[np.integer]:
    if image.mode.startswith("I;16"):
        return np.asarray(image)
    image = eight_bits(image)
    if image.mode != "L":
        channels = np.asarray(image.convert("RGB"))
        if int(np.ptp(channels, axis=-1).max()) > COLOURED:
            raise ValueError("a coloured picture, expected a mask of black and white, or a palette")
    return np.asarray(image.convert("L"))


@cache
def _class_of_colour() -> NDArray[np.uint8]:
    """Return [2^24] from a colour, red first, to its class index."""
    table = np.full(2**24, NO_CLASS, dtype=np.uint8)
    for index, (red, green, blue) in enumerate(voc_colours(NO_CLASS)):
        table[red << 16 | green << 8 | blue] = index
    return table


def _first_minute(opened: soundfile.SoundFile) -> tuple[NDArray[np.float32], int]:
    rate = opened.samplerate
    return opened.read(MOST_SECONDS * rate, dtype="float32", always_2d=True), rate


def _decoded_by_ffmpeg(path: Path) -> tuple[NDArray[np.float32], int]:
    form = ["-map", "0:a:0", "-t", str(MOST_SECONDS), "-c:a", "pcm_f32le", "-f", "wav", "-"]
    try:
        run = run_ffmpeg([*source(path), *form], seconds=DECODE_SECONDS, most_bytes=MOST_BYTES)
        with soundfile.SoundFile(io.BytesIO(run.output)) as opened:
            return _first_minute(opened)
    except (FfmpegError, soundfile.LibsndfileError) as error:
        raise ValueError(str(error)) from None
