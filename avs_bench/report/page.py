"""Assembles the one page of a report: everything it shows is in the file itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from avs_bench.metrics import Confusion
from avs_bench.metrics.families import FIGURES, REFERENCES
from avs_bench.metrics.record import Record, Scores
from avs_bench.metrics.robust import G_MIOU
from avs_bench.painting import overlay_png
from avs_bench.report.charts import Cell, DotPlot, dot_plot, matrix_cells, model_colours, panels
from avs_bench.report.models import Model, Scored, models_of, scored_by_place
from avs_bench.report.parts import PART_FILTERS, data_address
from avs_bench.report.runs import Place, Run
from avs_bench.report.score_tables import FALSE_POSITIVES, LOST, Tables, title_of
from avs_bench.report.table import Number, Table
from avs_bench.report.text_formats import iou_per_class
from avs_bench.results.files import examples_folder
from avs_bench.results.showcase import ShownExample, read_showcase
from vpo_builder.dataset.class_colours import class_colours, css
from vpo_builder.dataset.media_files import UNDECODABLE, fault_of
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.page.rendering import render

PLOTTED = 2
"""How many figures have a plot beside the table of scores: those that papers lead with.

The listening score at the head of a table has one too.
"""


@dataclass(frozen=True)
class Heading:
    """A model in the head of the page: its runs, and the figure that its papers lead with.

    `epochs` says for how many it was trained: "12", or "10 to 12" of several seeds.
    """

    model: Model
    epochs: str
    figure: str
    number: Number
    on: str


@dataclass(frozen=True)
class Bar:
    """A class's IoU in one model, 0 to 1: of several seeds the mean, with its deviation `sd`."""

    label: str
    colour: str
    iou: float
    sd: float | None


@dataclass(frozen=True)
class ClassBar:
    """A class's IoU in each model; `pixels` is its share of the labelled objects."""

    name: str
    colour: str
    bars: tuple[Bar, ...]
    pixels: float | None


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix of one model, over all its seeds."""

    title: str
    seeds: int
    classes: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Example:
    """An example with its media as data: addresses."""

    about: ShownExample
    picture: str
    target: str
    pred: str
    sound: str
    colours: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Gallery:
    """The examples of one run."""

    run: str
    best: tuple[Example, ...]
    worst: tuple[Example, ...]


def render_page(runs: Sequence[Run], tables: Tables) -> str:
    """Return the page of a report on `runs`, whose tables are made."""
    models = models_of(runs)
    colours = model_colours(model.name for model in models)
    places = scored_by_place(models)
    return render(
        "avs_bench.report",
        "page.html",
        PART_FILTERS,
        models=models,
        headings=_headings(models, places),
        colours=colours,
        scores=[(one, _plots(one, leading_figures(one), colours)) for one in tables.scores],
        probes=[(one, _plots(one, _plotted(one), colours)) for one in tables.probes],
        groups=tables.groups,
        comparisons=tables.comparisons,
        classes=[
            (title_of(place), bars) for place in places if (bars := _bars(places[place], colours))
        ],
        matrices=[m for place in places for m in _matrices(place, places[place])],
        galleries=[gallery for run in runs for gallery in _galleries(run)],
        panels=panels(models),
    )


def leading_figures(scores: Table) -> Sequence[str]:
    """Return which figures of a table are drawn, the first ones; with its score, of listening."""
    heads = scores.figures[0] == FIGURES["listening"][0].__name__
    compared = [name for name in scores.figures if name not in REFERENCES]
    return compared[: PLOTTED + heads]


def _headings(
    models: Sequence[Model], places: Mapping[Place, Sequence[Scored]]
) -> Iterator[Heading]:
    for model in models:
        place, scored = next(
            (place, one) for place in places for one in places[place] if one.model == model
        )
        figures = [FIGURES[place.family][0](entry.scores.overall) for entry in scored.entries]
        number = Number.over_seeds(figures)
        epochs = sorted({entry.result.epochs for entry in scored.entries})
        told = " to ".join(map(str, dict.fromkeys([epochs[0], epochs[-1]])))
        yield Heading(model, told, figures[0].name, number, place.data)


def _plotted(probes: Table) -> list[str]:
    return [name for name in (FALSE_POSITIVES, LOST, G_MIOU) if name in probes.figures]


def _plots(table: Table, figures: Sequence[str], colours: Mapping[str, str]) -> list[DotPlot]:
    plots = (dot_plot(table, figure, colours) for figure in figures)
    return [plot for plot in plots if plot]


def _bars(scored: Sequence[Scored], colours: Mapping[str, str]) -> tuple[ClassBar, ...]:
    """Return the classes of one place by falling IoU of the first model that scores classes."""
    names = scored[0].first.result.classes
    ious = [
        (one, np.array([iou_per_class(entry.scores.overall) for entry in one.entries]))
        for one in scored
    ]
    ious = [(one, values) for one, values in ious if values.shape[1] == len(names)]
    if not ious:
        return ()
    of_class = class_colours(len(names))
    pixels = _object_shares(scored[0].first.scores.overall)
    bars = [
        ClassBar(
            name,
            css(of_class[index]) if index else "var(--soft)",
            tuple(
                _bar(one.label, colours[one.model.name], values[:, index]) for one, values in ious
            ),
            pixels[index] if pixels else None,
        )
        for index, name in enumerate(names)
    ]
    return tuple(sorted(bars, key=lambda bar: (-bar.bars[0].iou, bar.name)))


def _bar(label: str, colour: str, seeds: Scores) -> Bar:
    sd = float(seeds.std(ddof=1)) if seeds.size > 1 else None
    return Bar(label, colour, float(seeds.mean()), sd)


def _object_shares(record: Record) -> list[float] | None:
    if not isinstance(record, Confusion):
        return None
    labelled = record.areas[2].astype(float)
    shares: list[float] = (labelled / max(labelled[1:].sum(), 1)).tolist()
    return shares


def _matrices(place: Place, scored: Sequence[Scored]) -> Iterator[Matrix]:
    for one in scored:
        if isinstance(one.overall, Confusion):
            title = f"{one.label}: {title_of(place)}"
            cells = matrix_cells(one.overall)
            yield Matrix(title, len(one.entries), one.first.result.classes, cells)


def _galleries(run: Run) -> Iterator[Gallery]:
    if not run.path.is_dir():
        return
    for result in run.results:
        folder = examples_folder(run.path, result)
        found = [_example(folder, one, result.classes) for one in read_showcase(folder)]
        if found:
            best = tuple(one for one in found if one.about.side == "best")
            worst = tuple(one for one in found if one.about.side == "worst")
            mapped = f", {result.class_map.label}" if result.class_map else ""
            data = f"{result.dataset}, {result.subset}{mapped}"
            yield Gallery(f"{run.name}: {data}", best, worst)


def _example(folder: Path, about: ShownExample, classes: tuple[str, ...]) -> Example:
    colours = class_colours(len(classes))
    named = sorted({*about.heard, *about.predicted} & set(classes))
    return Example(
        about,
        picture=data_address("image/jpeg", (folder / about.picture).read_bytes()),
        target=_overlay(folder / about.target, classes),
        pred=_overlay(folder / about.pred, classes),
        sound=data_address("audio/mpeg", (folder / about.sound).read_bytes()),
        colours=tuple((name, css(colours[classes.index(name)])) for name in named),
    )


def _overlay(path: Path, classes: tuple[str, ...]) -> str:
    try:
        with Image.open(path) as image:
            mask = np.asarray(image)
    except UNDECODABLE as error:
        raise InputError(f"{path}: cannot be decoded: {fault_of(error)}: evaluate again") from None
    return data_address("image/png", overlay_png(mask, class_colours(len(classes))))
