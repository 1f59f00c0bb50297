"""What an evaluation leaves behind, and the tables made from it. Needs no torch."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

import msgspec
import numpy as np

from avs_bench.metrics import (
    Confusion,
    Figure,
    f03_dataset,
    f1_dataset,
    fdr_dataset,
    iou_per_class_dataset,
    miou_dataset,
    pixel_accuracy_dataset,
)
from avs_bench.metrics.groups import OVERALL
from vpo_builder.atomic import atomic_path, write_atomically
from vpo_builder.errors import InputError
from vpo_builder.schema import Subset

FIGURES = (miou_dataset, f1_dataset, f03_dataset, fdr_dataset, pixel_accuracy_dataset)

PER_CLASS_COLUMNS = (
    *("run", "checkpoint", "dataset", "subset", "group", "class_index", "class"),
    *("iou_dataset", "right_pixels", "predicted_pixels", "target_pixels"),
)


@dataclass(frozen=True)
class GroupCounts:
    """The pixel counts of a group of examples, e.g. kind "listening", name "some-silent"."""

    kind: str
    name: str
    examples: int
    confusion: Confusion


@dataclass(frozen=True)
class Report:
    """The counts of one model on one subset; every figure is made from them afterwards.

    `checkpoint` is the name of its file without the suffix and `epochs` how many it was trained
    for; `dataset` is what was scored on and `trained_on` what was learnt from, each with the
    sha256 of its manifest; `groups` begins with everything.
    """

    model: str
    checkpoint: str
    epochs: int
    trained_on: str
    trained_on_sha256: str
    dataset: str
    dataset_sha256: str
    subset: Subset
    classes: tuple[str, ...]
    groups: tuple[GroupCounts, ...]

    @property
    def file_stem(self) -> str:
        """The name of its files, which another evaluation of the same run does not share."""
        return f"{self.checkpoint}-{self.dataset.lower()}-{self.subset}"


def write_report(folder: Path, report: Report) -> Path:
    """Write `scores-<checkpoint>-<dataset>-<subset>.json` into a run's folder; return its path."""
    path = folder / f"scores-{report.file_stem}.json"
    data = msgspec.json.encode(report, enc_hook=_as_lists)
    write_atomically(path, data + b"\n")
    return path


def read_reports(folder: Path) -> tuple[Report, ...]:
    """Return every report in the folder of a run, by name; raise InputError if there is none."""
    paths = sorted(folder.glob("scores-*.json"))
    if not paths:
        raise InputError(
            f"{folder}: no scores here: run avs-bench eval --run {folder} --data DIR first"
        )
    return tuple(_read(path) for path in paths)


def markdown(reports: Sequence[tuple[str, Report]]) -> str:
    """Return a table of (run, report) in per cent, one row a group, and the figures' rules."""
    figures = _figures(reports[0][1].groups[0].confusion)
    words = ["run", "model", "checkpoint", "dataset", "subset", "group"]
    numbers = ["samples", "classes", *(figure.name for figure in figures)]
    rows = [row for run, report in reports for row in _rows(run, report)]
    lines = [_row(words + numbers), _row(["---"] * len(words) + ["---:"] * len(numbers))]
    notes = ["Per cent; `classes` have a pixel in a target of the group.", ""]
    rules = [f"- {figure.name}: {figure.rules}" for figure in figures]
    return "\n".join([*lines, *map(_row, rows), "", *notes, *rules])


def write_per_class(path: Path, run: str, report: Report) -> None:
    """Write the csv of one report: a line for each group and class, areas in pixels."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PER_CLASS_COLUMNS)
        for group in report.groups:
            where = (run, report.checkpoint, report.dataset, report.subset, _label(group))
            ious, areas = iou_per_class_dataset(group.confusion), group.confusion.areas
            for index, name in enumerate(report.classes):
                writer.writerow((*where, index, name, f"{ious[index]:.6f}", *areas[:, index]))


def _figures(confusion: Confusion) -> list[Figure]:
    return [figure(confusion) for figure in FIGURES]


def _rows(run: str, report: Report) -> Iterator[list[str]]:
    everything, *parts = report.groups
    for group in (everything, *(p for p in parts if p.examples < everything.examples)):
        present = f"{len(group.confusion.classes_in_target)}/{group.confusion.classes}"
        figures = [f"{100 * figure.value:.2f}" for figure in _figures(group.confusion)]
        checkpoint = f"{report.checkpoint}, epoch {report.epochs}"
        where = (run, report.model, checkpoint, report.dataset, report.subset, _label(group))
        yield [*where, str(group.examples), present, *figures]


def _label(group: GroupCounts) -> str:
    return "all" if (group.kind, group.name) == OVERALL else f"{group.kind}: {group.name}"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _read(path: Path) -> Report:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report, dec_hook=_as_array)
    except (OSError, ValueError, OverflowError) as error:  # msgspec's errors are ValueErrors
        raise InputError(f"{path}: not a report: {error}; run avs-bench eval again") from None


def _as_lists(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise NotImplementedError(f"no json form for {type(value).__name__}")


def _as_array(kind: Any, value: Any) -> Any:
    if get_origin(kind) is np.ndarray:
        return np.array(value, dtype=np.int64)
    raise NotImplementedError(f"no {kind} in json")
