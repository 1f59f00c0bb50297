"""What the first bytes of a media file say about it, without decoding the rest.

`verify` reads every file of a dataset once, to hash it; these functions answer its other
questions from the same bytes in microseconds.
"""

import struct
from dataclasses import dataclass

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_PALETTE = 3
# JPEG start-of-frame markers: 0xC0–0xCF without DHT (C4), JPG (C8) and DAC (CC); ITU-T T.81, B.1.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a length field: TEM, RST0–7, SOI.
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
WAV_PCM = 1


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Width and height in pixels; `palette` is true for a PNG of 8-bit palette indices."""

    width: int
    height: int
    palette: bool = False


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The format of a RIFF wave file, the sample frames that it announces, and those it holds.

    `block` is the bytes of a frame, of which the first is at `start`.
    """

    sample_rate: int
    channels: int
    bits: int
    pcm: bool
    announced: int
    frames: int
    block: int
    start: int

    def pcm16(self, data: bytes) -> memoryview | None:
        """Return the frames of a whole file of 16-bit PCM as they lie in its bytes, else None."""
        plain = self.pcm and self.bits == 16 and self.block == 2 * self.channels > 0
        if not plain or self.frames != self.announced:
            return None
        return memoryview(data)[self.start : self.start + self.frames * self.block]


def image_header(data: bytes) -> ImageHeader:
    """Return the header of a JPEG or PNG; raise ValueError with the reason for anything else."""
    if data.startswith(PNG_SIGNATURE):
        return _png_header(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg_header(data)
    raise ValueError("neither JPEG nor PNG")


def wav_header(data: bytes) -> WavHeader:
    """Return the header of a RIFF wave file; raise ValueError with the reason."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("not a RIFF wave file")
    fmt: tuple[int, ...] | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"fmt " and size >= 16 and at + 16 <= len(data):
            fmt = struct.unpack_from("<HHIIHH", data, at)
        if name == b"data" and fmt is not None:
            kind, channels, rate, _, block, bits = fmt
            announced, frames = (n // max(1, block) for n in (size, min(size, len(data) - at)))
            return WavHeader(rate, channels, bits, kind == WAV_PCM, announced, frames, block, at)
        at += size + size % 2
    raise ValueError("wave file without format or data")


def _png_header(data: bytes) -> ImageHeader:
    if len(data) < 26 or data[12:16] != b"IHDR":
        raise ValueError("PNG without a header")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    return ImageHeader(width, height, colour == PNG_PALETTE and depth == 8)


def _jpeg_header(data: bytes) -> ImageHeader:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return ImageHeader(width, height)
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in JPEG_BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ValueError("JPEG without a frame header")
