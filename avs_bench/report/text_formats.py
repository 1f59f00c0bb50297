"""Tables as Markdown, as plain text and as csv."""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence

from avs_bench.metrics.dataset_level import Confusion, iou_per_class_dataset
from avs_bench.metrics.per_frame import FrameScores, iou_per_class_frame
from avs_bench.metrics.record import Record
from avs_bench.report.runs import BUILD_DIGITS, Run
from avs_bench.report.table import Row, Table, shown
from vpo_builder.runtime.outside_text import csv_cell, one_line

PER_CLASS_COLUMNS = (
    *("run", "checkpoint", "dataset", "manifest", "subset", "family", "group"),
    *("class_index", "class", "iou"),
    *("right_pixels", "predicted_pixels", "target_pixels"),
)
_MARKUP = re.compile(
    r"""[|`]                        # a column, code
    | \\(?=[!-/:-@\[-`{-~])         # a backslash that would escape what follows
    | [*~](?=[^\W_])                # the beginning of emphasis or of a deletion
    | (?<![^\W_])[*~_](?=\S)        # likewise; an underscore between letters is none
    | <(?=[A-Za-z/!?])              # HTML
    | &(?=\#?\w+;)                  # a character by its name
    | \[(?=[^\]]*\]\()               # a link
    """,
    re.VERBOSE,
)
"""What Markdown would take for markup. A lone star or `p < 0.05` is none."""


def markdown(tables: Iterable[Table]) -> str:
    """Return the tables as Markdown, figures in per cent, the best of each column bold."""
    return "\n\n".join(map(_markdown, tables))


def plain(tables: Iterable[Table]) -> str:
    """Return the tables for a terminal: columns of plain text, the best of each marked by >."""
    return "\n\n".join(map(_plain, tables))


def table_csv(tables: Iterable[Table]) -> str:
    """Return the tables as one csv: a line for each figure of each row, as a fraction."""
    columns = ("table", "row", "words", "published", "figure", "value", "low", "high", "sd", "note")
    lines: list[tuple[object, ...]] = [columns]
    for table in tables:
        for place, row in enumerate(table.rows):
            words = "; ".join(f"{k}={v}" for k, v in zip(table.words, row.words, strict=True))
            for name, number in zip(table.figures, row.numbers, strict=True):
                if number is not None:
                    values = (number.value, number.low, number.high, number.sd)
                    digits = ("" if v is None or math.isnan(v) else f"{v:.6f}" for v in values)
                    where = (table.title, place, words, int(row.published))
                    lines.append((*where, name, *digits, number.missing))
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
                    mapped = f" ({result.class_map.label})" if result.class_map else ""
                    data = (result.dataset + mapped, build, result.subset, scores.family)
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

    lines = [
        f"### {_markdown_text(table.title)}",
        "",
        line(map(_markdown_text, (*table.words, *table.figures))),
        line(["---"] * len(table.words) + ["---:"] * len(table.figures)),
    ]
    for row, numbers in _cells(table, "**{}**"):
        lines.append(line([*map(_markdown_text, row.words), *numbers]))
    return "\n".join([*lines, "", *(f"- {_markdown_text(note)}" for note in table.below)])


def _plain(table: Table) -> str:
    rows = [(*table.words, *table.figures)]
    rows += [(*map(one_line, row.words), *numbers) for row, numbers in _cells(table, "> {}")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = "<" * len(table.words) + ">" * len(table.figures)
    aligned = (
        [f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)]
        for row in rows
    )
    head, *body = ("  ".join(cells).rstrip() for cells in aligned)
    marked = ["> marks the best."] * any(map(table.best, table.figures))
    notes = (f"- {one_line(note)}" for note in (*marked, *table.below))
    return "\n".join([one_line(table.title), "", head, "-" * len(head), *body, "", *notes])


def _cells(table: Table, best: str) -> Iterator[tuple[Row, list[str]]]:
    """Yield each row and its numbers as text, the best of each column in the form `best`."""
    marked = {name: table.best(name) for name in table.figures}
    for place, row in enumerate(table.rows):
        yield (
            row,
            [
                best.format(shown(number)) if place in marked[name] else shown(number)
                for name, number in zip(table.figures, row.numbers, strict=True)
            ],
        )


def _markdown_text(text: str) -> str:
    """Text that is neither a new line nor a new column of Markdown, nor markup."""
    return _MARKUP.sub(r"\\\g<0>", one_line(text))


def _csv(lines: Iterable[Iterable[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for line in lines:
        writer.writerow(map(csv_cell, line))
    return buffer.getvalue()
