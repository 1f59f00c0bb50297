"""Tables as Markdown, LaTeX and csv."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from avs_bench.metrics.dataset_level import Confusion, iou_per_class_dataset
from avs_bench.metrics.per_frame import FrameScores, iou_per_class_frame
from avs_bench.metrics.record import Record
from avs_bench.report.runs import BUILD_DIGITS, Run
from avs_bench.report.table import Table, shown
from vpo_builder.runtime.outside_text import csv_cell, one_line

PER_CLASS_COLUMNS = (
    *("run", "checkpoint", "dataset", "manifest", "subset", "family", "group"),
    *("class_index", "class", "iou"),
    *("right_pixels", "predicted_pixels", "target_pixels"),
)
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "×": r"$\times$",
}


def markdown(tables: Iterable[Table]) -> str:
    """Return the tables as Markdown, figures in per cent, the best of each column bold."""
    return "\n\n".join(map(_markdown, tables))


def latex(tables: Iterable[Table]) -> str:
    """Return the tables as LaTeX for the package booktabs, figures in per cent."""
    return "\n\n".join(map(_latex, tables)) + "\n"


def table_csv(tables: Iterable[Table]) -> str:
    """Return the tables as one csv: a line for each figure of each row, as a fraction."""
    columns = ("table", "row", "words", "published", "figure", "value", "low", "high", "sd")
    lines: list[tuple[object, ...]] = [columns]
    for table in tables:
        for place, row in enumerate(table.rows):
            words = "; ".join(f"{k}={v}" for k, v in zip(table.words, row.words, strict=True))
            for name, number in zip(table.figures, row.numbers, strict=True):
                if number is not None:
                    values = (number.value, number.low, number.high, number.sd)
                    digits = ("" if v is None else f"{v:.6f}" for v in values)
                    where = (table.title, place, words, int(row.published))
                    lines.append((*where, name, *digits))
    return _csv(lines)


def per_class_csv(runs: Sequence[Run]) -> str:
    """Return a csv line for every run, group and class: IoU, and areas at dataset level.

    The binary family has no classes.
    """
    lines: list[tuple[object, ...]] = [PER_CLASS_COLUMNS]
    for run in runs:
        for result in run.results:
            for scores in result.sets:
                for group, part in scores.groups().items():
                    build = result.dataset_sha256[:BUILD_DIGITS]
                    data = (result.dataset, build, result.subset, scores.family)
                    place = (run.name, result.checkpoint, *data)
                    lines += _class_lines((*place, ": ".join(group)), result.classes, part.overall)
    return _csv(lines)


def _class_lines(
    where: tuple[object, ...], classes: Sequence[str], record: Record
) -> Iterator[tuple[object, ...]]:
    areas = record.areas.T.tolist() if isinstance(record, Confusion) else None
    for index, iou in enumerate(iou_per_class(record)):
        pixels = areas[index] if areas else ("", "", "")
        yield (*where, index, classes[index], f"{iou:.6f}", *pixels)


def iou_per_class(record: Record) -> list[float]:
    """Return the IoU of each class in the record's own family; none for the binary family."""
    if isinstance(record, Confusion):
        ious = iou_per_class_dataset(record)
    elif isinstance(record, FrameScores):
        ious = iou_per_class_frame(record)
    else:
        return []
    return [float(iou) for iou in ious]


def _markdown(table: Table) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    best = {name: table.best(name) for name in table.figures}
    lines = [
        f"### {_plain(table.title)}",
        "",
        line([*table.words, *table.figures]),
        line(["---"] * len(table.words) + ["---:"] * len(table.figures)),
    ]
    for place, row in enumerate(table.rows):
        numbers = [
            f"**{shown(number)}**" if place in best[name] else shown(number)
            for name, number in zip(table.figures, row.numbers, strict=True)
        ]
        lines.append(line([*map(_plain, row.words), *numbers]))
    notes = [f"- {_plain(note)}" for note in ("Per cent.", *table.notes)]
    return "\n".join([*lines, "", *notes])


def _latex(table: Table) -> str:
    best = {name: table.best(name) for name in table.figures}
    columns = "l" * len(table.words) + "r" * len(table.figures)
    lines = [
        f"% {_plain(table.title)}; per cent; needs \\usepackage{{booktabs}}",
        *(f"% {_plain(note)}" for note in table.notes),
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        _latex_line([*table.words, *table.figures]),
        "\\midrule",
    ]
    published = False
    for place, row in enumerate(table.rows):
        if row.published and not published and place:
            lines.append("\\midrule")
        published = row.published
        numbers = [
            (shown(number), place in best[name])
            for name, number in zip(table.figures, row.numbers, strict=True)
        ]
        lines.append(_latex_line(row.words, numbers))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def _latex_line(words: Iterable[str], numbers: Iterable[tuple[str, bool]] = ()) -> str:
    cells = [_escaped(word) for word in words]
    cells += [f"\\textbf{{{_escaped(text)}}}" if bold else _escaped(text) for text, bold in numbers]
    return f"{' & '.join(cells)} \\\\"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in one_line(text))


def _plain(text: str) -> str:
    """Text that is neither a new line nor a new column of Markdown, nor markup."""
    return re.sub(r"([|*`<>\\])", r"\\\1", one_line(text))


def _csv(lines: Iterable[Iterable[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for line in lines:
        writer.writerow(map(csv_cell, line))
    return buffer.getvalue()
