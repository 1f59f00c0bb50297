"""Who stands where, and where in the plots."""

import math

import pytest

from avs_bench.board.entries import read_methods
from avs_bench.board.planes import COLUMN, ROW, log_axis, planes_of
from avs_bench.board.standings import standings_of
from avs_bench.metrics import miou_dataset
from avs_bench.results.records import Cost, SeenCount
from tests.bench.board.conftest import hurry
from tests.bench.board.made_submissions import write
from tests.bench.report.made_results import by_ear, pictures, result


@pytest.fixture(autouse=True)
def _hardly_any_resamples(monkeypatch):
    hurry(monkeypatch)


def standings(folder, *results):
    paths = [write(folder / f"{n}.json", one) for n, one in enumerate(results)]
    methods, _ = read_methods(paths)
    return standings_of(methods)


def made(number, accuracy=0.5, **changed):
    right = pictures(accuracy, 6, seed=number)
    return result(right, by_ear(number + 1, 6), model=f"m{number}", **changed)


def test_each_subset_and_build_has_a_table_of_its_own(tmp_path):
    found = standings(
        tmp_path,
        made(0),
        made(1, dataset_sha256="d" * 64),
        made(2, subset="val"),
        made(3, accuracy=0.8),
    )
    assert [[line.name for line in one.lines if line.method] for one in found] == [
        ["m3", "m0"],
        ["m1"],
        ["m2"],
    ]
    assert [one.place.build for one in found] == ["b" * 12, "d" * 12, "b" * 12]
    assert any(line.method is None for line in found[0].lines)
    assert all(line.method for line in found[2].lines)  # nothing is published on val


def test_listening_stands_in_a_column_and_in_no_table_of_its_own(tmp_path):
    heard = standings(tmp_path, made(0), made(1), result(pictures(0.7, 6), model="deaf to it"))
    assert [one.place.family for one in heard] == ["dataset"]
    values = {one.name: one.listening and one.listening.value for one in heard[0].lines}
    assert values["m0"] == pytest.approx(1 / 6)
    assert values["m1"] == pytest.approx(2 / 6)
    assert values["deaf to it"] is None
    assert heard[0].table.figures[0] == "miou_dataset"  # which they are ranked by
    leading = [one.name for one in heard[0].lines if "listening_score" in one.best]
    assert leading == ["m1"]


def test_a_line_has_the_counts_of_all_its_seeds_and_no_other_s(tmp_path):
    paths = [
        write(tmp_path / "a.json", made(0), made(0, seed=1)),
        write(tmp_path / "b.json", made(1)),
    ]
    methods, _ = read_methods(paths)
    (one,) = standings_of(methods)
    own = [line for line in one.lines if line.method]
    assert sorted(number for line in own for number in line.counts) == [0, 1, 2]
    for line in own:
        assert len(line.counts) == len(line.scored.entries)
        assert (line.listening.sd is None) == (len(line.counts) == 1)


def test_who_has_seen_the_test_stands_there_and_competes_with_nobody(tmp_path):
    chosen = {"train": {"selection": "test-as-published"}}
    (one,) = standings(
        tmp_path,
        made(0, 0.95, settings=chosen),
        made(1, 0.9, seen=SeenCount(3, 0, 6)),
        made(2, 0.7),
        made(3, 0.6),
    )
    own = [line for line in one.lines if line.method]
    assert [line.name for line in own] == [
        "m0 (CHOSEN ON TEST)",
        "m1 (HAS SEEN 3 OF 6)",
        "m2",
        "m3",
    ]
    assert [line.competes for line in own] == [False, False, True, True]
    assert ["miou_dataset" in line.best for line in own] == [False, False, True, False]


class TestPlanes:
    @pytest.fixture
    def planes(self, tmp_path):
        costs = [Cost(10**6, 10**9), Cost(10**8, 10**10), Cost(10**7, 10**11), None]
        results = [made(n, 0.5 + 0.1 * n, cost=cost) for n, cost in enumerate(costs)]
        (one,) = standings(tmp_path, *results)
        return {plane.quantity.name: plane for plane in planes_of(one)}

    def test_say_who_is_not_there(self, planes):
        assert planes["parameters"].missing == planes["GFLOPs"].missing == 1
        assert planes["listening_score"].missing == 0
        assert len(planes["listening_score"].spots) == 4

    def test_have_the_front_of_those_whom_none_beats_as_cheaply(self, planes):
        front = {spot.line.name for spot in planes["parameters"].spots if spot.is_front}
        assert front == {"m0", "m2"}  # m1 costs more than m2 and scores less
        front = {spot.line.name for spot in planes["GFLOPs"].spots if spot.is_front}
        assert front == {"m0", "m1", "m2"}

    def test_place_a_method_by_the_logarithm_of_its_cost(self, planes):
        plane = planes["parameters"]
        left = {spot.line.name: spot.left for spot in plane.spots}
        assert left["m2"] - left["m0"] == pytest.approx(left["m1"] - left["m2"], abs=0.01)
        for tick in plane.across.ticks:
            expected = 100 * (math.log10(float(tick.label)) - plane.across.low)
            assert tick.at == pytest.approx(
                expected / (plane.across.high - plane.across.low), abs=1
            )
        assert all(0 <= spot.bottom <= 100 for spot in plane.spots)

    def test_are_none_where_nobody_says_a_thing(self, tmp_path):
        (one,) = standings(tmp_path, result(pictures(0.5, 6)))
        assert planes_of(one) == ()

    def test_name_nobody_over_another(self, tmp_path):
        results = [made(n, 0.5 + 0.04 * n, cost=Cost(10**6 + 10**5 * n, 1)) for n in range(9)]
        (one,) = standings(tmp_path, *results)
        planes = planes_of(one)
        assert any(spot.is_named for spot in planes[0].spots)
        for plane in planes:
            for spot in (spot for spot in plane.spots if spot.is_named):
                for other in plane.spots:
                    aside = (other.left - spot.left) * (-1 if spot.is_turned else 1)
                    level = abs(other.bottom - spot.bottom) < ROW / 2
                    assert other is spot or not (level and 0 <= aside < COLUMN)


@pytest.mark.parametrize(("low", "high"), [(4.0, 4.0), (3.1, 3.2), (0.5, 186.0), (1e-3, 1e9)])
def test_a_logarithmic_axis_holds_its_ends_and_has_a_few_ticks(low, high):
    axis = log_axis(low, high)
    assert 0 < axis.place(math.log10(low)) <= axis.place(math.log10(high)) < 100
    assert 1 <= len(axis.ticks) <= 13
    assert all(0 <= tick.at <= 100 for tick in axis.ticks)


def test_the_leading_figure_ranks(tmp_path):
    (one,) = standings(tmp_path, *(made(n, 0.4 + 0.1 * n) for n in (2, 0, 1)))
    own = [line for line in one.lines if line.method]
    assert [line.score for line in own] == sorted(
        (miou_dataset(line.scored.overall).value for line in own), reverse=True
    )
