import csv
import io

import pytest

from avs_bench.metrics import miou_dataset
from avs_bench.report.runs import by_place
from avs_bench.report.score_tables import score_tables, tables_of, title_of
from avs_bench.report.text_formats import latex, markdown, per_class_csv, table_csv
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
    text = markdown(score_tables(runs))
    interval = score_tables(runs)[0].rows[0].numbers[0]
    shown = f"{100 * interval.value:.2f} [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"
    assert f"| **{shown}** |" in text
    assert "| published [P1] | TPAVI, D-ResNet50 |" in text


def test_every_markdown_row_has_as_many_columns_as_the_head():
    text = markdown(tables_of([run(HOSTILE, result(pictures(0.8)))]).every)
    for block in text.split("### ")[1:]:
        rows = [line for line in block.splitlines() if line.startswith("| ")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    assert "<b>" not in text.replace("\\<b\\>", "")


def test_latex_escapes_what_tex_would_read(runs):
    text = latex(score_tables([run(HOSTILE, result(pictures(0.8)))]))
    assert r"a|b \& 50\% of\_it <b> \textbackslash{}input\{x\} row" in text
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 1
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.replace(r"\&", "").count("&") for line in body}) == 1


def test_the_csv_holds_fractions_and_both_ends(runs):
    rows = list(csv.DictReader(io.StringIO(table_csv(score_tables(runs)))))
    first = next(row for row in rows if row["figure"] == "miou_dataset")
    expected = miou_dataset(runs[0].results[0].sets[0].overall).value
    assert float(first["value"]) == pytest.approx(expected, abs=1e-6)
    assert float(first["low"]) < float(first["value"]) < float(first["high"])
    assert {row["published"] for row in rows} == {"0", "1"}


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
