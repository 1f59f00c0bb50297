"""The voice of every class, and how a recording of it is made."""

from collections.abc import Callable

import numpy as np

from vpo_builder.synthetic import cries, noises
from vpo_builder.synthetic.sounds import Take, Wave, hiss

VOICES: dict[str, Callable[[Take], Wave]] = {
    "airplane": noises.airplane,
    "baby": cries.baby,
    "bird": cries.bird,
    "bus": noises.bus,
    "car": noises.car,
    "cat": cries.cat,
    "cell phone": noises.cell_phone,
    "cow": cries.cow,
    "dog": cries.dog,
    "elephant": cries.elephant,
    "female": cries.female,
    "horse": noises.horse,
    "keyboard": noises.keyboard,
    "male": cries.male,
    "motorcycle": noises.motorcycle,
    "mouse": noises.mouse,
    "sheep": cries.sheep,
    "skateboard": noises.skateboard,
    "sports ball": noises.sports_ball,
    "tennis racket": noises.tennis_racket,
    "zebra": cries.zebra,
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
