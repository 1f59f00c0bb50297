"""The sound of each class: what is heard, in which rhythm, and what varies between recordings."""

from collections.abc import Callable

import numpy as np

from vpo_builder.sources.synthetic.sounds import (
    Formants,
    Take,
    Wave,
    glide,
    hiss,
    knock,
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


def _airplane(take: Take) -> Wave:
    """A roar that swells and fades under a falling turbine whine."""
    top = take.about(900)
    seconds = take.seconds
    whine = tone(take, glide(take, seconds, 1.25 * top, 1.15 * top, 0.8 * top), tilt=1.2)
    roar = hiss(take, seconds, 90, take.about(650))
    return swell(roar + 0.22 * whine, 0.2, 0.2) + 0.25 * roar


def _baby(take: Take) -> Wave:
    """Cries of about a second, rising and falling, with a gasp between them."""
    pitch = take.about(450)
    formants = ((1100, 350), (2900, 600))

    def cry(number: int) -> Wave:
        seconds = take.about(0.85, 0.2) / take.tempo
        curve = glide(take, seconds, 0.85 * pitch, 1.15 * pitch, 1.1 * pitch, 0.8 * pitch)
        return swell(tone(take, curve, tilt=0.4, formants=formants, vibrato=0.025), 0.12, 0.3)

    return repeated(take, cry, lambda i: take.about(0.3, 0.2) / take.tempo)


def _bird(take: Take) -> Wave:
    """Quick whistles that sweep between 2 and 3.7 kHz, in phrases."""
    low = take.about(2300, 0.06)

    def chirp(number: int) -> Wave:
        seconds = take.about(0.09, 0.3) / take.tempo
        ends = take.rng.uniform(0.85, 1.5, size=3) * low
        curve = np.minimum(glide(take, seconds, *ends), 3700)
        return swell(tone(take, curve, tilt=4), 0.2, 0.4)

    return repeated(take, chirp, lambda i: take.about(0.35 if i % 5 == 4 else 0.04, 0.2))


def _bus(take: Take) -> Wave:
    """A slow diesel: deep harmonics that shake at the engine's turn, and air brakes."""
    revs = take.about(31)
    curve = glide(take, take.seconds, revs, 1.1 * revs, 1.5 * revs, 1.1 * revs)
    diesel = tone(take, curve, tilt=0.3, formants=((160, 120), (330, 90)))
    wave = pulsing(take, diesel, take.about(7) * take.tempo, 0.5)
    wave += 0.2 * hiss(take, take.seconds, 100, 400)

    def brake(number: int) -> Wave:
        return 0.35 * swell(hiss(take, take.about(0.5), 1800, 3600), 0.05, 0.8)

    return wave + repeated(take, brake, lambda i: take.about(1.8, 0.3) / take.tempo)


def _car(take: Take) -> Wave:
    """A petrol engine revved up and down over the noise of tyres."""
    revs = take.about(105)
    knots = revs * take.rng.uniform(0.8, 2.2, size=int(8 * take.tempo) + 2)
    engine = tone(take, glide(take, take.seconds, *knots), tilt=0.9)
    return 0.8 * engine + 0.3 * hiss(take, take.seconds, 600, 1600)


def _cat(take: Take) -> Wave:
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


def _cell_phone(take: Take) -> Wave:
    """A ring: two steady pitches in quick alternation, on and off."""
    low = take.about(1000, 0.1)
    high = low * float(take.rng.choice((1.2, 1.25, 1.33)))
    speed = take.about(18, 0.1) * take.tempo

    def ring(number: int) -> Wave:
        n = take.samples(take.about(0.9, 0.05))
        upper = np.floor(np.arange(n) * speed / take.rate) % 2 > 0
        return swell(tone(take, np.where(upper, high, low) * take.pitch, tilt=1.6), 0.02, 0.02)

    return repeated(take, ring, lambda i: take.about(0.45, 0.1))


def _cow(take: Take) -> Wave:
    """Long moos, low and nasal."""
    pitch = take.about(150)
    formants = ((330, 130), (700, 150))

    def moo(number: int) -> Wave:
        seconds = take.about(1.6, 0.15) / take.tempo
        curve = glide(take, seconds, 0.8 * pitch, pitch, 1.08 * pitch, 0.75 * pitch)
        return swell(tone(take, curve, tilt=0.3, formants=formants), 0.25, 0.25)

    return repeated(take, moo, lambda i: take.about(0.5, 0.3))


def _dog(take: Take) -> Wave:
    """Barks in twos and threes: short, falling, half noise."""
    pitch = take.about(420, 0.15)

    def bark(number: int) -> Wave:
        seconds = take.about(0.16, 0.15)
        curve = glide(take, seconds, 0.9 * pitch, 1.3 * pitch, 0.7 * pitch)
        voice = tone(take, curve, tilt=0.6, formants=((650, 250), (1300, 400)))
        return swell(voice + 0.5 * hiss(take, seconds, 400, 2200)[: len(voice)], 0.08, 0.5)

    return repeated(take, bark, lambda i: take.about(0.7 if i % 3 == 2 else 0.16) / take.tempo)


def _elephant(take: Take) -> Wave:
    """Trumpets: brassy, rough, rising, over a deep rumble."""
    pitch = take.about(380)

    def trumpet(number: int) -> Wave:
        seconds = take.about(1.1, 0.15) / take.tempo
        curve = glide(take, seconds, 0.7 * pitch, 1.3 * pitch, 1.6 * pitch, 1.2 * pitch)
        blare = pulsing(take, tone(take, curve, tilt=0.1), take.about(38), 0.7)
        return swell(blare + 0.25 * hiss(take, seconds, 900, 3500)[: len(blare)], 0.1, 0.2)

    rumble = hiss(take, take.seconds, 100, 200)
    return repeated(take, trumpet, lambda i: take.about(0.7, 0.3)) + 0.35 * rumble


def _female(take: Take) -> Wave:
    return _speech(take, pitch=take.about(215, 0.06), stretch=1.17)


def _male(take: Take) -> Wave:
    return _speech(take, pitch=take.about(105, 0.06), stretch=1.0)


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


def _horse(take: Take) -> Wave:
    """Hooves on stone: hollow knocks in a four-beat gait; now and then a neigh."""
    pitch = take.about(1000) * take.pitch
    gait = take.about(0.16) / take.tempo

    def clop(number: int) -> Wave:
        return knock(take, pitch * (1.0, 0.8, 1.12, 0.88)[number % 4], 0.03)

    hooves = repeated(take, clop, lambda i: gait * (1.5 if i % 2 else 1.0), overlap=True)

    def neigh(number: int) -> Wave:
        curve = glide(take, take.about(1.0), 1100, 900, 600)
        return 0.3 * swell(pulsing(take, tone(take, curve, tilt=0.8), 14, 0.7), 0.1, 0.3)

    return hooves + repeated(take, neigh, lambda i: take.about(4.0, 0.3))


def _keyboard(take: Take) -> Wave:
    """Typing: soft dry clicks at uneven times, a deeper one for the space bar."""
    pitch = take.about(1700) * take.pitch

    def key(number: int) -> Wave:
        height = 0.45 if take.rng.random() < 0.15 else take.rng.uniform(0.8, 1.25)
        return take.rng.uniform(0.4, 1.0) * knock(take, pitch * height, 0.007, noise=1.0)

    return repeated(take, key, lambda i: take.rng.uniform(0.05, 0.22) / take.tempo, overlap=True)


def _motorcycle(take: Take) -> Wave:
    """A big twin: separate thumps that run faster and slower."""
    speed = take.about(15, 0.12) * take.tempo

    def thump(number: int) -> Wave:
        burst = knock(take, take.about(260 * take.pitch, 0.03), 0.016, noise=1.2)
        return burst * (1.0 if number % 2 else 0.6)

    def gap(number: int) -> float:
        return float(1 / (speed * (1.2 + 0.5 * np.sin(number / 14))))

    return repeated(take, thump, gap, overlap=True) + 0.12 * hiss(take, take.seconds, 300, 900)


def _mouse(take: Take) -> Wave:
    """Double clicks, sharp and high, with long pauses; a ratchet where the wheel is turned."""
    pitch = take.about(3000, 0.05)

    def click(number: int) -> Wave:
        return knock(take, pitch * (1.0 if number % 2 else 0.88), 0.004, noise=0.5)

    def gap(number: int) -> float:
        return take.about(0.11, 0.1) if number % 2 == 0 else take.about(0.6, 0.25) / take.tempo

    return repeated(take, click, gap, overlap=True)


def _sheep(take: Take) -> Wave:
    """Bleats: a nasal tone that trembles."""
    pitch = take.about(280)
    tremble = take.about(8.5)

    def bleat(number: int) -> Wave:
        seconds = take.about(0.9, 0.15) / take.tempo
        curve = glide(take, seconds, pitch, 1.05 * pitch, 0.9 * pitch)
        voice = tone(take, curve, tilt=0.2, formants=((900, 250), (1700, 300)), vibrato=0.02)
        return swell(pulsing(take, voice, tremble, 0.9), 0.08, 0.2)

    return repeated(take, bleat, lambda i: take.about(0.5, 0.3) / take.tempo)


def _skateboard(take: Take) -> Wave:
    """Wheels that roll over paving: a steady rumble, two quick clacks at every joint."""
    roll = hiss(take, take.seconds, 350, take.about(1100))

    def clack(number: int) -> Wave:
        return 1.2 * knock(take, take.about(1500, 0.1) * take.pitch, 0.012, noise=0.8)

    def gap(number: int) -> float:
        return 0.09 / take.tempo if number % 2 == 0 else take.about(0.45, 0.06) / take.tempo

    return 0.5 * roll + repeated(take, clack, gap, overlap=True)


def _sports_ball(take: Take) -> Wave:
    """Bounces on a hall's floor: deep thuds with a hollow ring."""
    pitch = take.about(170, 0.1) * take.pitch
    pace = take.about(0.5, 0.1) / take.tempo

    def bounce(number: int) -> Wave:
        thud, ring = knock(take, pitch, 0.05, noise=0.4), knock(take, 3.1 * pitch, 0.035)
        n = min(len(thud), len(ring))
        return thud[:n] + 0.4 * ring[:n]

    return repeated(take, bounce, lambda i: take.about(pace, 0.05), overlap=True)


def _tennis_racket(take: Take) -> Wave:
    """A rally: strokes near and far in turn, and shoes that squeak."""
    pitch = take.about(620) * take.pitch

    def stroke(number: int) -> Wave:
        return (1.0 if number % 2 else 0.5) * knock(take, take.about(pitch, 0.04), 0.045, noise=0.9)

    def squeak(number: int) -> Wave:
        high = take.about(2100)
        curve = glide(take, take.about(0.12, 0.2), high, 1.3 * high)
        return 0.3 * swell(tone(take, curve, tilt=1.5), 0.2, 0.3)

    strokes = repeated(take, stroke, lambda i: take.about(0.75, 0.08) / take.tempo, overlap=True)
    return strokes + repeated(take, squeak, lambda i: take.about(0.6, 0.5))


def _zebra(take: Take) -> Wave:
    """Braying: a yelp up and a breath in, over and over."""
    pitch = take.about(850)

    def bray(number: int) -> Wave:
        seconds = take.about(0.17, 0.1) / take.tempo
        curve = glide(take, seconds, 0.6 * pitch, 1.25 * pitch, 1.1 * pitch)
        yelp = swell(tone(take, curve, tilt=0.7), 0.15, 0.2)
        breath = 0.35 * swell(hiss(take, seconds, 1200, 3000), 0.3, 0.3)
        return np.concatenate([yelp, breath])

    return repeated(take, bray, lambda i: take.about(0.6 if i % 6 == 5 else 0.05) / take.tempo)


VOICES: dict[str, Callable[[Take], Wave]] = {
    "airplane": _airplane,
    "baby": _baby,
    "bird": _bird,
    "bus": _bus,
    "car": _car,
    "cat": _cat,
    "cell phone": _cell_phone,
    "cow": _cow,
    "dog": _dog,
    "elephant": _elephant,
    "female": _female,
    "horse": _horse,
    "keyboard": _keyboard,
    "male": _male,
    "motorcycle": _motorcycle,
    "mouse": _mouse,
    "sheep": _sheep,
    "skateboard": _skateboard,
    "sports ball": _sports_ball,
    "tennis racket": _tennis_racket,
    "zebra": _zebra,
}


def record(take: Take, name: str) -> Wave:
    """Return a recording of class `name`: its voice in a room, with noise, peak 0.25 to 0.95."""
    wave = VOICES[name](take)
    wave /= np.abs(wave).max() + 1e-12
    delay, strength = take.samples(take.rng.uniform(0.02, 0.09)), take.rng.uniform(0.0, 0.35)
    wave[delay:] += strength * wave[:-delay]
    floor = hiss(take, take.seconds, 60, take.rng.uniform(800, 6000))
    wave = wave + floor * 10 ** (-take.rng.uniform(26, 46) / 20)
    wave *= take.rng.uniform(0.25, 0.95) / np.abs(wave).max()
    return wave
