"""A straightforward script that writes VPO's media, for `bench_rendering.py` and `bench_audio.py`.

What a researcher writes in an afternoon from the protocol: pycocotools' `annToMask`, Pillow, and
one ffmpeg process for each clip. Each picture is decoded once to see that it is whole and copied
as it is; each clip is converted once, however many samples use it. It checks nothing else, hashes
nothing, and is not disturbed by an index: that is read before its time begins.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools.coco import COCO

SAMPLE_RATE = 16_000


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
        drawn.sort(key=lambda layer: -int(layer[0].sum()))  # the smaller one on top
        merged = np.zeros_like(drawn[0][0])
        for mask, value in drawn:
            merged[mask == 1] = value
        picture = Image.fromarray(merged, "P")
        picture.putpalette(palette)
        sample.mask.parent.mkdir(parents=True, exist_ok=True)
        picture.save(sample.mask)


def convert_plainly(source: Path, target: Path) -> None:
    """Convert a recording to 16 kHz mono with a process of ffmpeg."""
    target.parent.mkdir(parents=True, exist_ok=True)
    form = ["-ac", "1", "-ar", str(SAMPLE_RATE), "-c:a", "pcm_s16le"]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), *form, str(target)]
    subprocess.run(command, check=True)
