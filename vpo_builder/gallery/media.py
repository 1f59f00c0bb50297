"""Makes the small copies that a gallery shows: photographs, overlays, recordings, waveforms."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image

from vpo_builder.dataset.class_colours import Colour
from vpo_builder.dataset.media_files import MASK_MODES
from vpo_builder.verify.media import decode_clip

LONGER_SIDE = 560  # pixels: twice a card's width on a fine screen
JPEG_QUALITY = 82
PEAKS = 120
FILL, EDGE, HALO = 140, 255, 150  # opacity inside an object, on its outline and around it
MP3_COMPRESSION = 0.8  # about 35 kbit/s for a mono recording at 16 kHz


@dataclass(frozen=True, slots=True)
class ClipCopy:
    """A recording's length in seconds and its waveform: PEAKS peaks of 0–9, loudest 9."""

    seconds: float
    peaks: str


def encode_photograph(data: bytes) -> bytes:
    """Return a photograph as JPEG, no larger than LONGER_SIDE."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (LONGER_SIDE, LONGER_SIDE))
        copy = image.convert("RGB")
    copy.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


def encode_overlay(data: bytes, colours: Sequence[tuple[int, Colour]]) -> bytes:
    """Return a mask as a transparent PNG: `colours` gives each mask value its colour.

    Objects are half transparent with an opaque outline and a dark halo, which tells a bright
    outline from a bright picture; everything else is clear.
    """
    with Image.open(io.BytesIO(data)) as image:
        if image.mode not in MASK_MODES:
            raise ValueError(f"pixels of mode {image.mode}, expected one byte")
        image.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.NEAREST)
        mask = np.asarray(image)
    palette, opacity = [0] * 6, [0, HALO]
    edge = _outline(mask)
    painted = edge.astype(np.uint8)
    for value, colour in colours:
        inside = mask == value
        if inside.any():
            painted[inside] = len(opacity)
            painted[inside & edge] = len(opacity) + 1
            palette += [*colour, *colour]
            opacity += [FILL, EDGE]
    overlay = Image.fromarray(painted, "P")
    overlay.putpalette(palette)
    buffer = io.BytesIO()
    overlay.save(buffer, "PNG", transparency=bytes(opacity), optimize=True)
    return buffer.getvalue()


def encode_clip(data: bytes, number: int) -> tuple[ClipCopy, bytes]:
    """Return a recording's waveform, and a script that hands the recording to the page.

    A page opened from disk may not read the samples of a file beside it, but may run a script;
    with the samples it can place each source between left and right.
    """
    samples, rate = decode_clip(data)
    mono = samples.reshape(len(samples), -1).mean(axis=1)
    buffer = io.BytesIO()
    soundfile.write(buffer, mono, rate, format="MP3", compression_level=MP3_COMPRESSION)
    mp3 = base64.b64encode(buffer.getvalue()).decode()
    script = f"receiveClip({number}, {json.dumps(mp3)});\n".encode("ascii")
    return ClipCopy(round(len(mono) / rate, 3), _peaks(mono)), script


def _peaks(mono: npt.NDArray[np.float32]) -> str:
    if not len(mono):
        return "0" * PEAKS
    edges = np.linspace(0, len(mono), PEAKS + 1).astype(int)[:-1]
    heights = np.maximum.reduceat(np.abs(mono), np.minimum(edges, len(mono) - 1))
    loudest = float(heights.max()) or 1.0
    return "".join(str(round(9 * float(height) / loudest)) for height in heights)


def _outline(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return the pixels within two of one with another value."""
    edge = np.zeros(mask.shape, dtype=bool)
    for axis in (0, 1):
        for distance in (1, 2):
            before = [slice(None)] * 2
            after = [slice(None)] * 2
            before[axis], after[axis] = slice(None, -distance), slice(distance, None)
            changes = mask[tuple(before)] != mask[tuple(after)]
            edge[tuple(before)] |= changes
            edge[tuple(after)] |= changes
    return edge
