"""What the page says of any two methods is what `avs-bench report --compare` says of them."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from avs_bench.metrics import compare_models, holm
from avs_bench.metrics.families import FIGURES
from avs_bench.metrics.intervals import bca_ends
from avs_bench.report.submission import read_submission
from tests.browser import Page, browser

__all__ = ["browser"]

COMPARE = """
    const [place, first, second, done] = arguments;
    const standing = document.getElementById(`s${place}`);
    const setsOf = (name) => Promise.all([...standing.querySelectorAll("tbody tr")]
      .find((row) => row.querySelector("a")?.textContent === name)
      .dataset.counts.split(" ").map((number) => load(Number(number))));
    const streams = JSON.parse(comparison.dataset.streams);
    Promise.all([setsOf(first), setsOf(second)])
      .then((both) => compareMethods(standing.dataset.family, ...both, streams))
      .then(done, (error) => done(String(error)));
"""


def compared_by_python(paths: list[Any], first: str, second: str, family: Any) -> list[Any]:
    """Return what --compare tests, for every figure that the page has."""
    seeds = {
        path.stem: [
            kept.by_unit()
            for run in read_submission(path).runs
            for one in run.results
            for kept in one.result.sets
            if kept.family == family
        ]
        for path in paths
    }
    return [compare_models(seeds[first], seeds[second], figure) for figure in FIGURES[family]]


@pytest.mark.parametrize(
    ("place", "family", "first", "second"),
    [
        (0, "dataset", "one", "two"),
        (0, "dataset", "three", "four"),
        (0, "dataset", "three", "two"),
        (1, "frame", "two", "one"),
        (1, "frame", "one", "four"),
        (2, "video", "film-1", "film-2"),
    ],
)
def test_is_the_report_s_to_the_last_digits(
    browser, board, submissions, place, family, first, second
):
    page = Page(browser, board)
    browser.set_script_timeout(60)
    shown = {"film-1": "f1", "film-2": "f2"}
    names = [shown.get(name, name.capitalize()) for name in (first, second)]
    found = browser.execute_async_script(COMPARE, place, *names)
    expected = compared_by_python(submissions, first, second, family)[: len(found)]
    assert len(found) == {"dataset": 6, "frame": 3, "video": 3}[family]
    for mine, theirs in zip(found, expected, strict=True):
        assert mine["difference"] == pytest.approx(theirs.difference, abs=1e-12)
        assert mine["first"] == pytest.approx(theirs.first.mean, abs=1e-12)
        assert mine["second"] == pytest.approx(theirs.second.mean, abs=1e-12)
        assert [mine["low"], mine["high"]] == pytest.approx([theirs.low, theirs.high], abs=1e-10)
        assert mine["p"] == pytest.approx(theirs.p_value, abs=1e-10)
    corrected = holm([one.p_value for one in expected])
    assert [one["corrected"] for one in found] == pytest.approx(corrected, abs=1e-9)
    page.check_quiet(board.parent)


def test_the_draws_are_numpy_s(browser, board):
    page = Page(browser, board)
    drawn = page.run(
        "const [draws, coins] = JSON.parse(comparison.dataset.streams).map((s) => new Stream(s));"
        "const times = (stream, below) => Array.from({length: 3000}, () => stream.below(below));"
        "return [times(draws, 1554), times(coins, 2)];"
    )
    for what, below in ((0, 1554), (1, 2)):
        expected = np.random.default_rng([0, what]).integers(0, below, (3, 1000))
        assert drawn[what] == expected.ravel().tolist()


def test_ends_are_the_report_s_and_missing_alike_at_every_edge(browser, board):
    random = np.random.default_rng(0)
    cases = []
    for heavy in (-30.0, 0.0, 3.0, 30.0):  # how far one group of units lies from the others
        for place in (*range(8), 50, 100, *range(192, 200)):
            values = (60 * random.beta(2, 5, 200)).round(1)
            left_out = random.normal(size=10)
            left_out[0] += heavy
            cases += [(values, np.sort(values)[place] + step, left_out) for step in (0, 0.05)]
    script = "return arguments[0].map((one) => bcaEnds(...one).map(String))"
    page = Page(browser, board)
    found = page.run(script, [[a.tolist(), float(figure), b.tolist()] for a, figure, b in cases])
    expected = [bca_ends(*case, 0.95) for case in cases]
    assert 20 < np.isnan(expected).any(axis=1).sum() < len(cases) / 2
    assert np.array(found, float) == pytest.approx(np.array(expected), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("z", [-45.0, -9.5, -8.4, -3.0, 0.0, 2.5, 8.4, 45.0])
def test_the_normal_distribution_is_python_s_and_never_leaves_0_to_1(browser, board, z):
    share = Page(browser, board).run("return normalShare(arguments[0])", z)
    assert 0 <= share <= 1
    assert share == pytest.approx(NormalDist().cdf(z), abs=1e-15)


@pytest.mark.parametrize(("t", "freedom"), [(0.0, 3.0), (0.3, 1.2), (2.1, 4.0), (-9.0, 57.3)])
def test_student_s_t_is_python_s(browser, board, t, freedom):
    from avs_bench.metrics.student import quantile, two_sided_p

    page = Page(browser, board)
    found = page.run(
        "return [twoSided(...arguments), studentQuantile(0.95, arguments[1])]", t, freedom
    )
    assert found[0] == pytest.approx(two_sided_p(t, freedom), abs=1e-12)
    assert found[1] == pytest.approx(quantile(0.95, freedom), rel=1e-10)
