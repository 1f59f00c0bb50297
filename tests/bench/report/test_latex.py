"""A report typeset by TeX Live: make prove-latex (texlive-latex-recommended, poppler-utils)."""

import shutil
import subprocess

import pytest

from avs_bench.report.comparison_tables import comparison_tables
from avs_bench.report.latex import latex
from avs_bench.report.score_tables import tables_of
from avs_bench.report.table import Number, Row, Table
from tests.bench.report.made_results import frames, pictures, result, run, videos

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(
        not (shutil.which("pdflatex") and shutil.which("pdftotext")),
        reason="needs pdflatex and pdftotext",
    ),
]
ODD = (
    "[a]* \\input{x} 50% of $it_ ~^ <b> | \" ' \u00e9\u00fc\u00e7\u0161\u00f8 \u4e2d \u2192 \u2212"
)


def typeset(folder, text):
    """Return the log of a document and the text of each of its pages."""
    (folder / "report.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log[-2000:]
    pages = subprocess.run(
        ["pdftotext", "-layout", "report.pdf", "-"], cwd=folder, capture_output=True, check=True
    )
    return log, pages.stdout.decode().split("\f")[:-1]


def report():
    runs = [
        run(
            f"{model}-s{seed}",
            result(pictures(accuracy, seed=seed), frames(seed), seed=seed, model=model),
            result(videos(seed), dataset="AVSBench-S4", seed=seed, model=model),
        )
        for model, accuracy in (("cavp_deeplabv3plus_r50", 0.7), ("tpavi_r50", 0.6))
        for seed in range(3)
    ]
    return tables_of(runs, comparison_tables(runs)).every


def test_a_report_of_two_models_and_three_seeds_fits_its_pages(tmp_path):
    tables = report()
    log, pages = typeset(tmp_path, latex(tables))
    assert "Overfull" not in log
    assert "Float too large" not in log
    text = "\n".join(pages)
    assert all(text.count(f"Table {place}:") == 1 for place in range(1, len(tables) + 1))
    assert "3 seeds" in text


def test_a_table_of_many_rows_and_columns_fits_its_pages(tmp_path):
    rows = tuple(
        Row((f"model {place}", "runs", "best, epoch 12", "900"), (Number(0.5, 0.4, 0.6),) * 8, "m")
        for place in range(70)
    )
    names = tuple(f"pixel_accuracy_dataset_{place}" for place in range(8))
    log, pages = typeset(tmp_path, latex([Table("t", ("a", "b", "c", "d"), names, rows)]))
    assert "Overfull" not in log
    assert "Float too large" not in log
    assert all(f"model {place} " in "\n".join(pages) for place in range(70))


def test_a_paper_takes_it_in_whatever_runs_are_called(tmp_path):
    table = Table(ODD, (ODD,), (ODD,), (Row((ODD,), (Number(-0.5),), "m"),), (ODD,), (ODD,))
    (tmp_path / "tables.tex").write_text(latex([table]), encoding="utf-8")
    paper = (
        "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}"
        "before \\input{tables.tex} after\\end{document}"
    )
    _, pages = typeset(tmp_path, paper)
    text = " ".join("\n".join(pages).split())
    assert "before" in text
    assert "after" in text
    assert "[a]* \\input{x} 50% of $it" in text
    assert "U+4E2D" in text
