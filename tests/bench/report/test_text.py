import csv
import io
import re

import pytest

from avs_bench.metrics import miou_dataset
from avs_bench.report.latex import latex
from avs_bench.report.models import models_of
from avs_bench.report.runs import by_place
from avs_bench.report.score_tables import score_tables, tables_of, title_of
from avs_bench.report.table import Number, Row, Table
from avs_bench.report.text_formats import markdown, per_class_csv, plain, table_csv
from tests.bench.report.made_results import frames, pictures, result, run, videos
from vpo_builder.runtime import progress

HOSTILE = "a|b & 50% of_it <b> \\input{x}\nrow"


@pytest.fixture
def runs():
    return [run("a", result(pictures(0.8))), run("b", result(pictures(0.7, seed=1), model="m"))]


def test_reading_and_intervals_say_how_far_they_are(runs, capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_AFTER_SECONDS", 0.0)
    places = {title_of(place) for place in by_place(runs[:1])}
    tables_of(runs[:1])
    labels = {line.rpartition(": ")[0] for line in capsys.readouterr().err.splitlines()}
    assert labels == {f"intervals: {t}" for t in places} | {
        f"intervals of parts: {t}" for t in places
    }


def test_markdown_prints_figures_with_their_doubt_and_the_best_bold(runs):
    text = markdown(score_tables(models_of(runs)))
    interval = score_tables(models_of(runs))[0].rows[0].numbers[0]
    shown = f"{100 * interval.value:.2f} [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"
    assert f"| **{shown}** |" in text
    assert "| TPAVI, D-ResNet50 | published [P1] |" in text


def test_every_markdown_row_has_as_many_columns_as_the_head():
    text = markdown(tables_of([run(HOSTILE, result(pictures(0.8)))]).every)
    for block in text.split("### ")[1:]:
        rows = [line for line in block.splitlines() if line.startswith("| ")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    assert "<b>" not in text.replace("\\<b>", "")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("p < 0.05, 0.0105*, a_b, [P1], 5 ~ 6 & 7", None),
        ("<b>", r"\<b>"),
        ("a|b", r"a\|b"),
        ("*a*", r"\*a*"),
        ("_a_", r"\_a_"),
        ("~~a~~", r"\~\~a~~"),
        ("`a`", r"\`a\`"),
        ("&lt;", r"\&lt;"),
        ("[a](b)", r"\[a](b)"),
        (r"a\b \*", r"a\b \\*"),
    ],
)
def test_markdown_escapes_what_a_renderer_would_misread_and_nothing_else(text, escaped):
    table = Table("t", ("w",), ("f",), (Row((text,), (Number(0.5),), "m"),))
    assert f"| {escaped or text} | 50.00 |" in markdown([table])


def test_a_terminal_gets_plain_text_in_columns(runs):
    text = plain(tables_of(runs).every)
    assert "\\" not in text
    assert "**" not in text
    title, _, head, line, first, *_ = text.splitlines()
    assert title == "VPO-SS, test, dataset level"
    assert set(line) == {"-"}
    end = head.index("miou_dataset") + len("miou_dataset")
    assert first[:end].endswith("]")  # the interval ends below the name's end
    assert first[end : end + 2] == "  "
    assert "> 7" in first
    assert "- > marks the best." in text.splitlines()


def test_what_a_stranger_calls_a_run_is_one_line_on_a_terminal():
    text = plain(score_tables(models_of([run("a\n\x1b[2Jb", result(pictures(0.8)))])))
    assert "a \\x1b[2Jb" in text
    assert "\x1b" not in text


def test_latex_escapes_what_tex_would_read(runs):
    text = latex(score_tables(models_of([run(HOSTILE, result(pictures(0.8)))])))
    escaped = (
        r"a\textbar{}b \& 50\% of\_it \textless{}b\textgreater{} \textbackslash{}input\{x\} row"
    )
    assert escaped in text
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 1
    body = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len({line.replace(r"\&", "").count("&") for line in body}) == 1


def test_every_latex_table_has_a_caption_and_a_label_of_its_own(runs):
    tables = [*tables_of(runs).every, *tables_of(runs).every]
    text = latex(tables)
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert labels[0] == "tab:vpo-ss-test-dataset-level"
    assert len(labels) == len(set(labels)) == text.count(r"\caption{") == len(tables)
    assert r"\caption{VPO-SS, test, dataset level. Per cent. [low, high]: " in text


def test_a_long_table_goes_on_in_others():
    rows = tuple(Row((f"r{place:02d}",), (Number(0.5),), "m") for place in range(60))
    text = latex([Table("t", ("w",), ("f",), rows)])
    assert text.count(r"\begin{table}") == 3
    assert text.count("continued") == 2
    assert re.findall(r"\{\}(r\d\d)", text) == [row.words[0] for row in rows]


def test_the_csv_holds_fractions_and_both_ends(runs):
    rows = list(csv.DictReader(io.StringIO(table_csv(score_tables(models_of(runs))))))
    first = next(row for row in rows if row["figure"] == "miou_dataset")
    expected = miou_dataset(runs[0].results[0].sets[0].overall).value
    assert float(first["value"]) == pytest.approx(expected, abs=1e-6)
    assert float(first["low"]) < float(first["value"]) < float(first["high"])
    assert {row["published"] for row in rows} == {"0", "1"}


def test_the_csv_leaves_what_is_not_known_empty_and_says_why():
    number = Number(float("nan"), missing="no pixel is counted")
    text = table_csv([Table("t", ("w",), ("f",), (Row(("a",), (number,), "m"),))])
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["value"], line["low"], line["note"]) == ("", "", "no pixel is counted")


def test_no_cell_of_a_csv_is_a_formula():
    text = per_class_csv([run("=cmd()", result(pictures(0.8)))])
    assert "'=cmd()" in text
    assert "\n=cmd()" not in text


def test_classes_have_their_iou_and_areas(runs):
    rows = list(csv.DictReader(io.StringIO(per_class_csv(runs[:1]))))
    scores = runs[0].results[0].sets[0].overall
    cat = next(row for row in rows if row["class"] == "cat")
    right, predicted, target = scores.areas[:, 1]
    assert float(cat["iou"]) == pytest.approx(right / (predicted + target - right), abs=1e-6)
    assert (cat["right_pixels"], cat["target_pixels"]) == (str(right), str(target))
    assert {row["group"] for row in rows} == {"all: all", "size: large", "sources: 1", "sources: 2"}


def test_only_the_binary_family_has_no_classes():
    assert per_class_csv([run("a", result(videos()))]).count("\n") == 1
    assert per_class_csv([run("a", result(frames()))]).count("\n") == 1 + 3
