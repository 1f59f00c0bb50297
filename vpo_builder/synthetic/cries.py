"""What the living classes sound like: pitch, timbre, rhythm, and what varies of it."""

import numpy as np

from vpo_builder.synthetic.sounds import (
    Formants,
    Take,
    Wave,
    glide,
    hiss,
    pulsing,
    repeated,
    swell,
    tone,
)

_VOWELS: tuple[Formants, ...] = (
    ((730, 160), (1090, 160), (2440, 250)),
    ((270, 110), (2290, 250), (3010, 300)),
    ((300, 110), (870, 130), (2240, 250)),
    ((530, 140), (1840, 220), (2480, 250)),
    ((570, 140), (840, 140), (2410, 250)),
)
"""Formants (centre, width) of five vowels, after Peterson and Barney 1952 (men's averages)."""


def baby(take: Take) -> Wave:
    """Cries of about a second, rising and falling, with a gasp between them."""
    pitch = take.about(450)
    formants = ((1100, 350), (2900, 600))

    def cry(number: int) -> Wave:
        seconds = take.about(0.85, 0.2) / take.tempo
        curve = glide(take, seconds, 0.85 * pitch, 1.15 * pitch, 1.1 * pitch, 0.8 * pitch)
        return swell(tone(take, curve, tilt=0.4, formants=formants, vibrato=0.025), 0.12, 0.3)

    return repeated(take, cry, lambda i: take.about(0.3, 0.2) / take.tempo)


def bird(take: Take) -> Wave:
    """Quick whistles that sweep between 2 and 3.7 kHz, in phrases."""
    low = take.about(2300, 0.06)

    def chirp(number: int) -> Wave:
        seconds = take.about(0.09, 0.3) / take.tempo
        ends = take.rng.uniform(0.85, 1.5, size=3) * low
        curve = np.minimum(glide(take, seconds, *ends), 3700)
        return swell(tone(take, curve, tilt=4), 0.2, 0.4)

    return repeated(take, chirp, lambda i: take.about(0.35 if i % 5 == 4 else 0.04, 0.2))


def cat(take: Take) -> Wave:
    """Meows: the mouth opens and closes, the pitch arches."""
    pitch = take.about(620)

    def meow(number: int) -> Wave:
        seconds = take.about(0.75, 0.2) / take.tempo
        curve = glide(take, seconds, 0.75 * pitch, 1.1 * pitch, pitch, 0.6 * pitch)
        closed = tone(take, curve, tilt=1.5)
        wide = tone(take, curve, tilt=0.3, formants=((1500, 500),))
        arch = np.sin(np.linspace(0, np.pi, len(curve)))
        return swell(closed * (1 - arch) + wide * arch, 0.15, 0.35)

    return repeated(take, meow, lambda i: take.about(0.5, 0.3) / take.tempo)


def cow(take: Take) -> Wave:
    """Long moos, low and nasal."""
    pitch = take.about(150)
    formants = ((330, 130), (700, 150))

    def moo(number: int) -> Wave:
        seconds = take.about(1.6, 0.15) / take.tempo
        curve = glide(take, seconds, 0.8 * pitch, pitch, 1.08 * pitch, 0.75 * pitch)
        return swell(tone(take, curve, tilt=0.3, formants=formants), 0.25, 0.25)

    return repeated(take, moo, lambda i: take.about(0.5, 0.3))


def dog(take: Take) -> Wave:
    """Barks in twos and threes: short, falling, half noise."""
    pitch = take.about(420, 0.15)

    def bark(number: int) -> Wave:
        seconds = take.about(0.16, 0.15)
        curve = glide(take, seconds, 0.9 * pitch, 1.3 * pitch, 0.7 * pitch)
        voice = tone(take, curve, tilt=0.6, formants=((650, 250), (1300, 400)))
        return swell(voice + 0.5 * hiss(take, seconds, 400, 2200)[: len(voice)], 0.08, 0.5)

    return repeated(take, bark, lambda i: take.about(0.7 if i % 3 == 2 else 0.16) / take.tempo)


def elephant(take: Take) -> Wave:
    """Trumpets: brassy, rough, rising, over a deep rumble."""
    pitch = take.about(380)

    def trumpet(number: int) -> Wave:
        seconds = take.about(1.1, 0.15) / take.tempo
        curve = glide(take, seconds, 0.7 * pitch, 1.3 * pitch, 1.6 * pitch, 1.2 * pitch)
        blare = pulsing(take, tone(take, curve, tilt=0.1), take.about(38), 0.7)
        return swell(blare + 0.25 * hiss(take, seconds, 900, 3500)[: len(blare)], 0.1, 0.2)

    rumble = hiss(take, take.seconds, 100, 200)
    return repeated(take, trumpet, lambda i: take.about(0.7, 0.3)) + 0.35 * rumble


def female(take: Take) -> Wave:
    """Speech: vowels of a higher voice from a shorter throat."""
    return _speech(take, pitch=take.about(215, 0.06), stretch=1.17)


def male(take: Take) -> Wave:
    """Speech: vowels of a lower voice."""
    return _speech(take, pitch=take.about(105, 0.06), stretch=1.0)


def sheep(take: Take) -> Wave:
    """Bleats: a nasal tone that trembles."""
    pitch = take.about(280)
    tremble = take.about(8.5)

    def bleat(number: int) -> Wave:
        seconds = take.about(0.9, 0.15) / take.tempo
        curve = glide(take, seconds, pitch, 1.05 * pitch, 0.9 * pitch)
        voice = tone(take, curve, tilt=0.2, formants=((900, 250), (1700, 300)), vibrato=0.02)
        return swell(pulsing(take, voice, tremble, 0.9), 0.08, 0.2)

    return repeated(take, bleat, lambda i: take.about(0.5, 0.3) / take.tempo)


def zebra(take: Take) -> Wave:
    """Braying: a yelp up and a breath in, over and over."""
    pitch = take.about(850)

    def bray(number: int) -> Wave:
        seconds = take.about(0.17, 0.1) / take.tempo
        curve = glide(take, seconds, 0.6 * pitch, 1.25 * pitch, 1.1 * pitch)
        yelp = swell(tone(take, curve, tilt=0.7), 0.15, 0.2)
        breath = 0.35 * swell(hiss(take, seconds, 1200, 3000), 0.3, 0.3)
        return np.concatenate([yelp, breath])

    return repeated(take, bray, lambda i: take.about(0.6 if i % 6 == 5 else 0.05) / take.tempo)


def _speech(take: Take, *, pitch: float, stretch: float) -> Wave:
    """Syllables with changing vowels, some begun by a hiss, in sentences with a falling tune.

    `stretch` scales the formants: women's lie about 17 % above men's.
    """

    def syllable(number: int) -> Wave:
        seconds = take.about(0.17, 0.25) / take.tempo
        height = pitch * (1.15 - 0.04 * (number % 8))
        vowel = _VOWELS[int(take.rng.integers(len(_VOWELS)))]
        formants = [(f * stretch, width) for f, width in vowel]
        curve = glide(take, seconds, height, height * take.about(0.95, 0.05))
        wave = swell(tone(take, curve, tilt=0.7, formants=formants), 0.2, 0.35)
        if take.rng.random() < 0.35:
            wave = np.concatenate([0.3 * hiss(take, 0.06, 2000, 3700), wave])
        return wave

    return repeated(take, syllable, lambda i: take.about(0.45 if i % 8 == 7 else 0.04) / take.tempo)
