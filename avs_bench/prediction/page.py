"""The page of predictions: what was found when, beside the files that it plays."""

from dataclasses import dataclass
from itertools import groupby, pairwise
from urllib.parse import quote

from avs_bench.prediction.predictions import PredictedItem, Predictions
from vpo_builder.dataset.class_colours import class_colours, css
from vpo_builder.runtime.page.rendering import render


@dataclass(frozen=True)
class Span:
    """A stretch of a class's presence, in per cent of the item's length; `strength` 0 to 1."""

    left: float
    width: float
    strength: float
    text: str


@dataclass(frozen=True)
class Track:
    """When a class was found."""

    name: str
    colour: str
    spans: tuple[Span, ...]
    share: float


def render_page(made: Predictions) -> str:
    """Return the page; its pictures and videos lie in the folders beside it."""
    items = [(item, tracks_of(item, made.classes)) for item in made.items]
    return render("avs_bench.prediction", "page.html", {"address": quote}, made=made, items=items)


def tracks_of(item: PredictedItem, classes: tuple[str, ...]) -> tuple[Track, ...]:
    """Return a track for each class that was found, the largest first."""
    colours = dict(zip(classes, class_colours(len(classes)), strict=True))
    return tuple(
        Track(
            name,
            css(colours[name]),
            _spans(item, name),
            sum(moment.areas.get(name, 0.0) for moment in item.moments) / len(item.moments),
        )
        for name in item.classes
    )


def _spans(item: PredictedItem, name: str) -> tuple[Span, ...]:
    """Return where a class was found; neighbours of one strength are one span."""
    ends = _ends(item)
    largest = max(moment.areas.get(name, 0.0) for moment in item.moments)
    strengths = [round(4 * m.areas.get(name, 0.0) / largest) / 4 for m in item.moments]
    spans = []
    for strength, group in groupby(enumerate(strengths), key=lambda pair: pair[1]):
        places = [place for place, _ in group]
        left, right = ends[places[0]], ends[places[-1] + 1]
        if strength:
            text = f"{name}, {left:.1f} to {right:.1f} s"
            share = 100 / (item.seconds or 1.0)
            spans.append(Span(left * share, (right - left) * share, 0.3 + 0.7 * strength, text))
    return tuple(spans)


def _ends(item: PredictedItem) -> list[float]:
    """Return the bounds between moments, halfway from one to the next."""
    times = [moment.seconds for moment in item.moments]
    between = [(a + b) / 2 for a, b in pairwise(times)]
    return [0.0, *between, item.seconds]
