"""Samples as the bytes of a wav, without the clock that libsndfile would write into it."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

INTEGER = 1  # wFormatTag of RIFF WAVE
IEEE_FLOAT = 3


def riff_wav(samples: NDArray[Any], form: int, sample_rate: int, more: bytes = b"") -> bytes:
    """Return samples [samples] or [samples, channels], little-endian, as a wav.

    `form` is RIFF WAVE's wFormatTag, `more` are chunks between its form and the samples.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    block = channels * samples.itemsize  # bytes
    told = (form, channels, sample_rate, sample_rate * block, block, 8 * samples.itemsize)
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, *told) + more
    head += b"data" + struct.pack("<I", samples.nbytes)
    size = struct.pack("<I", len(head) + samples.nbytes)
    return b"".join([b"RIFF", size, head, np.ascontiguousarray(samples).data])


def encode_float_wav(waveform: NDArray[np.float32], sample_rate: int) -> bytes:
    """Return a waveform [samples] or [samples, channels] as a wav of 32-bit floats.

    libsndfile would write the time of day beside the highest level (its chunk PEAK).
    """
    fact = b"fact" + struct.pack("<II", 4, len(waveform))
    return riff_wav(waveform.astype("<f4"), IEEE_FLOAT, sample_rate, fact)
