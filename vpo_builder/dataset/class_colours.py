"""One colour for each class: ours, easy to tell apart on a photograph, and PASCAL VOC's."""

import math
from functools import cache

Colour = tuple[int, int, int]

BACKGROUND: Colour = (0, 0, 0)
"""What index 0 gets, which is never painted over a picture."""
LIGHTNESS = (0.72, 0.63, 0.80)
CHROMA = 0.19


@cache
def class_colours(classes: int) -> tuple[Colour, ...]:
    """Return the sRGB colour of every class index, background being index 0 of `classes`.

    Hues are evenly spaced in OKLCH and dealt so that neighbours in the class table lie far apart;
    lightness alternates, which tells them apart without hue too.
    """
    number = classes - 1
    step = next(
        (s for s in range(max(1, round(number * 0.38)), number) if math.gcd(s, number) == 1), 1
    )
    hues = (2 * math.pi * (n * step % number) / number for n in range(number))
    return (
        BACKGROUND,
        *(_oklch(LIGHTNESS[n % len(LIGHTNESS)], CHROMA, hue) for n, hue in enumerate(hues)),
    )


def voc_colours(classes: int) -> list[Colour]:
    """Return PASCAL VOC's colours of indices: the index's bits, dealt to R, G, B from the top down.

    The published masks of VPO and AVSS's labels_rgb have them (protocol §1, §3).
    """
    return [_voc_colour(index) for index in range(classes)]


def css(colour: Colour) -> str:
    """Return a colour as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _voc_colour(index: int) -> Colour:
    red, green, blue = (
        sum((index >> (3 * place + channel) & 1) << (7 - place) for place in range(8))
        for channel in range(3)
    )
    return red, green, blue


def _oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """Convert by Ottosson's OKLab matrices (2020); out of gamut is clipped."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (round(255 * _gamma(min(1.0, max(0.0, channel)))) for channel in linear)
    return red, green, blue


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
