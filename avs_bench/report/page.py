"""Assembles the one page of a report: everything it shows is in the file itself."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from avs_bench.metrics import Confusion
from avs_bench.metrics.record import Record
from avs_bench.painting import overlay_png
from avs_bench.report.charts import Cell, DotPlot, dot_plot, matrix_cells, panels, run_colours
from avs_bench.report.runs import Entry, Place, Run, by_place
from avs_bench.report.score_tables import FALSE_POSITIVES, LOST, Tables, title_of
from avs_bench.report.table import Table, shown
from avs_bench.report.text_formats import iou_per_class
from avs_bench.results.files import examples_folder
from avs_bench.results.showcase import ShownExample, read_showcase
from vpo_builder.dataset.class_colours import class_colours, css
from vpo_builder.dataset.media_files import UNDECODABLE
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.page.rendering import render

PLOTTED = 2
"""How many figures have a plot beside the table of scores: those that papers lead with."""


@dataclass(frozen=True)
class ClassBar:
    """A class's IoU in each run, 0 to 1; `pixels` is its share of the labelled objects."""

    name: str
    colour: str
    ious: tuple[tuple[str, float], ...]
    pixels: float | None


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix of one run."""

    run: str
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
    colours = run_colours(run.name for run in runs)
    places = by_place(runs)
    return render(
        "avs_bench.report",
        "page.html",
        {"shown": shown, "pretty_json": _pretty_json},
        runs=runs,
        colours=colours,
        scores=[(one, _plots(one, one.figures[:PLOTTED], colours)) for one in tables.scores],
        probes=[(one, _plots(one, (FALSE_POSITIVES, LOST), colours)) for one in tables.probes],
        groups=tables.groups,
        comparisons=tables.comparisons,
        classes=[(title_of(place), bars) for place in places if (bars := _bars(places[place]))],
        matrices=[m for place in places for m in _matrices(place, places[place])],
        galleries=[gallery for run in runs for gallery in _galleries(run)],
        panels=panels(runs),
    )


def _plots(table: Table, figures: Sequence[str], colours: Mapping[str, str]) -> list[DotPlot]:
    plots = (dot_plot(table, figure, colours) for figure in figures)
    return [plot for plot in plots if plot]


def _bars(entries: Sequence[Entry]) -> tuple[ClassBar, ...]:
    """Return the classes of one place by falling IoU of the first run that scores classes."""
    names = entries[0].result.classes
    ious = [(entry.run, iou_per_class(entry.scores.overall)) for entry in entries]
    ious = [(run, values) for run, values in ious if len(values) == len(names)]
    if not ious:
        return ()
    colours = class_colours(len(names))
    pixels = _object_shares(entries[0].scores.overall)
    bars = [
        ClassBar(
            name,
            css(colours[index]) if index else "var(--soft)",
            tuple((run, values[index]) for run, values in ious),
            pixels[index] if pixels else None,
        )
        for index, name in enumerate(names)
    ]
    return tuple(sorted(bars, key=lambda bar: (-bar.ious[0][1], bar.name)))


def _object_shares(record: Record) -> list[float] | None:
    if not isinstance(record, Confusion):
        return None
    labelled = record.areas[2].astype(float)
    shares: list[float] = (labelled / max(labelled[1:].sum(), 1)).tolist()
    return shares


def _matrices(place: Place, entries: Sequence[Entry]) -> Iterator[Matrix]:
    for entry in entries:
        record = entry.scores.overall
        if isinstance(record, Confusion):
            yield Matrix(
                f"{entry.run}: {title_of(place)}", entry.result.classes, matrix_cells(record)
            )


def _galleries(run: Run) -> Iterator[Gallery]:
    if not run.path.is_dir():
        return
    for result in run.results:
        folder = examples_folder(run.path, result)
        found = [_example(folder, one, result.classes) for one in read_showcase(folder)]
        if found:
            best = tuple(one for one in found if one.about.side == "best")
            worst = tuple(one for one in found if one.about.side == "worst")
            yield Gallery(f"{run.name}: {result.dataset}, {result.subset}", best, worst)


def _example(folder: Path, about: ShownExample, classes: tuple[str, ...]) -> Example:
    colours = class_colours(len(classes))
    named = sorted({*about.heard, *about.predicted} & set(classes))
    return Example(
        about,
        picture=_address("image/jpeg", (folder / about.picture).read_bytes()),
        target=_overlay(folder / about.target, classes),
        pred=_overlay(folder / about.pred, classes),
        sound=_address("audio/mpeg", (folder / about.sound).read_bytes()),
        colours=tuple((name, css(colours[classes.index(name)])) for name in named),
    )


def _overlay(path: Path, classes: tuple[str, ...]) -> str:
    try:
        with Image.open(path) as image:
            mask = np.asarray(image)
    except UNDECODABLE as error:
        raise InputError(f"{path}: cannot be decoded: {error}: evaluate again") from None
    return _address("image/png", overlay_png(mask, class_colours(len(classes))))


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _pretty_json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()
