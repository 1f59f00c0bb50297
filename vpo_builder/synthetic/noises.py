"""What things sound like, and hooves: pitch, timbre, rhythm, and what varies of it."""

import numpy as np

from vpo_builder.synthetic.sounds import (
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


def airplane(take: Take) -> Wave:
    """A roar that swells and fades under a falling turbine whine."""
    top = take.about(900)
    seconds = take.seconds
    whine = tone(take, glide(take, seconds, 1.25 * top, 1.15 * top, 0.8 * top), tilt=1.2)
    roar = hiss(take, seconds, 90, take.about(650))
    return swell(roar + 0.22 * whine, 0.2, 0.2) + 0.25 * roar


def bus(take: Take) -> Wave:
    """A slow diesel: deep harmonics that shake at the engine's turn, and air brakes."""
    revs = take.about(31)
    curve = glide(take, take.seconds, revs, 1.1 * revs, 1.5 * revs, 1.1 * revs)
    diesel = tone(take, curve, tilt=0.3, formants=((160, 120), (330, 90)))
    wave = pulsing(take, diesel, take.about(7) * take.tempo, 0.5)
    wave += 0.2 * hiss(take, take.seconds, 100, 400)

    def brake(number: int) -> Wave:
        return 0.35 * swell(hiss(take, take.about(0.5), 1800, 3600), 0.05, 0.8)

    return wave + repeated(take, brake, lambda i: take.about(1.8, 0.3) / take.tempo)


def car(take: Take) -> Wave:
    """A petrol engine revved up and down over the noise of tyres."""
    revs = take.about(105)
    knots = revs * take.rng.uniform(0.8, 2.2, size=int(8 * take.tempo) + 2)
    engine = tone(take, glide(take, take.seconds, *knots), tilt=0.9)
    return 0.8 * engine + 0.3 * hiss(take, take.seconds, 600, 1600)


def cell_phone(take: Take) -> Wave:
    """A ring: two steady pitches in quick alternation, on and off."""
    low = take.about(1000, 0.1)
    high = low * float(take.rng.choice((1.2, 1.25, 1.33)))
    speed = take.about(18, 0.1) * take.tempo

    def ring(number: int) -> Wave:
        n = take.samples(take.about(0.9, 0.05))
        upper = np.floor(np.arange(n) * speed / take.rate) % 2 > 0
        return swell(tone(take, np.where(upper, high, low) * take.pitch, tilt=1.6), 0.02, 0.02)

    return repeated(take, ring, lambda i: take.about(0.45, 0.1))


def horse(take: Take) -> Wave:
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


def keyboard(take: Take) -> Wave:
    """Typing: soft dry clicks at uneven times, a deeper one for the space bar."""
    pitch = take.about(1700) * take.pitch

    def key(number: int) -> Wave:
        height = 0.45 if take.rng.random() < 0.15 else take.rng.uniform(0.8, 1.25)
        return take.rng.uniform(0.4, 1.0) * knock(take, pitch * height, 0.007, noise=1.0)

    return repeated(take, key, lambda i: take.rng.uniform(0.05, 0.22) / take.tempo, overlap=True)


def motorcycle(take: Take) -> Wave:
    """A big twin: separate thumps that run faster and slower."""
    speed = take.about(15, 0.12) * take.tempo

    def thump(number: int) -> Wave:
        burst = knock(take, take.about(260 * take.pitch, 0.03), 0.016, noise=1.2)
        return burst * (1.0 if number % 2 else 0.6)

    def gap(number: int) -> float:
        return float(1 / (speed * (1.2 + 0.5 * np.sin(number / 14))))

    return repeated(take, thump, gap, overlap=True) + 0.12 * hiss(take, take.seconds, 300, 900)


def mouse(take: Take) -> Wave:
    """Double clicks, sharp and high, with long pauses; a ratchet where the wheel is turned."""
    pitch = take.about(3000, 0.05)

    def click(number: int) -> Wave:
        return knock(take, pitch * (1.0 if number % 2 else 0.88), 0.004, noise=0.5)

    def gap(number: int) -> float:
        return take.about(0.11, 0.1) if number % 2 == 0 else take.about(0.6, 0.25) / take.tempo

    return repeated(take, click, gap, overlap=True)


def skateboard(take: Take) -> Wave:
    """Wheels that roll over paving: a steady rumble, two quick clacks at every joint."""
    roll = hiss(take, take.seconds, 350, take.about(1100))

    def clack(number: int) -> Wave:
        return 1.2 * knock(take, take.about(1500, 0.1) * take.pitch, 0.012, noise=0.8)

    def gap(number: int) -> float:
        return 0.09 / take.tempo if number % 2 == 0 else take.about(0.45, 0.06) / take.tempo

    return 0.5 * roll + repeated(take, clack, gap, overlap=True)


def sports_ball(take: Take) -> Wave:
    """Bounces on a hall's floor: deep thuds with a hollow ring."""
    pitch = take.about(170, 0.1) * take.pitch
    pace = take.about(0.5, 0.1) / take.tempo

    def bounce(number: int) -> Wave:
        thud, ring = knock(take, pitch, 0.05, noise=0.4), knock(take, 3.1 * pitch, 0.035)
        n = min(len(thud), len(ring))
        return thud[:n] + 0.4 * ring[:n]

    return repeated(take, bounce, lambda i: take.about(pace, 0.05), overlap=True)


def tennis_racket(take: Take) -> Wave:
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
