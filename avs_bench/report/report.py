"""Writes the files of a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avs_bench.report.comparison_tables import comparison_tables
from avs_bench.report.latex import latex
from avs_bench.report.page import render_page
from avs_bench.report.runs import Run
from avs_bench.report.score_tables import tables_of
from avs_bench.report.text_formats import markdown, per_class_csv, plain, table_csv
from vpo_builder.runtime.whole_files import write_atomically


@dataclass(frozen=True)
class Written:
    """The files of a report, and its tables for the terminal."""

    files: tuple[Path, ...]
    text: str


def write_report(runs: Sequence[Run], folder: Path, *, compare: bool = False) -> Written:
    """Write index.html, report.md, report.tex, report.csv and per-class.csv into `folder`.

    Raises InputError for a comparison of runs of one model, or on different data.
    """
    tables = tables_of(runs, comparison_tables(runs) if compare else ())
    contents = {
        "index.html": render_page(runs, tables),
        "report.md": markdown(tables.every) + "\n",
        "report.tex": latex(tables.every),
        "report.csv": table_csv(tables.every),
        "per-class.csv": per_class_csv(runs),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content.encode())
    return Written(tuple(folder / name for name in contents), plain(tables.every))
