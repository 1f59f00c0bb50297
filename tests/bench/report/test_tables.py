from dataclasses import replace

import pytest

from avs_bench.metrics import bootstrap, miou_dataset, over_seeds
from avs_bench.report.comparison_tables import comparison_tables
from avs_bench.report.published_rows import all_rows, published_rows
from avs_bench.report.score_tables import group_tables, probe_tables, score_tables
from avs_bench.report.table import Number
from tests.bench.report.made_results import frames, pictures, result, run, silence, videos
from vpo_builder.runtime.errors import InputError


def column(table, figure):
    return [row.numbers[table.figures.index(figure)] for row in table.rows]


def ours(table):
    return [row for row in table.rows if not row.published]


class TestScores:
    def test_a_run_alone_has_the_interval_over_its_pictures(self):
        scores = pictures(0.8)
        (table,) = score_tables([run("a", result(scores))])
        interval = bootstrap(scores.by_unit(), miou_dataset)
        assert column(table, "miou_dataset")[0] == Number(
            interval.figure.value, interval.low, interval.high
        )

    def test_runs_that_differ_in_the_seed_are_one_row(self):
        sets = [pictures(0.8, seed=seed) for seed in (1, 2, 3)]
        runs = [run(f"s{i}", result(one, seed=i)) for i, one in enumerate(sets)]
        (table,) = score_tables(runs)
        spread = over_seeds([miou_dataset(one.overall) for one in sets])
        (row,) = ours(table)
        assert row.words[0] == "s0, s1, s2"
        assert row.numbers[0] == Number(spread.mean, sd=spread.sd)

    @pytest.mark.parametrize(
        "change",
        [
            {"settings": {"model": {"name": "tiny"}, "train": {"seed": 1, "epochs": 5}}},
            {"trained_on_sha256": "d" * 64},
            {"checkpoint": "last"},
            {},  # the same seed twice is no second draw
        ],
    )
    def test_any_other_difference_keeps_runs_apart(self, change):
        first, other = result(pictures(0.8)), result(pictures(0.7), **change)
        (table,) = score_tables([run("a", first), run("b", other)])
        assert [row.words[0] for row in ours(table)] == ["a", "b"]

    def test_a_run_chosen_on_test_is_marked_and_does_not_compete(self):
        chosen = {"train": {"selection": "test-as-published"}}
        runs = [
            run("a", result(pictures(0.8))),
            run("b", result(pictures(0.99), settings=chosen)),
            run("c", result(pictures(0.7), checkpoint="last")),
        ]
        (table,) = score_tables(runs)
        assert [row.words[0] for row in ours(table)] == ["a", "b (CHOSEN ON TEST)", "c"]
        assert table.best("miou_dataset") == {0}
        assert any(note.startswith("CHOSEN ON TEST: ") for note in table.notes)
        (alone,) = score_tables(runs[:1])
        assert not any("CHOSEN ON TEST" in note for note in alone.notes)

    def test_builds_of_a_dataset_never_share_a_table(self):
        other = result(pictures(0.7), dataset_sha256="d" * 64)
        tables = score_tables([run("a", result(pictures(0.8))), run("b", other)])
        assert [table.title for table in tables] == [
            f"VPO-SS (manifest {digit * 12}), test, dataset level" for digit in "bd"
        ]
        assert all(any("do not compare" in note for note in table.notes) for table in tables)

    def test_families_never_share_a_table(self):
        one = result(pictures(0.8), frames())
        tables = score_tables([run("a", one), run("b", result(videos(), dataset="AVSBench-S4"))])
        families = [{name.split("_")[1] for name in t.figures if "_" in name} for t in tables]
        assert [t.title.split(", ")[-1] for t in tables] == [
            "dataset level",
            "per frame",
            "per video",
        ]
        assert "dataset" in families[0]
        assert not any("dataset" in name for t in tables[1:] for name in t.figures)
        for table in tables:
            for row in table.rows:
                assert len(row.numbers) == len(table.figures)

    def test_every_figure_of_a_table_says_its_rules(self):
        for table in score_tables([run("a", result(pictures(0.8), frames()))]):
            for figure in table.figures:
                assert any(note.startswith(f"{figure}: ") for note in table.notes)

    def test_the_best_of_ours_is_marked_and_the_published_ones_do_not_compete(self):
        good, bad = result(pictures(0.5)), result(pictures(0.4, seed=3), model="other")
        (table,) = score_tables([run("bad", bad), run("good", good)])
        assert table.best("miou_dataset") == {1}
        assert table.best("fdr_dataset") == {1}  # the lower one
        (alone,) = score_tables([run("good", good)])
        assert len(alone.rows) > 2
        assert alone.best("miou_dataset") == frozenset()

    def test_synthetic_data_are_said_to_be(self):
        made_up = result(pictures(0.8), synthetic=True)
        (table,) = score_tables([run("a", made_up)])
        assert any("synthetic" in note for note in table.notes)
        (table,) = score_tables([run("a", replace(made_up, synthetic=False))])
        assert not any("synthetic" in note for note in table.notes)


class TestPublished:
    def test_rows_of_the_dataset_and_family_only(self):
        rows = published_rows("VPO-SS", "test", "dataset")
        assert len(rows) == 8
        assert rows[1].figures == {"fdr_dataset": 20.41, "miou_dataset": 61.21, "f1_dataset": 73.29}
        assert published_rows("VPO-SS", "val", "dataset") == ()
        assert published_rows("VPO-SS", "test", "frame") == ()
        assert published_rows("my own", "test", "dataset") == ()

    def test_s4_has_other_papers_rows_and_never_the_other_family_s(self):
        methods = {row.method: row for row in published_rows("avsbench-s4", "test", "video")}
        assert {"ECMVAE", "TPAVI, ResNet50", "AVSegFormer, PVTv2-b5"} <= set(methods)
        assert "CAVP (AVSBench-Salient)" not in methods

    def test_withdrawn_figures_are_gone_and_quoted_ones_say_so(self):
        figures = [row.figures for row in all_rows()]
        assert not any(76.94 in row.values() or 52.68 in row.values() for row in figures)
        told = [row for row in all_rows() if "j_and_f_dataset" in row.figures]
        assert len(told) == 9
        assert all(row.source.startswith("second-hand: ") for row in told)

    @pytest.mark.parametrize(
        ("dataset", "family", "number"),
        [
            ("VPO-SS", "dataset", 8),
            ("VPO-MS", "dataset", 8),
            ("VPO-MSMI", "dataset", 3),
            ("AVSBench-Single+", "dataset", 2),
            ("AVSBench-S4", "video", 21),
            ("AVSBench-MS3", "video", 21),
            ("AVSBench-Semantic", "frame", 12),
            ("AVSBench-AVSS", "frame", 12),
        ],
    )
    def test_each_dataset_has_those_that_were_read(self, dataset, family, number):
        assert len(published_rows(dataset, "test", family)) == number

    def test_every_row_s_figures_are_of_its_family_and_sourced(self):
        for row in all_rows():
            assert all(row.family in name.split("_") for name in row.figures), row
            assert all(0 < value < 100 for value in row.figures.values()), row
            assert "(read 20" in row.source

    def test_they_stand_below_ours_in_per_cent(self):
        (table,) = score_tables([run("a", result(pictures(0.8)))])
        assert [row.published for row in table.rows] == [False] + 8 * [True]
        assert column(table, "miou_dataset")[2] == Number(pytest.approx(0.6121))
        assert column(table, "f03_dataset")[2] is None


class TestGroups:
    def test_a_row_for_each_part_and_none_for_what_is_everything(self):
        (table,) = group_tables([run("a", result(pictures(0.8)))])
        assert [row.words[1:3] for row in table.rows] == [("sources: 1", "6"), ("sources: 2", "6")]

    def test_no_table_without_parts(self):
        assert group_tables([run("a", result(frames()))]) == ()


class TestProbes:
    def test_the_gain_is_right_minus_silence(self):
        right = pictures(0.9)
        deaf = result(right, probes=(silence(right, 0.5),))
        (table,) = probe_tables([run("a", deaf)])
        gain = column(table, "lost by the probe")[0]
        assert 0 < gain.low < gain.value < gain.high
        assert table.rows[0].words[:3] == ("a", "silence", "12")
        assert any("does it?" in note and "somewhere" in note for note in table.notes)

    def test_no_table_without_probes(self):
        assert probe_tables([run("a", result(pictures(0.8)))]) == ()


class TestComparison:
    def test_pairs_every_figure_with_its_difference(self):
        runs = [run("a", result(pictures(0.6))), run("b", result(pictures(0.9, seed=4), seed=1))]
        (table,) = comparison_tables(runs)
        row = table.rows[0]
        assert row.words[:2] == ("b", "miou_dataset")
        assert row.words[2].endswith("*")
        first, second, difference = row.numbers
        assert difference.value == pytest.approx(second.value - first.value)
        assert 0 < difference.low < difference.value

    def test_a_run_chosen_on_test_says_so_beside_its_difference(self):
        chosen = {"train": {"selection": "test-as-published"}}
        runs = [run("a", result(pictures(0.6))), run("b", result(pictures(0.9), settings=chosen))]
        (table,) = comparison_tables(runs)
        assert table.rows[0].words[0] == "b (CHOSEN ON TEST)"
        assert any(note.startswith("CHOSEN ON TEST: ") for note in table.notes)
        (plain,) = comparison_tables([runs[0], run("c", result(pictures(0.7)))])
        assert not any("CHOSEN ON TEST" in note for note in plain.notes)

    def test_other_data_are_refused(self):
        runs = [run("a", result(pictures(0.6)))]
        with pytest.raises(InputError, match="at least two runs"):
            comparison_tables(runs)
        other = result(pictures(0.6), dataset_sha256="d" * 64)
        with pytest.raises(InputError, match="different builds of VPO-SS"):
            comparison_tables([*runs, run("b", other)])
        elsewhere = result(pictures(0.6), dataset="VPO-MS")
        with pytest.raises(InputError, match="shares no dataset"):
            comparison_tables([*runs, run("b", elsewhere)])
