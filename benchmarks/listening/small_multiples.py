"""A panel for each corruption: the score of every model at each level, with its interval."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes

from avs_bench.probes.corruption_curves import Curve
from avs_bench.probes.corruptions import Corruption

matplotlib.use("Agg")
from matplotlib import pyplot

COLUMNS = 3


@dataclass(frozen=True)
class Drawn:
    """A model as it is drawn: its title, its colour and its curves, one for each corruption."""

    title: str
    colour: str
    curves: tuple[Curve, ...]


def small_multiples(drawn: Sequence[Drawn]) -> bytes:
    """Return an SVG with a panel for each corruption, the same bytes for the same curves.

    Up is the score in per cent, on one scale for all; across the levels, "–" being unchanged.
    """
    matplotlib.rcParams["svg.hashsalt"] = "listening"
    corruptions = [curve.corruption for curve in drawn[0].curves]
    rows = math.ceil(len(corruptions) / COLUMNS)
    size = (7, 0.6 + 1.75 * rows)
    figure, axes = pyplot.subplots(
        rows, COLUMNS, figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    for panel, corruption in zip(axes.flat, corruptions, strict=False):
        _draw(panel, corruption, drawn)
    for row in axes:
        row[0].set_ylabel("mIoU, %", fontsize=8)
    axes.flat[0].set_ylim(bottom=0)
    for panel in axes.flat[len(corruptions) :]:
        panel.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return buffer.getvalue()


def _draw(panel: Axes, corruption: Corruption, drawn: Sequence[Drawn]) -> None:
    for one in drawn:
        (curve,) = (kept for kept in one.curves if kept.corruption == corruption)
        levels = [point.level for point in curve.points]
        scores = [point.score for point in curve.points]
        value, low, high = (
            [100 * end for end in ends]
            for ends in zip(*((x.figure.value, x.low, x.high) for x in scores), strict=True)
        )
        panel.fill_between(levels, low, high, color=one.colour, alpha=0.2, linewidth=0)
        line = {"linewidth": 1.2, "marker": "o", "markersize": 2}
        panel.plot(levels, value, color=one.colour, label=one.title, **line)
    given = [f"{value:g}".replace("-", "−") for value in corruption.levels]
    panel.set_xticks(range(len(given) + 1), ["–", *given])
    panel.tick_params(labelsize=7)
    panel.set_title(corruption.name, fontsize=9)
    panel.set_xlabel(corruption.unit, fontsize=8)
    panel.grid(alpha=0.25)
