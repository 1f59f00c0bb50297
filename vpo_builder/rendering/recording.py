"""A decoded recording, and what decoders share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Waveform = NDArray[np.float32]

MOST_SAMPLES = 2**26
"""So many, of all channels, are decoded at most: eleven seconds of 32 channels at 192 kHz."""


class UndecodableError(ValueError):
    """A file from which no sound can be read."""


@dataclass(frozen=True)
class Recording:
    """Decoded sound.

    `mono` [samples] is the mean of its channels in full scale; `announced_seconds` is how long the
    file says that it is.
    """

    mono: Waveform
    sample_rate: int
    announced_seconds: float | None

    @property
    def seconds(self) -> float:
        """The length that decoding gave."""
        return len(self.mono) / self.sample_rate


def checked_recording(mono: Waveform, sample_rate: int, announced: float | None) -> Recording:
    """Return a recording; raise UndecodableError for no samples, or such as are no numbers."""
    if not len(mono):
        raise UndecodableError("no samples")
    if not np.isfinite(mono).all():
        raise UndecodableError("samples that are no numbers")
    return Recording(mono, sample_rate, announced)


def mean_of_channels(channels: Sequence[Waveform] | Waveform, scale: float) -> Waveform:
    """Return the mean of channels, each [samples], times a power of two, which rounds nothing.

    A single one is scaled where it lies.
    """
    if len(channels) == 2:  # the same figures as mean gives, in a thirtieth of its time
        mono, scale = channels[0] + channels[1], scale / 2
    else:
        mono = channels[0] if len(channels) == 1 else np.mean(channels, axis=0)
    mono *= np.float32(scale)
    return mono
