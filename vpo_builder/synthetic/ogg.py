"""Ogg pages: libsndfile takes a stream's serial number from the clock, we want the same bytes."""

import struct
from itertools import accumulate

_SERIAL, _CHECKSUM, _SEGMENTS, _HEADER = 14, 22, 26, 27
"""Offsets in a page (RFC 3533, section 6)."""


def with_serial(data: bytes, serial: int) -> bytes:
    """Return an Ogg file whose pages all carry `serial`, their checksums brought up to date."""
    pages, at = bytearray(data), 0
    while pages[at : at + 4] == b"OggS":
        count = pages[at + _SEGMENTS]
        end = at + _HEADER + count + sum(pages[at + _HEADER : at + _HEADER + count])
        struct.pack_into("<I", pages, at + _SERIAL, serial)
        struct.pack_into("<I", pages, at + _CHECKSUM, 0)
        struct.pack_into("<I", pages, at + _CHECKSUM, _checksum(pages[at:end]))
        at = end
    return bytes(pages)


def _checksum(page: bytes | bytearray) -> int:
    """Return the page's CRC-32: polynomial 04c11db7, begun at 0, bits not mirrored."""
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _TABLE[crc >> 24 ^ byte]
    return crc


def _step(crc: int, _: int) -> int:
    return (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF


_TABLE = [list(accumulate(range(8), _step, initial=byte << 24))[-1] for byte in range(256)]
