"""Ways in which a sound is made worse, as functions of a waveform and a level. Needs no torch.

Waveforms are [channels, samples] float32 at 16 kHz, full scale 1, and what is returned has the same
shape. Whatever is random comes from the generator given, so equal seeds give equal bytes.
"""

import io
from typing import Any, Literal

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from avs_bench.data.audio import SAMPLE_RATE, Waveform

QUIET_RMS = 0.1
"""What a disturbance is measured against where the sound itself is silent."""
EARLY_SECONDS = 0.005
"""No reflection comes sooner: a wall is 0.9 m away."""
DECAY_DB = 60  # what a reverberation time names
ROLL_OFF_OCTAVES = 1 / 3
NOTES = (0, 3, 4, 5, 7, 9, 10)
"""Steps above a chord's root, in semitones, that its two other notes are drawn from."""

Codec = Literal["mp3", "opus"]
CODECS: dict[Codec, tuple[str, str]] = {"mp3": ("libmp3lame", "mp3"), "opus": ("libopus", "ogg")}


def rms(waveform: Waveform) -> float:
    """Return the root of the mean power over all channels and samples."""
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def at_snr(waveform: Waveform, disturbance: Waveform, decibels: float) -> Waveform:
    """Return the sum, the disturbance scaled so that the sound is so many decibels above it.

    Powers are means over the whole of both, of all channels. A silent disturbance adds nothing.
    """
    loud, wanted = rms(disturbance), (rms(waveform) or QUIET_RMS) * 10 ** (-decibels / 20)
    if not loud:
        return waveform.copy()
    return (waveform + (wanted / loud) * disturbance.astype(np.float64)).astype(np.float32)


def white_noise(like: Waveform, random: np.random.Generator) -> Waveform:
    """Return Gaussian noise, independent in each channel."""
    return random.standard_normal(like.shape, dtype=np.float32)


def music(like: Waveform, random: np.random.Generator) -> Waveform:
    """Return chords of three notes with four harmonics each, a new one at every beat.

    90 to 140 beats a minute; every note decays to a third in a beat, as one that is plucked. It is
    the same in all channels.
    """
    samples = like.shape[1]
    beat = round(60 / random.uniform(90, 140) * SAMPLE_RATE)
    time = np.arange(beat) / SAMPLE_RATE
    played = np.zeros(samples + beat)
    for first in range(0, samples, beat):
        root = 110 * 2 ** (random.integers(0, 24) / 12)
        steps = (0, *random.choice(NOTES[1:], 2, replace=False))
        for hertz in (root * 2 ** (step / 12) for step in steps):
            for harmonic in range(1, 5):
                phase = random.uniform(0, 2 * np.pi)
                tone = np.sin(2 * np.pi * harmonic * hertz * time + phase) / harmonic
                played[first : first + beat] += tone * 3 ** (-np.arange(beat) / beat)
    return np.broadcast_to(played[:samples].astype(np.float32), like.shape).copy()


def reverberated(waveform: Waveform, seconds: float, random: np.random.Generator) -> Waveform:
    """Return the sound in a room whose reverberation falls by 60 dB in so many seconds.

    The room's answer is the sound itself and, from EARLY_SECONDS on, noise that decays, with as
    much power as the sound (a listener at the critical distance). As loud as before.
    """
    samples = waveform.shape[1]
    length = min(samples, max(2, round(seconds * SAMPLE_RATE)))
    time = np.arange(length) / SAMPLE_RATE
    tail = random.standard_normal(length) * 10 ** (-DECAY_DB / 20 * time / seconds)
    tail[: round(EARLY_SECONDS * SAMPLE_RATE)] = 0
    tail /= np.sqrt(np.sum(np.square(tail))) or 1
    tail[0] = 1
    size = samples + length
    heard = np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(tail, size), size)
    return _as_loud(heard[:, :samples], waveform)


def low_passed(waveform: Waveform, hertz: float) -> Waveform:
    """Return the sound below a frequency; it falls to nothing within a third of an octave above."""
    samples = waveform.shape[1]
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(frequencies, 1e-9) / hertz) / ROLL_OFF_OCTAVES
    kept = np.cos(np.clip(octaves, 0, 1) * np.pi / 2) ** 2
    return np.fft.irfft(np.fft.rfft(waveform) * kept, samples).astype(np.float32)


def clipped(waveform: Waveform, decibels: float) -> Waveform:
    """Return the sound cut off so many decibels below its peak, and as loud as before."""
    most = float(np.abs(waveform).max()) * 10 ** (-decibels / 20)
    return _as_loud(np.clip(waveform, -most, most), waveform)


def begun_late(waveform: Waveform, share: float) -> Waveform:
    """Return the sound with its first part silent."""
    late = waveform.copy()
    late[:, : round(share * waveform.shape[1])] = 0
    return late


def coded(waveform: Waveform, codec: Codec, kilobits: int) -> Waveform:
    """Return what is left of a sound after a real encoder and decoder, so many kilobits a second.

    The encoder's delay is taken off again, so that nothing moves.
    """
    if not waveform.any():
        return waveform.copy()
    played, rate = _decoded(_encoded(waveform, codec, kilobits), CODECS[codec][1])
    if rate != SAMPLE_RATE:  # Opus always gives 48 kHz
        played = soxr.resample(played.T, rate, SAMPLE_RATE, quality="HQ").T
    heard = np.zeros_like(waveform)
    length = min(played.shape[1], waveform.shape[1])
    heard[:, :length] = played[:, :length]
    return heard


def _as_loud(heard: NDArray[np.floating], before: Waveform) -> Waveform:
    heard = heard.astype(np.float32)
    loud = rms(heard)
    return heard * np.float32(rms(before) / loud) if loud else heard


def _encoded(waveform: Waveform, codec: Codec, kilobits: int) -> io.BytesIO:
    name, container = CODECS[codec]
    layout = "mono" if len(waveform) == 1 else "stereo"
    coded = io.BytesIO()
    with av.open(coded, "w", format=container) as file:
        stream: Any = file.add_stream(name, rate=SAMPLE_RATE)  # PyAV types it by the name alone
        stream.bit_rate, stream.layout = 1000 * kilobits, layout
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.clip(waveform, -1, 1)), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts = SAMPLE_RATE, 0
        context: Any = stream.codec_context
        context.open()
        resampler = av.AudioResampler(
            format=context.format, layout=layout, rate=SAMPLE_RATE, frame_size=context.frame_size
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    coded.seek(0)
    return coded


def _decoded(coded: io.BytesIO, container: str) -> tuple[Waveform, int]:
    with av.open(coded, "r", format=container) as file:  # a short one would not be known
        stream = file.streams.audio[0]
        return np.concatenate([f.to_ndarray() for f in file.decode(stream)], axis=1), stream.rate
