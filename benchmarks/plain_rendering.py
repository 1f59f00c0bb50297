"""A straightforward script that writes VPO's media, for `bench_rendering.py` and `bench_audio.py`.

What a researcher writes in an afternoon from the protocol: pycocotools' `annToMask`, Pillow, and
PyAV in the same process, or one static ffmpeg process for each clip. Each picture is decoded once
to see that it is whole and copied as it is; each clip is converted once, however many samples use
it. It checks nothing else, hashes nothing, and is not disturbed by an index: that is read before
its time begins.
"""

import itertools
import shutil
import subprocess
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from PIL import Image
from pycocotools.coco import COCO

SAMPLE_RATE, SECONDS = 16_000, 10  # AAC ends with up to a frame of silence more


@dataclass(frozen=True)
class PlainSample:
    """Where a sample's files go, and what they are made of: annotation ids with their values."""

    source: Path
    image: Path
    mask: Path
    values: Mapping[int, int]


def render_plainly(coco: COCO, samples: Sequence[PlainSample], palette: Sequence[int]) -> None:
    """Write the picture and the mask of each sample."""
    copied = set()
    for sample in samples:
        if sample.image not in copied:
            with Image.open(sample.source) as image:
                image.load()
            sample.image.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample.source, sample.image)
            copied.add(sample.image)
        drawn = [(coco.annToMask(coco.anns[n]), value) for n, value in sample.values.items()]
        drawn.sort(key=lambda layer: (-int(layer[0].sum()), layer[1]))  # the smaller one on top
        merged = np.zeros_like(drawn[0][0])
        for mask, value in drawn:
            merged[mask == 1] = value
        picture = Image.fromarray(merged, "P")
        picture.putpalette(palette)
        sample.mask.parent.mkdir(parents=True, exist_ok=True)
        picture.save(sample.mask)


def convert_plainly(source: Path, target: Path) -> None:
    """Convert a recording to 16 kHz mono with a process of imageio-ffmpeg's static ffmpeg."""
    target.parent.mkdir(parents=True, exist_ok=True)
    form = ["-vn", "-t", str(SECONDS), "-ac", "1", "-ar", str(SAMPLE_RATE), "-c:a", "pcm_s16le"]
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    subprocess.run([*program, "-i", str(source), *form, str(target)], check=True)


def convert_in_process(source: Path, target: Path) -> None:
    """Convert a recording to 16 kHz mono with PyAV's decoder and resampler, in this process."""
    target.parent.mkdir(parents=True, exist_ok=True)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(source)) as container:
        frames = itertools.chain(container.decode(audio=0), [None])  # None: what is left
        blocks = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(np.concatenate(blocks)[: SAMPLE_RATE * SECONDS].tobytes())


def program_version() -> str:
    """Name the static ffmpeg and its version."""
    return (
        f"a process a clip of imageio-ffmpeg {imageio_ffmpeg.__version__}'s static ffmpeg "
        f"{imageio_ffmpeg.get_ffmpeg_version()}"
    )


def library_version() -> str:
    """Name PyAV, its version and that of ffmpeg's libraries in it."""
    return f"PyAV {av.__version__} (ffmpeg {av.ffmpeg_version_info}) in one process"
