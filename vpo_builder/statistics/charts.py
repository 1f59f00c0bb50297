"""Draws the distribution of a dataset as the papers do: bars for classes, a pie for groups."""

from pathlib import Path
from typing import TYPE_CHECKING

from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.runtime.whole_files import atomic_path
from vpo_builder.statistics.counts import Statistics, SubsetCount

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUP_COLOURS = {
    "human": "#d1495b",
    "vehicle": "#2e6f9e",
    "animal": "#5a9367",
    "sport": "#e08e29",
    "electronics": "#7b5ea7",
}
"""One colour for each group, of similar lightness and told apart by colour-blind readers."""
OTHER_COLOUR = "#7a7a7a"
SUBSET_SHADES: dict[Subset, float] = {"train": 1.0, "val": 0.62, "test": 0.34}
"""How much of the group's colour a stacked bar keeps; the rest is white."""
INK = "#2b2b2b"


def group_colour(group: str) -> str:
    """Return the colour of a group; grey for one the table does not know."""
    return GROUP_COLOURS.get(group, OTHER_COLOUR)


def write_chart(statistics: Statistics, path: Path) -> None:
    """Write the distribution chart as a PNG of 1600×720 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # 0.3 s: not for --help
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 7.2), dpi=100, facecolor="white")
    figure.set_layout_engine("constrained", rect=(0.01, 0.01, 0.98, 0.91))
    FigureCanvasAgg(figure)
    bars, pie = figure.subplots(1, 2, width_ratios=(2.6, 1))
    origin = " (synthetic corpus)" if statistics.synthetic else ""
    figure.suptitle(
        f"{statistics.name}{origin}: {statistics.samples:,} samples",
        fontsize=17,
        color=INK,
        weight="bold",
        y=0.97,
    )
    _draw_bars(bars, statistics)
    _draw_pie(pie, statistics)
    with atomic_path(path) as temporary:
        # Without the version of matplotlib in it, equal counts give equal bytes.
        figure.savefig(temporary, metadata={"Software": None})


def _draw_bars(axes: "Axes", statistics: Statistics) -> None:
    categories = sorted(statistics.categories, key=lambda name: (-_total(statistics, name), name))
    places = range(len(categories))
    below = [0] * len(categories)
    colours = [group_colour(statistics.of_class(name)[0].group) for name in categories]
    for place, subset in enumerate(SUBSETS):
        heights = [statistics.of_class(name)[place].samples for name in categories]
        shades = [_shade(colour, subset) for colour in colours]
        axes.bar(places, heights, 0.72, bottom=below, color=shades)
        below = [base + height for base, height in zip(below, heights, strict=True)]
    for place, total in zip(places, below, strict=True):
        axes.annotate(
            f"{total:,}",
            (place, total),
            (0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=9.5,
            color=INK,
        )
    axes.set_xticks(places, categories, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_ylabel("samples", color=INK)
    axes.set_xlim(-0.6, len(categories) - 0.4)
    axes.yaxis.grid(True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=INK, labelsize=11)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _draw_legend(axes, statistics.subsets)


def _draw_legend(axes: "Axes", subsets: tuple[SubsetCount, ...]) -> None:
    from matplotlib.patches import Patch

    counts = {row.subset: row.samples for row in subsets}
    handles = [
        Patch(facecolor=_shade(INK, subset), label=f"{subset}  {counts[subset]:,}")
        for subset in SUBSETS
    ]
    axes.legend(handles=handles, frameon=False, fontsize=11, labelcolor=INK, loc="upper right")


def _draw_pie(axes: "Axes", statistics: Statistics) -> None:
    sizes: dict[str, int] = dict.fromkeys(GROUP_COLOURS, 0)
    for row in statistics.classes:
        sizes[row.group] = sizes.get(row.group, 0) + row.sources
    sizes = {group: size for group, size in sizes.items() if size}
    total = sum(sizes.values())
    axes.set_title("sources by group", fontsize=13, color=INK)
    if not total:
        axes.axis("off")
        return
    wedges, *_ = axes.pie(
        list(sizes.values()),
        colors=[group_colour(group) for group in sizes],
        startangle=90,
        counterclock=False,
        wedgeprops={"width": 0.42, "edgecolor": "white", "linewidth": 2},
    )
    labels = [f"{name}  {size:,}  ({100 * size / total:.1f} %)" for name, size in sizes.items()]
    axes.legend(
        wedges,
        labels,
        frameon=False,
        fontsize=11.5,
        labelcolor=INK,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.02),
    )


def _shade(colour: str, subset: Subset) -> tuple[float, float, float]:
    share = SUBSET_SHADES[subset]
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue)


def _total(statistics: Statistics, category: str) -> int:
    return sum(row.samples for row in statistics.of_class(category))
