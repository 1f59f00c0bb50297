"""What a recording's file announces of its length, and how far it is really there."""

import re
import struct
from fractions import Fraction
from pathlib import Path

from vpo_builder.runtime.ffmpeg_program import run_ffmpeg, source
from vpo_builder.runtime.regular_files import open_regular

_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")
LARGEST_SIZE = 0x7FF00000
"""Writers to a pipe leave 0, 0x7ffff000 (sox), 0x7fffffff, 0x80000000 or 0xffffffff as a wav's
size; a clip of ten seconds never has two gigabytes."""
FIRST_FRAME_BYTES = 1441  # of an MP3 at 320 kbit/s and 32 kHz
MOST_CHUNKS = 1000
PACKET_BYTES = 2**24
"""A line for each packet of a clip is a hundredth of that."""


def announced_by_ffmpeg(path: Path, said: str) -> float | None:
    """Return the seconds that a file announces, as ffmpeg names them when it opens one."""
    found = _DURATION.search(said)
    seconds = None
    if found is not None:
        hours, minutes, rest = (float(part) for part in found.groups())
        seconds = 3600 * hours + 60 * minutes + rest
    return announced_by_container(path, seconds)


def announced_by_container(path: Path, seconds: float | None) -> float | None:
    """Return the seconds that a file announces; `seconds` are those that ffmpeg takes it to have.

    None where the file says nothing: ffmpeg then guesses by the bits a second.
    """
    frame = _first_frame(path)
    if frame.startswith(b"RIFF"):
        return wav_seconds(path)
    if frame[:1] == b"\xff" and frame[1] >= 0xE0 and not _counts_frames(frame):
        return None  # frames of AAC or MP3 one after the other
    return seconds


def last_packet_seconds(path: Path, seconds: float) -> float:
    """Return where the last packet of any kind ends that is really in a file.

    Packets are read, not decoded. Raises FfmpegError if that takes longer than `seconds`.
    """
    streams = [part for kind in "avsd" for part in ("-map", f"0:{kind}?")]
    form = [*streams, "-c", "copy", "-f", "framecrc", "-"]
    run = run_ffmpeg([*source(path), *form], seconds=seconds, most_bytes=PACKET_BYTES)
    ticks: dict[str, Fraction] = {}
    end = Fraction(0)
    for line in run.output.decode().splitlines():
        if line.startswith("#tb "):
            stream, _, tick = line.removeprefix("#tb ").partition(": ")
            ticks[stream] = Fraction(tick)
        elif not line.startswith("#"):
            stream, _, shown, lasts, *_ = (field.strip() for field in line.split(","))
            end = max(end, (int(shown) + int(lasts)) * ticks[stream])
    return float(end)


def box_is_cut_short(path: Path) -> bool:
    """Tell whether the boxes of an mp4 or mov reach beyond its end (ISO 14496-12, 4.2)."""
    with open_regular(path, largest=None) as file:
        size = file.seek(0, 2)
        at = 0
        for _ in range(MOST_CHUNKS):
            file.seek(at)
            head = file.read(16)
            if len(head) < 8 or (at == 0 and head[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide")):
                return False
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:  # 0: up to the end of the file
                return False
            at += length
            if at > size:
                return True
    return False


def wav_seconds(path: Path) -> float | None:
    """Return the length a wav's header announces: libsndfile shortens it to what is there.

    None for another file, and for a header that was written before the length was known.
    """
    with open_regular(path, largest=None) as file:
        riff = file.read(12)
        if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
            return None
        bytes_per_second = 0
        for _ in range(MOST_CHUNKS):
            header = file.read(8)
            if len(header) < 8:
                return None
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                known = bytes_per_second and 0 < size < LARGEST_SIZE
                return size / bytes_per_second if known else None
            end = file.tell() + size + size % 2
            if name == b"fmt " and size >= 12:
                (bytes_per_second,) = struct.unpack("<8xI", file.read(12))
            file.seek(end)
    return None


def mp3_counts_its_frames(path: Path) -> bool:
    """Tell whether an MP3 begins with a frame that says how many follow (Xing's or VBRI's)."""
    return _counts_frames(_first_frame(path))


def _counts_frames(frame: bytes) -> bool:
    return any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


def _first_frame(path: Path) -> bytes:
    """Return a file's first bytes, behind the ID3 tag if it begins with one."""
    with open_regular(path, largest=None) as file:
        head = file.read(10)
        # An ID3v2 tag's length has seven bits a byte (id3.org, ID3v2.4, 3.1).
        tag = 10 + sum(part << 7 * (3 - n) for n, part in enumerate(head[6:10]))
        file.seek(tag if head[:3] == b"ID3" else 0)
        return file.read(FIRST_FRAME_BYTES).ljust(2, b"\0")
