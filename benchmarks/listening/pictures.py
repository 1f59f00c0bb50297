"""Pictures for docs/listening.md: one picture heard with several sounds, as each variant answers.

The pictures are chosen by a hash of their ids, not by how they look.
"""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.opening import OpenedModel, open_model
from avs_bench.config import Settings
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.loader import plain_batches
from avs_bench.data.seeds import digest
from avs_bench.data.vpo import read_vpo
from avs_bench.models.inference import predicted_classes, segment
from avs_bench.painting import Pixels, mask_tint
from benchmarks.listening.study import VARIANTS, Outcome, Study
from vpo_builder.dataset.class_colours import class_colours
from vpo_builder.runtime.whole_files import write_atomically

Opened = tuple[nn.Module, Settings]

PICTURES = 2
CELL, GAP, LABEL = 168, 6, 18
"""Pixels: width of a cell, space between two, height of a line of words."""


def write_pictures(study: Study, runs: Mapping[str, Sequence[Outcome]], folder: Path) -> str:
    """Write a PNG for each chosen picture and return the Markdown that shows them."""
    dataset = read_vpo(study.dataset)
    models = {variant: _model(runs[variant.name][0]) for variant in VARIANTS}
    said = [
        "Chosen by a hash of their ids. Rows: what is heard; columns: the mask and the answer of\n"
        "each variant (first seed)."
    ]
    for number, examples in enumerate(_chosen(dataset)):
        rows = [(_heard(dataset, e), e, True) for e in examples]
        rows.append(("silence", replace(examples[0], sources=()), False))
        titles = ["mask", *(variant.title for variant in VARIANTS)]
        sheet = [
            (heard, _cells(dataset, example, list(models.values()), sounds))
            for heard, example, sounds in rows
        ]
        name = f"picture-{number}.png"
        write_atomically(folder / name, _drawn(titles, sheet))
        heard = ", ".join(heard for heard, *_ in rows)
        said.append(f"![A picture heard with {heard}]({folder.name}/{name})")
    return "\n\n".join(said)


def _chosen(dataset: AVSDataset) -> list[list[Example]]:
    """Return the examples of the chosen pictures, each picture with two sounds or three."""
    by_picture: dict[str, list[Example]] = defaultdict(list)
    for example in dataset.subsets["test"]:
        by_picture[example.unit].append(example)
    several = [unit for unit, kept in by_picture.items() if len(kept) in (2, 3)]
    several.sort(key=lambda unit: digest("picture", unit))
    return [by_picture[unit] for unit in several[:PICTURES]]


def _model(outcome: Outcome) -> OpenedModel:
    return open_model(ModelChoice(run=outcome.job.folder), torch.device("cpu"))


def _cells(
    dataset: AVSDataset, example: Example, models: Sequence[OpenedModel], sounds: bool
) -> list[Pixels]:
    cells: list[Pixels] = []
    for opened in models:
        (batch,) = plain_batches(dataset, [example], opened.settings)
        pred = predicted_classes(segment(opened.module, batch, opened.device))[0].numpy()
        target = batch.targets[0].numpy().astype("uint8")
        with Image.open(example.image) as image:
            picture = image.convert("RGB")
        if not cells:
            cells.append(_painted(dataset, picture, target if sounds else 0 * target))
        cells.append(_painted(dataset, picture, pred))
    return cells


def _painted(dataset: AVSDataset, picture: Image.Image, mask: Pixels) -> Pixels:
    return mask_tint(mask, class_colours(len(dataset.classes))).over(np.asarray(picture))


def _heard(dataset: AVSDataset, example: Example) -> str:
    return " + ".join(sorted(dataset.classes[source.class_index] for source in example.sources))


def _drawn(titles: Sequence[str], sheet: Sequence[tuple[str, list[Pixels]]]) -> bytes:
    height = round(CELL * sheet[0][1][0].shape[0] / sheet[0][1][0].shape[1])
    columns, rows = len(titles), len(sheet)
    titles = [title.replace(" + ", "\n+ ").replace(", ", ",\n") for title in titles]
    heading = LABEL * (1 + max(title.count("\n") for title in titles))
    size = (columns * (CELL + GAP), heading + rows * (height + LABEL + GAP))
    canvas = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for column, title in enumerate(titles):
        draw.text((column * (CELL + GAP) + 2, 2), title, "black", font)
    for row, (heard, cells) in enumerate(sheet):
        top = heading + row * (height + LABEL + GAP)
        draw.text((2, top), f"heard: {heard}", "#444444", font)
        for column, cell in enumerate(cells):
            shown = Image.fromarray(cell).resize((CELL, height), Image.Resampling.LANCZOS)
            canvas.paste(shown, (column * (CELL + GAP), top + LABEL))
    buffer = io.BytesIO()
    canvas.quantize(128).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
