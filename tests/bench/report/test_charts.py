from dataclasses import replace

import pytest

from avs_bench.metrics import Confusion
from avs_bench.report.charts import dot_plot, matrix_cells, model_colours, panels, round_axis
from avs_bench.report.models import models_of
from avs_bench.report.table import Number, Row, Table
from tests.bench.report.made_results import pictures, result, run

COLOURS = model_colours(["a", "b"])


def table(*rows):
    return Table("t", ("run", "model"), ("miou_dataset",), rows)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.11, 0.62, ["0", "20", "40", "60", "80"]),
        (-0.004, 0.003, ["-0.4", "-0.2", "0.0", "0.2", "0.4"]),
        (0.5, 0.5, ["50.00", "50.05"]),
    ],
)
def test_axes_end_on_round_numbers(low, high, labels):
    axis = round_axis(low, high, unit=100)
    assert [tick.label for tick in axis.ticks] == labels
    assert 0 <= axis.place(low) <= axis.place(high) <= 100
    assert (axis.ticks[0].at, axis.ticks[-1].at) == (0, 100)


def test_dots_lie_where_their_numbers_are():
    rows = (
        Row(("a", "m"), (Number(0.5, 0.4, 0.7),), "a"),
        Row(("b", "m"), (Number(0.2, sd=0.1),), "b"),
        Row(("paper", "published [P1]"), (Number(0.8),)),
        Row(("none", "m"), (None,), "b"),
        Row(("undefined", "m"), (Number(float("nan")),), "b"),
    )
    plot = dot_plot(table(*rows), "miou_dataset", COLOURS)
    assert [dot.label for dot in plot.dots] == ["a", "b", "paper"]
    assert (plot.axis.low, plot.axis.high) == pytest.approx((0.0, 0.8))
    first, second, paper = plot.dots
    assert (first.low, first.at, first.high) == pytest.approx((50, 62.5, 87.5))
    assert (second.low, second.at, second.high) == pytest.approx((12.5, 25, 37.5))
    assert paper.published
    assert paper.low == paper.at == paper.high == 100
    assert first.colour != second.colour
    assert plot.zero is None


def test_a_difference_has_its_zero_on_the_axis():
    row = Row(("a", "m"), (Number(-0.1, -0.3, 0.1),), "a")
    plot = dot_plot(table(row), "miou_dataset", COLOURS)
    assert plot.zero == plot.axis.place(0)


def test_nothing_to_plot_is_no_plot():
    assert dot_plot(table(Row(("a", "m"), (None,), "a")), "miou_dataset", COLOURS) is None


def test_curves_cover_losses_and_scores_of_every_run():
    records = [
        {"epoch": i, "step": 5 * i, "loss": 4.0 - i, "val": {"miou_dataset": 0.1 * i}}
        for i in range(3)
    ]
    broken = {"epoch": 3, "step": 20, "loss": float("inf")}
    scored = result(pictures(0.8))
    runs = [
        run("a", scored, history=(*records, broken)),
        run("b", replace(scored, model="other"), history=tuple(records[:1])),
    ]
    loss, score = panels(models_of(runs))
    assert (loss.quantity, score.quantity) == ("loss", "val miou_dataset")
    assert (loss.top, loss.bottom, loss.epochs) == ("4", "2", 3)
    points = [tuple(map(float, pair.split(","))) for pair in loss.lines[0].points.split()]
    assert [x for x, _ in points] == [0, 50, 100]
    assert points[0][1] < points[1][1] < points[2][1]  # down the screen as the loss falls
    colours = model_colours(["tiny", "other"])
    assert loss.last == (("tiny", "2", colours["tiny"]), ("other", "4", colours["other"]))


def test_seeds_have_a_curve_each_in_one_colour_and_one_ending():
    runs = [
        run(f"s{i}", result(pictures(0.8), seed=i), history=({"epoch": 0, "loss": 1.0 + i},))
        for i in range(3)
    ]
    (loss,) = panels(models_of(runs))
    assert len(loss.lines) == 3
    assert len({line.colour for line in loss.lines}) == 1
    assert [(name, text) for name, text, _ in loss.last] == [("tiny", "2 ± 1")]


def test_no_history_is_no_curve():
    assert panels(models_of([run("a", result(pictures(0.8)))])) == ()


def test_cells_are_shares_of_the_labelled_class():
    cells = matrix_cells(Confusion(3, [[8, 2, 0], [0, 0, 0], [1, 0, 3]]))
    assert [(c.row, c.column, c.share, c.pixels) for c in cells] == [
        (0, 0, 0.8, 8),
        (0, 1, 0.2, 2),
        (2, 0, 0.25, 1),
        (2, 2, 0.75, 3),
    ]
