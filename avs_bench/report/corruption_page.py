"""Tables and the page of AVS-C: what is left of a score as sound and picture get worse."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from avs_bench.config import AudioSettings
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.images import PictureReader
from avs_bench.metrics import Interval
from avs_bench.probes.choice import chosen_probes
from avs_bench.probes.corruption_curves import Curve, Robustness
from avs_bench.probes.corruptions import Corruption
from avs_bench.probes.definitions import probed_examples, probed_sound
from avs_bench.report.charts import model_colours
from avs_bench.report.parts import PART_FILTERS, data_address
from avs_bench.report.table import Number, Row, Table
from avs_bench.results.records import Result
from avs_bench.results.showcase import sound_mp3, thumbnail
from vpo_builder.runtime.page.rendering import render
from vpo_builder.runtime.whole_files import write_atomically

HEADROOM = 1.15  # above the highest curve, for the label of the axis
KINDS = {"sound": "The sound gets worse", "picture": "The picture gets worse"}
LEGEND = (
    "Left: the mean over the levels of what is left of the score (mIoU at a level over that of the "
    "same pictures unchanged), of 100.",
)


@dataclass(frozen=True)
class Compared:
    """A model on the page: its name, what it scored, and the curves of that."""

    name: str
    result: Result
    robustness: Robustness


@dataclass(frozen=True)
class Line:
    """A model's curve in a chart of 100 x 100: its points, the area of its intervals, its end."""

    name: str
    colour: str
    points: str
    area: str
    left: str


@dataclass(frozen=True)
class Sample:
    """What a level sounds or looks like, as a data: address; `label` says the level."""

    label: str
    address: str


@dataclass(frozen=True)
class Chart:
    """A corruption: its curves, and its levels to hear or see."""

    name: str
    what: str
    unit: str
    labels: tuple[str, ...]
    lines: tuple[Line, ...]
    samples: tuple[Sample, ...]
    top: str


def robustness_tables(compared: Sequence[Compared]) -> list[Table]:
    """Return a table of each kind of corruption: a row for each model and corruption."""
    return [
        _table(kind, title, compared)
        for kind, title in KINDS.items()
        if any(kind in one.robustness.left for one in compared)
    ]


def _table(kind: str, title: str, compared: Sequence[Compared]) -> Table:
    result = compared[0].result
    curves = [(one, curve) for one in compared for curve in one.robustness.curves]
    curves = [pair for pair in curves if pair[1].corruption.of == kind]
    asked = [one.robustness.left[kind] for one in compared if kind in one.robustness.left]
    pictures = asked[0].units
    most = max(point.level for _, curve in curves for point in curve.points)
    levels = tuple(range(most + 1))
    rows = [
        Row((one.name, "all of these"), (*[None] * len(levels), _number(left)), one.name)
        for one in compared
        if (left := one.robustness.left.get(kind))
    ]
    for one, curve in curves:
        by_level = {point.level: Number.of(point.score.figure) for point in curve.points}
        numbers = (*(by_level.get(level) for level in levels), _number(curve.left))
        rows.append(Row((one.name, curve.corruption.name), numbers, one.name))
    return Table(
        f"{result.dataset}, {result.subset}: {title.lower()}",
        words=("model", "corruption"),
        figures=(*(f"level {level}" for level in levels), "left"),
        rows=tuple(rows),
        legend=(f"mIoU (miou_dataset), pictures: {pictures}; level 0 is unchanged.", *LEGEND),
    )


def _number(interval: Interval) -> Number:
    return Number.of(interval)


def write_page(
    path: Path, compared: Sequence[Compared], dataset: AVSDataset, audio: AudioSettings
) -> Path:
    """Write the page, with one example's sounds and pictures at every level in it.

    `dataset` is the whole one, of which the results may be of a part.
    """
    source = _Source(dataset, audio)
    colours = model_colours(one.name for one in compared)
    charts = {
        title: [
            _chart(curve.corruption, compared, colours, _samples(curve, compared[0].result, source))
            for curve in compared[0].robustness.curves
            if curve.corruption.of == kind
        ]
        for kind, title in KINDS.items()
    }
    page = render(
        "avs_bench.report",
        "corruptions.html",
        PART_FILTERS,
        compared=compared,
        colours=colours,
        charts={title: found for title, found in charts.items() if found},
        tables=robustness_tables(compared),
        left={one.name: one.robustness.left for one in compared},
        number=lambda interval: str(_number(interval)),
    )
    write_atomically(path, page.encode())
    return path


def _chart(
    corruption: Corruption,
    compared: Sequence[Compared],
    colours: dict[str, str],
    samples: tuple[Sample, ...],
) -> Chart:
    found = [
        (one, curve)
        for one in compared
        for curve in one.robustness.curves
        if curve.corruption.name == corruption.name
    ]
    highs = [p.score.high for _, c in found for p in c.points if not np.isnan(p.score.high)]
    values = [p.score.figure.value for _, c in found for p in c.points]
    top = min(1.0, HEADROOM * max(0.05, *highs, *values))
    first = found[0][1]
    labels = ("–", *(f"{point.value:g}".replace("-", "−") for point in first.points[1:]))
    lines = tuple(_line(one.name, colours[one.name], curve, top) for one, curve in found)
    return Chart(
        corruption.name, corruption.what, corruption.unit, labels, lines, samples,
        f"{100 * top:.0f} %",
    )  # fmt: skip


def _line(name: str, colour: str, curve: Curve, top: float) -> Line:
    count = max(1, len(curve.points) - 1)
    across = [100 * place / count for place in range(len(curve.points))]
    up = [100 - 100 * point.score.figure.value / top for point in curve.points]
    low = [_end(point.score, point.score.low) for point in curve.points]
    high = [_end(point.score, point.score.high) for point in curve.points]
    edge = [*zip(across, high, strict=True), *reversed(list(zip(across, low, strict=True)))]
    return Line(
        name,
        colour,
        " ".join(f"{x:.2f},{y:.2f}" for x, y in zip(across, up, strict=True)),
        " ".join(f"{x:.2f},{100 - 100 * y / top:.2f}" for x, y in edge),
        str(_number(curve.left)),
    )


def _end(score: Interval, end: float) -> float:
    return score.figure.value if np.isnan(end) else end


@dataclass(frozen=True)
class _Source:
    """Where the page's samples come from, and how they are heard."""

    dataset: AVSDataset
    audio: AudioSettings


def _samples(curve: Curve, result: Result, source: _Source) -> tuple[Sample, ...]:
    """Return what the levels of a corruption make of the first example that all of them ask.

    As the model heard and saw it: with the result's seed, and one of its pictures if it is of some.
    """
    dataset, audio = source.dataset, source.audio
    examples, seed = dataset.subsets[result.subset], result.probes[0].seed
    levels = [point.level for point in curve.points]
    probes = chosen_probes(f"{curve.corruption.name}@{level}" for level in levels)
    asked = [{e.example_id: e for e in probed_examples(p, examples, seed)} for p in probes]
    shared = [e.example_id for e in examples if all(e.example_id in one for one in asked)]
    shared = [i for i in shared if asked[0][i].sources] or shared
    if not shared:
        return ()
    scored = {item.item_id for item in result.sets[0].items}
    chosen = next((i for i in shared if i in scored), shared[0])
    samples = []
    for level, probe, by_id in zip(levels, probes, asked, strict=True):
        label = "0" if not level else str(level)
        if curve.corruption.of == "picture":
            pixels = _pixels(dataset, by_id[chosen])
            seen = pixels if probe.picture is None else probe.picture(pixels, seed, chosen)
            samples.append(Sample(label, data_address("image/jpeg", _jpeg(seen))))
            continue
        beside = probe.beside(examples, seed)[chosen] if probe.beside else None
        heard = probed_sound(
            probe,
            by_id[chosen],
            seconds=audio.seconds,
            channels=audio.channels,
            frame_step=audio.frame_step,
            seed=seed,
            beside=beside,
        )
        samples.append(Sample(label, data_address("audio/mpeg", sound_mp3(heard))))
    return tuple(samples)


def _pixels(dataset: AVSDataset, example: Example) -> np.ndarray:
    reader = PictureReader(dataset.mask_lookup, cache_mib=0)
    return np.asarray(reader.read(example).image)


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(thumbnail(pixels)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
