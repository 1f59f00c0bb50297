import math
from dataclasses import replace

import pytest

from avs_bench.metrics import (
    Confusion,
    Figure,
    Interval,
    bootstrap,
    compare_models,
    holm,
    miou_dataset,
    over_seeds,
)
from avs_bench.metrics.robust import g_f, g_fpr, g_miou, sound_scores
from avs_bench.report.comparison_tables import comparison_tables
from avs_bench.report.models import models_of
from avs_bench.report.page import leading_figures
from avs_bench.report.published_rows import all_rows, published_rows
from avs_bench.report.robust_table import robust_tables
from avs_bench.report.score_tables import group_tables, probe_tables, score_tables
from avs_bench.report.table import Number, Row, Table
from avs_bench.results.records import SeenCount, scored_item, scored_set
from tests.bench.conftest import few_resamples
from tests.bench.report.made_results import frames, pictures, result, run, silence, videos
from vpo_builder.runtime.errors import InputError


@pytest.fixture
def quick():
    with few_resamples():
        yield


def column(table, figure):
    return [row.numbers[table.figures.index(figure)] for row in table.rows]


def score_tables_of(runs):
    return score_tables(models_of(runs))


def group_tables_of(runs):
    return group_tables(models_of(runs))


def probe_tables_of(runs):
    return probe_tables(models_of(runs))


def ours(table):
    return [row for row in table.rows if not row.published]


@pytest.mark.usefixtures("quick")
class TestScores:
    def test_a_run_alone_has_the_interval_over_its_pictures(self):
        scores = pictures(0.8)
        (table,) = score_tables_of([run("a", result(scores))])
        interval = bootstrap(scores.by_unit(), miou_dataset)
        assert column(table, "miou_dataset")[0] == Number(
            interval.figure.value, interval.low, interval.high
        )

    def test_runs_that_differ_in_the_seed_are_one_row(self):
        sets = [pictures(0.8, seed=seed) for seed in (1, 2, 3)]
        runs = [run(f"s{i}", result(one, seed=i)) for i, one in enumerate(sets)]
        (table,) = score_tables_of(runs)
        spread = over_seeds([miou_dataset(one.overall) for one in sets])
        (row,) = ours(table)
        assert row.words[:3] == ("tiny", "3 seeds", "best, epoch 4, 4, 4")
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
        (table,) = score_tables_of([run("a", first), run("b", other)])
        assert [row.words[:2] for row in ours(table)] == [("tiny (a)", "a"), ("tiny (b)", "b")]

    def test_a_run_chosen_on_test_is_marked_and_does_not_compete(self):
        chosen = {"train": {"selection": "test-as-published"}}
        runs = [
            run("a", result(pictures(0.8))),
            run("b", result(pictures(0.99), settings=chosen)),
            run("c", result(pictures(0.7), checkpoint="last")),
        ]
        (table,) = score_tables_of(runs)
        assert [row.words[:2] for row in ours(table)] == [
            ("tiny (a)", "a"),
            ("tiny (CHOSEN ON TEST)", "b (CHOSEN ON TEST)"),
            ("tiny (c)", "c"),
        ]
        assert table.best("miou_dataset") == {0}
        assert any(note.startswith("CHOSEN ON TEST: ") for note in table.legend)
        (alone,) = score_tables_of(runs[:1])
        assert not any("CHOSEN ON TEST" in note for note in alone.below)

    def test_builds_of_a_dataset_never_share_a_table(self):
        other = result(pictures(0.7), dataset_sha256="d" * 64)
        tables = score_tables_of([run("a", result(pictures(0.8))), run("b", other)])
        assert [table.title for table in tables] == [
            f"VPO-SS (manifest {digit * 12}), test, dataset level" for digit in "bd"
        ]
        assert all(any("do not compare" in note for note in table.legend) for table in tables)

    def test_families_never_share_a_table(self):
        one = result(pictures(0.8), frames())
        tables = score_tables_of([run("a", one), run("b", result(videos(), dataset="AVSBench-S4"))])
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
        for table in score_tables_of([run("a", result(pictures(0.8), frames()))]):
            for figure in table.figures:
                assert any(note.startswith(f"{figure}: ") for note in table.notes)

    def test_the_best_of_ours_is_marked_and_the_published_ones_do_not_compete(self):
        good, bad = result(pictures(0.5)), result(pictures(0.4, seed=3), model="other")
        (table,) = score_tables_of([run("bad", bad), run("good", good)])
        assert table.best("miou_dataset") == {1}
        assert table.best("fdr_dataset") == {1}  # the lower one
        (alone,) = score_tables_of([run("good", good)])
        assert len(alone.rows) > 2
        assert alone.best("miou_dataset") == frozenset()

    def test_what_figures_are_read_against_is_neither_best_nor_drawn(self):
        names = ("accuracy_instances", "chance_instances", "ap_instances", "ap50_instances")
        rows = [Row((name,), (Number(x),) * 4, name) for name, x in (("a", 0.4), ("b", 0.5))]
        table = Table("instances", ("model",), names, tuple(rows), ranked=True)
        assert [table.best(name) for name in names] == [{1}, set(), {1}, {1}]
        assert leading_figures(table) == ["accuracy_instances", "ap_instances"]

    def test_synthetic_data_are_said_to_be(self):
        made_up = result(pictures(0.8), synthetic=True)
        (table,) = score_tables_of([run("a", made_up)])
        assert any("synthetic" in note for note in table.legend)
        (table,) = score_tables_of([run("a", replace(made_up, synthetic=False))])
        assert not any("synthetic" in note for note in table.legend)


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
        (table,) = score_tables_of([run("a", result(pictures(0.8)))])
        assert [row.published for row in table.rows] == [False] + 8 * [True]
        assert column(table, "miou_dataset")[2] == Number(pytest.approx(0.6121))
        assert column(table, "f03_dataset")[2] is None


class TestGroups:
    def test_a_row_for_each_part_and_none_for_what_is_everything(self):
        (table,) = group_tables_of([run("a", result(pictures(0.8)))])
        assert [row.words[1:3] for row in table.rows] == [("sources: 1", "6"), ("sources: 2", "6")]

    def test_no_table_without_parts(self):
        assert group_tables_of([run("a", result(frames()))]) == ()


class TestProbes:
    def test_the_gain_of_seeds_is_their_mean_and_tested_over_them(self):
        runs = []
        for seed in range(3):
            right = pictures(0.8, seed=seed)
            runs.append(run(f"s{seed}", result(right, seed=seed, probes=(silence(right, 0.5),))))
        (table,) = probe_tables_of(runs)
        (row,) = table.rows
        (gain,) = column(table, "lost by the probe")
        alone = [column(probe_tables_of([one])[0], "lost by the probe")[0].value for one in runs]
        assert gain.value == pytest.approx(sum(alone) / 3)
        assert gain.low < gain.value < gain.high
        assert row.numbers[0].sd == 0  # the answers to silence are made alike
        assert row.words[0] == "tiny"

    def test_the_gain_is_right_minus_silence(self):
        right = pictures(0.9)
        deaf = result(right, probes=(silence(right, 0.5),))
        (table,) = probe_tables_of([run("a", deaf)])
        gain = column(table, "lost by the probe")[0]
        assert 0 < gain.low < gain.value < gain.high
        assert table.rows[0].words[:3] == ("tiny", "silence", "12")
        assert table.rows[0].words[3].endswith("*")
        assert any("does it?" in note and "somewhere" in note for note in table.notes)

    def test_no_table_without_probes(self):
        assert probe_tables_of([run("a", result(pictures(0.8)))]) == ()


class TestRobust:
    def probed(self, right):
        nothing = silence(right, 0.5)
        some = replace(nothing.labelled, items=nothing.labelled.items[:9])
        return nothing, replace(nothing, probe="off-screen", answer=some, labelled=some)

    def test_has_a_row_for_each_wrong_sound_and_one_for_all(self):
        right = pictures(0.9)
        single = replace(silence(right, 0.5), probe="single")  # no negative sound
        scored = result(right, probes=(single, *self.probed(right)))
        (table,) = robust_tables(models_of([run("a", scored)]))
        assert [row.words for row in table.rows] == [
            ("tiny", "silence", "12"),
            ("tiny", "off-screen", "9"),
            ("tiny", "silence + off-screen", "9"),
        ]
        assert table.figures == ("G-mIoU", "G-F", "G-FPR")
        mine, wrong = (
            sound_scores(kept.record(item) for item in kept.items[:9])
            for kept in (right, scored.probes[1].labelled)
        )
        expected = [g_miou(mine, [wrong]), g_f(mine, [wrong]), g_fpr([wrong])]
        for row in table.rows[1:]:  # on these nine both sounds are answered alike
            assert [number.value for number in row.numbers] == [figure.value for figure in expected]
        assert 0 < expected[0].value < 1
        assert any(note.startswith("G-FPR: share of each frame") for note in table.notes)

    def test_of_seeds_is_their_mean_and_spread(self):
        rights = [pictures(0.8, seed=seed) for seed in range(3)]
        runs = [
            run(f"s{seed}", result(right, seed=seed, probes=(silence(right, 0.5),)))
            for seed, right in enumerate(rights)
        ]
        (table,) = robust_tables(models_of(runs))
        alone = [robust_tables(models_of([one]))[0].rows[0].numbers[0].value for one in runs]
        assert table.rows[0].numbers[0].value == pytest.approx(sum(alone) / 3)
        assert table.rows[0].numbers[0].sd > 0

    def test_there_is_none_without_a_negative_sound(self):
        right = pictures(0.9)
        single = replace(silence(right, 0.5), probe="single")
        assert robust_tables(models_of([run("a", result(right, probes=(single,)))])) == ()


def seeds_of(model, accuracy, first_seed=0, number=3, **changed):
    settings = [{"model": {"name": model}, "train": {"seed": seed}} for seed in range(number)]
    return [
        run(
            f"{model}-s{seed}",
            result(
                pictures(accuracy, seed=first_seed + seed),
                model=model,
                settings=settings[seed],
                **changed,
            ),
        )
        for seed in range(number)
    ]


class TestNames:
    def names(self, *runs):
        return [model.name for model in models_of(runs)]

    def test_a_model_has_its_own_name_and_seeds_that_of_what_they_share(self):
        low = {"model": {"name": "m"}, "train": {"lr": 1}}
        runs = [
            run(f"runs/{name}", result(pictures(0.8), model="m", settings=settings))
            for name, settings in (
                ("low-s0", low | {"train": {"lr": 1, "seed": 0}}),
                ("low-s1", low | {"train": {"lr": 1, "seed": 1}}),
                ("high_seed_10", low | {"train": {"lr": 2, "seed": 10}}),
                ("high_seed_11", low | {"train": {"lr": 2, "seed": 11}}),
            )
        ]
        assert self.names(*runs) == ["m (runs/low)", "m (runs/high)"]
        assert self.names(*runs[:2]) == ["m"]
        assert self.names(runs[0], runs[2]) == ["m (runs/low-s0)", "m (runs/high_seed_10)"]

    def test_names_that_share_nothing_are_told_in_full(self):
        first, second, third = (result(pictures(0.8), seed=seed) for seed in range(3))
        other = replace(third, trained_on="elsewhere", trained_on_sha256="d" * 64)
        runs = [run("x", first), run("y", second), run("z", other)]
        assert self.names(*runs) == ["tiny (x, y)", "tiny (z)"]

    def test_no_two_models_share_a_name(self):
        runs = [*seeds_of("m", 0.8), *seeds_of("m", 0.8, trained_on_sha256="d" * 64)]
        renamed = [replace(one, name=f"m-s{place}") for place, one in enumerate(runs)]
        assert self.names(*renamed) == ["m (m-s0, m-s1, m-s2)", "m (m-s3, m-s4, m-s5)"]

    def test_checkpoints_of_a_model_are_rows_of_their_own(self):
        runs = [
            run(f"s{seed}", *(result(pictures(0.8), seed=seed, checkpoint=c) for c in ("a", "b")))
            for seed in range(2)
        ]
        (table,) = score_tables_of(runs)
        assert [row.words[:3] for row in ours(table)] == [
            ("tiny", "2 seeds", f"{name}, epoch 4, 4") for name in "ab"
        ]
        (table,) = group_tables_of(runs)
        assert {row.words[0] for row in table.rows} == {"tiny, a", "tiny, b"}


class TestNothing:
    def test_figures_on_nothing_are_a_dash_with_its_reason(self):
        nothing = scored_set("dataset", 3, [scored_item("p", "p", {}, Confusion.empty(3))])
        (table,) = score_tables_of([run("a", result(nothing))])
        assert {str(number) for number in table.rows[0].numbers} == {"–"}
        assert table.missing == (
            "–: no pixel is counted: the set is empty, or all of it is ignored.",
        )

    def test_an_interval_that_nobody_knows_is_none(self):
        number = Number.of(Interval(Figure("miou_dataset", 0.5, ""), *2 * [math.nan], 0.95, 9, 9))
        assert str(number) == "50.00"
        assert number.why.startswith("no interval: ")


class TestComparison:
    @pytest.mark.usefixtures("quick")
    def test_pairs_every_figure_with_its_difference(self):
        runs = [run("a", result(pictures(0.6))), run("b", result(pictures(0.9, seed=4), model="m"))]
        (table,) = comparison_tables(runs)
        row = table.rows[0]
        assert row.words[:2] == ("m", "miou_dataset")
        assert row.words[3].endswith("*")
        first, second, difference = row.numbers
        assert difference.value == pytest.approx(second.value - first.value)
        assert 0 < difference.low < difference.value

    def test_models_are_compared_over_their_seeds(self):
        (table,) = comparison_tables([*seeds_of("a", 0.6), *seeds_of("b", 0.61, 10)])
        assert [row.words[0] for row in table.rows] == ["b"] * 6
        expected = compare_models(
            [pictures(0.61, seed=seed).by_unit() for seed in (10, 11, 12)],
            [pictures(0.6, seed=seed).by_unit() for seed in (0, 1, 2)],
            miou_dataset,
        )
        first, second, difference = table.rows[0].numbers
        assert (first.sd, second.sd) == (expected.second.sd, expected.first.sd)
        assert difference == Number(expected.difference, expected.low, expected.high)
        assert table.rows[0].words[2] == f"{expected.p_value:.4f}"
        assert any("Rockette" in note for note in table.notes)

    def test_p_values_are_corrected_over_all_rows_and_the_star_is_for_those(self):
        runs = [run("a", result(pictures(0.6)))]
        runs += [
            run(name, result(pictures(0.61 + 0.02 * place, seed=place + 5), model=name))
            for place, name in enumerate("bc")
        ]
        (table,) = comparison_tables(runs)
        assert len(table.rows) == 12
        plain = [float(row.words[2]) for row in table.rows]
        corrected = [row.words[3] for row in table.rows]
        assert [float(p.rstrip("*")) for p in corrected] == pytest.approx(holm(plain), abs=1e-2)
        assert any(p < 0.05 and not q.endswith("*") for p, q in zip(plain, corrected, strict=True))
        assert all(q.endswith("*") == (float(q.rstrip("*")) < 0.05) for q in corrected)

    def test_seeds_of_one_model_are_no_comparison(self):
        with pytest.raises(InputError, match="at least two models, got 3 seeds of tiny"):
            comparison_tables(
                [run(f"s{i}", result(pictures(0.6, seed=i), seed=i)) for i in range(3)]
            )

    @pytest.mark.usefixtures("quick")
    def test_a_run_chosen_on_test_says_so_beside_its_difference(self):
        chosen = {"train": {"selection": "test-as-published"}}
        runs = [run("a", result(pictures(0.6))), run("b", result(pictures(0.9), settings=chosen))]
        (table,) = comparison_tables(runs)
        assert table.rows[0].words[0] == "tiny (CHOSEN ON TEST)"
        assert any(note.startswith("CHOSEN ON TEST: ") for note in table.legend)
        (plain,) = comparison_tables([runs[0], run("c", result(pictures(0.7)))])
        assert not any("CHOSEN ON TEST" in note for note in plain.below)

    def test_other_data_are_refused(self):
        runs = [run("a", result(pictures(0.6)))]
        with pytest.raises(InputError, match="at least two models"):
            comparison_tables(runs)
        other = result(pictures(0.6), dataset_sha256="d" * 64)
        with pytest.raises(InputError, match="different builds of VPO-SS"):
            comparison_tables([*runs, run("b", other)])
        elsewhere = result(pictures(0.6), dataset="VPO-MS")
        with pytest.raises(InputError, match="shares no dataset"):
            comparison_tables([*runs, run("b", elsewhere)])


@pytest.mark.usefixtures("quick")
def test_scores_of_16_bits_are_marked_and_are_no_other_seed():
    rounded = result(pictures(0.5), precision="bf16")
    (table,) = score_tables_of(
        [run("r", result(pictures(0.6))), run("s", rounded, result(pictures(0.7)))]
    )
    assert [row.words[0] for row in table.rows[:3]] == [
        "tiny (r)",
        "tiny (s) (SCORED IN BF16)",
        "tiny (s)",
    ]
    assert any(line.startswith("SCORED IN BF16 or FP16") for line in table.legend)
    (plain,) = score_tables_of([run("r", result(pictures(0.6)))])
    assert not any(line.startswith("SCORED IN") for line in plain.legend)


@pytest.mark.usefixtures("quick")
def test_a_model_that_has_seen_what_is_scored_is_marked_and_does_not_compete():
    scored = pictures(0.9), pictures(0.5, seed=1), pictures(0.6, seed=2)
    results = [result(one, model=f"m{n}", seed=n) for n, one in enumerate(scored)]
    seen = replace(results[0], seen=SeenCount(2, 1, 12))
    runs = [run(f"r{n}", one) for n, one in enumerate([seen, *results[1:]])]
    (table,) = score_tables_of(runs)
    assert [row.words[0] for row in table.rows[:3]] == ["m0 (HAS SEEN 3 OF 12)", "m1", "m2"]
    assert table.best("miou_dataset") == {2}
    assert any(line.startswith("HAS SEEN n OF m") for line in table.legend)
