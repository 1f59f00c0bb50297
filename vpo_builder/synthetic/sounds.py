"""What sounds are made of: voiced tones, bands of noise, knocks, and when they come.

Waveforms are float64 arrays [n] in about [-1, 1]; frequencies are in hertz, times in seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

Wave = npt.NDArray[np.float64]
Formants = Sequence[tuple[float, float]]

_CYCLE = 1024
_NOISE = 1 << 16


@dataclass(frozen=True)
class Take:
    """One recording session: its generator and sample rate, how high, how fast, how long.

    `pitch` and `tempo` are factors that set one recording of a class apart from another.
    """

    rng: Generator
    rate: int
    seconds: float
    pitch: float
    tempo: float

    def samples(self, seconds: float) -> int:
        """Return the number of samples in `seconds`."""
        return max(int(seconds * self.rate), 8)

    def about(self, value: float, spread: float = 0.08) -> float:
        """Return `value` give or take: log-normal with relative deviation `spread`."""
        return float(value * np.exp(self.rng.normal(0.0, spread)))

    def empty(self) -> Wave:
        """Return silence of the recording's length."""
        return np.zeros(self.samples(self.seconds))


def glide(take: Take, seconds: float, *pitches: float) -> Wave:
    """Return a frequency curve that passes `pitches` at equal distances."""
    n = take.samples(seconds)
    knots = np.linspace(0, n - 1, len(pitches))
    return take.pitch * np.interp(np.arange(n), knots, pitches)


def tone(
    take: Take, curve: Wave, *, tilt: float, formants: Formants = (), vibrato: float = 0.0
) -> Wave:
    """Return a voiced tone along a frequency curve.

    Harmonic k has amplitude k^-tilt, times the resonances `formants` (centre, width) if given;
    `vibrato` is the relative swing of the pitch at 6 Hz.
    """
    if vibrato:
        wobble = np.sin(2 * np.pi * 6 * np.arange(len(curve)) / take.rate + take.rng.uniform(0, 6))
        curve = curve * (1 + vibrato * wobble)
    middle = float(curve.mean())
    k = np.arange(1, max(int(min(0.45 * take.rate, 4500) / curve.max()), 1) + 1)
    amplitude = k ** -float(tilt)
    if formants:
        near = [np.exp(-(((k * middle - f) / width) ** 2)) for f, width in formants]
        amplitude = amplitude * (0.03 + np.sum(near, axis=0))
    spectrum = np.zeros(_CYCLE // 2 + 1, dtype=complex)
    spectrum[k] = amplitude * np.exp(1j * take.rng.uniform(0, 2 * np.pi, len(k)))
    cycle = np.fft.irfft(spectrum)
    cycle /= np.abs(cycle).max() + 1e-12
    phase = np.cumsum(curve) * (_CYCLE / take.rate)
    return cycle[phase.astype(np.int64) % _CYCLE]


def hiss(take: Take, seconds: float, low: float, high: float) -> Wave:
    """Return noise between two frequencies, with soft edges and unit peak.

    A long noise is one period of `_NOISE` samples, which the inverse transform makes seamless.
    """
    n = take.samples(seconds)
    size = min(1 << (n - 1).bit_length(), _NOISE)
    frequency = np.fft.rfftfreq(size, 1 / take.rate)
    shape = 1 / (1 + (low / (frequency + 1)) ** 6) / (1 + (frequency / high) ** 6)
    bins = take.rng.standard_normal((2, len(frequency)), dtype=np.float32)
    noise = np.fft.irfft((bins[0] + 1j * bins[1]) * shape)
    return np.resize(noise / (np.abs(noise).max() + 1e-12), n)


def knock(take: Take, pitch: float, decay: float, *, noise: float = 0.2) -> Wave:
    """Return a struck resonance with two overtones and a noisy attack; `decay` in seconds."""
    n = take.samples(6 * decay)
    t = np.arange(n) / take.rate
    wave = np.exp(-t / decay) * np.sin(2 * np.pi * pitch * t)
    wave += 0.5 * np.exp(-2 * t / decay) * np.sin(2 * np.pi * 1.63 * pitch * t)
    burst = take.rng.standard_normal(n) * np.exp(-t / (0.15 * decay + 0.001))
    return wave / 1.3 + noise * burst / 2


def swell(wave: Wave, attack: float, release: float) -> Wave:
    """Return `wave` faded in and out over these shares of its length."""
    n = len(wave)
    ramp = np.linspace(0.0, 1.0, n)
    fade = np.minimum(ramp / max(attack, 1e-3), (1 - ramp) / max(release, 1e-3))
    faded: Wave = wave * np.clip(fade, 0.0, 1.0)
    return faded


def pulsing(take: Take, wave: Wave, frequency: float, depth: float) -> Wave:
    """Return `wave` whose loudness beats at `frequency`."""
    t = np.arange(len(wave)) / take.rate
    beat = 0.5 - 0.5 * np.cos(2 * np.pi * frequency * t + take.rng.uniform(0, 6))
    return wave * (1 - depth + depth * beat)


def repeated(
    take: Take,
    event: Callable[[int], Wave],
    pause: Callable[[int], float],
    *,
    overlap: bool = False,
) -> Wave:
    """Return a recording filled with event(0), event(1), …, each followed by pause(i) seconds.

    With `overlap` the pause counts from the beginning of an event, else from its end. The first
    event begins before the recording does.
    """
    out = take.empty()
    at, number = -int(take.rng.uniform(0, 1) * take.rate), 0
    while at < len(out):
        wave = event(number)
        start, end = max(at, 0), min(at + len(wave), len(out))
        if end > start:
            out[start:end] += wave[start - at : end - at]
        at += (0 if overlap else len(wave)) + take.samples(pause(number))
        number += 1
    return out
