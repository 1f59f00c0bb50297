"""The leaderboard file: what it keeps, and what it is refused for."""

import re
from dataclasses import replace

import msgspec
import pytest
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.report.runs import read_runs
from avs_bench.report.score_tables import tables_of
from avs_bench.report.submission import read_submission, submission_of, write_submission
from avs_bench.report.text_formats import table_csv
from avs_bench.results.files import write_result
from tests.bench.report.made_results import frames, pictures, result, silence, videos
from vpo_builder.runtime.errors import InputError

pytestmark = pytest.mark.usefixtures("quick_intervals")


def write(folder, *sets, seed=0, **changed):
    """Write a run that was scored in these sets; return its folder."""
    write_result(folder, result(*sets, seed=seed, **changed))
    return folder


def report(*arguments):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def one_line(outcome):
    assert outcome.exit_code == 2, outcome.output
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1
    assert outcome.stderr.startswith("error: ")
    return outcome.stderr


def tables(printed):
    """Return the lines of the tables of a printed report."""
    return [line for line in printed.splitlines() if line.startswith("|")]


def figures(path):
    """Return every figure of a report on `path` but for the name of the run."""
    (run,) = read_runs([path])
    return table_csv(tables_of([replace(run, name="it")]).every)


@pytest.fixture
def probed(tmp_path):
    right = pictures(0.8)
    return write(tmp_path / "run", right, frames(), probes=(silence(right, 0.5),))


@pytest.fixture
def submitted(probed, tmp_path):
    path = tmp_path / "board" / "mine.json"
    write_submission(path, submission_of((run.name, run.results) for run in read_runs([probed])))
    return path


class TestRoundTrip:
    def test_gives_every_figure_group_and_probe_again(self, probed, submitted):
        assert figures(submitted) == figures(probed)
        assert figures(submitted).count("miou_dataset") > 3

    def test_holds_of_the_families_of_videos_too(self, tmp_path):
        one = result(videos(), dataset="AVSBench-S4")
        write_submission(tmp_path / "mine.json", submission_of([("run", [one])]))
        (run,) = read_runs([tmp_path / "mine.json"])
        assert run.results == (one,)

    def test_of_seeds_is_one_row_again(self, tmp_path):
        runs = [write(tmp_path / f"s{s}", pictures(0.8, seed=s), seed=s) for s in (1, 2, 3)]
        path = tmp_path / "mine.json"
        first = report(*runs, "--submit", path)
        assert first.exit_code == 0, first.output
        again = report(path)
        assert re.search(r"^tiny +3 seeds ", again.stdout, re.M)
        spread = "±"
        assert spread in again.stdout
        assert (
            again.stdout.replace("mine.json: ", "").split("\n\n" + str(tmp_path))[0]
            == (first.stdout.split("\n\n" + str(tmp_path))[0])
        )

    def test_states_what_a_reader_needs_without_this_program(self, submitted):
        (run,) = msgspec.json.decode(submitted.read_bytes())["runs"]
        (one,) = run["results"]
        assert one["result"]["dataset_sha256"] == "b" * 64
        assert one["result"]["command"] == "avs-bench eval --checkpoint x.pt"
        assert one["result"]["versions"] == {"torch": "2"}
        (miou,) = (f for f in one["figures"] if f["name"] == "miou_dataset")
        assert 0 < miou["value"] < 1
        assert "a class absent from prediction and target counts 0" in miou["rules"]

    def test_from_before_the_figures_of_wrong_sounds_is_read_as_it_was(self, probed, submitted):
        (run,) = msgspec.json.decode(submitted.read_bytes())["runs"]
        stated = run["results"][0]["figures"]
        assert [figure["name"] for figure in stated[9:]] == ["G-mIoU", "G-F", "G-FPR"]
        edited(submitted, *FIGURES, value=stated[:9])
        assert figures(submitted) == figures(probed)

    def test_is_what_the_command_writes(self, probed, submitted, tmp_path):
        outcome = report(probed, "--submit", tmp_path / "again.json")
        assert outcome.exit_code == 0, outcome.output
        assert outcome.stdout.endswith("again.json\n")
        assert (tmp_path / "again.json").read_bytes() == submitted.read_bytes()


class TestComparison:
    def test_pairs_a_submission_with_a_run(self, submitted, tmp_path):
        other = write(tmp_path / "other", pictures(0.6, seed=4), seed=4, model="small")
        outcome = report(submitted, other, "--compare")
        assert outcome.exit_code == 0, outcome.output
        assert "VPO-SS, test, dataset level, compared with tiny" in outcome.stdout

    def test_of_another_manifest_is_refused_and_a_report_separates_it(self, submitted, tmp_path):
        other = write(tmp_path / "other", pictures(0.6), dataset_sha256="d" * 64)
        refused = one_line(report(submitted, other, "--compare"))
        assert "different builds of VPO-SS (manifest bbbbbbbbbbbb and dddddddddddd)" in refused
        apart = report(submitted, other)
        assert apart.exit_code == 0, apart.output
        assert "VPO-SS (manifest dddddddddddd), test, dataset level\n" in apart.stdout
        assert "figures on different manifests do not compare" in apart.stdout

    def test_of_other_pictures_under_one_manifest_is_refused(self, submitted, tmp_path):
        fewer = write(tmp_path / "fewer", pictures(0.8, number=9))
        said = one_line(report(submitted, fewer))
        assert "name one build of VPO-SS (manifest bbbbbbbbbbbb)" in said
        assert "3 items of test are not the same in both, such as 'p09'" in said


def edited(path, *keys, value):
    """Change one place of a json file."""
    tree = msgspec.json.decode(path.read_bytes())
    node = tree
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    path.write_bytes(msgspec.json.encode(tree))


RESULT = ("runs", 0, "results", 0, "result")
FIGURES = ("runs", 0, "results", 0, "figures")
ITEM = (*RESULT, "sets", 0, "items", 0)
FRAME_ITEM = (*RESULT, "sets", 1, "items", 0)
PROBE = (*RESULT, "probes", 0)


class TestACorruptedOne:
    @pytest.mark.parametrize(
        ("keys", "value", "said"),
        [
            (("format",), 2, "a submission of format 2, this version reads 1"),
            (("format",), "1", "a submission of format '1'"),
            (("runs",), [], "0 runs"),
            (("runs", 0, "results"), [], "run 'run' has no results"),
            ((*RESULT, "format"), 7, "counts of format 7, expected 1"),
            ((*RESULT, "subset"), "trial", "no submission: Invalid enum value 'trial'"),
            ((*RESULT, "epochs"), 1.5, "Expected `int`, got `float`"),
            ((*RESULT, "epochs"), -1, "-1 epochs"),
            ((*RESULT, "settings"), {"train": 3}, "its settings have no group train"),
            ((*RESULT, "checkpoint"), "../../best", "checkpoint '../../best' is no name"),
            ((*RESULT, "dataset"), "a/b", "dataset 'a/b' is no name"),
            ((*RESULT, "dataset_sha256"), "b" * 63, "is no sha256"),
            ((*RESULT, "classes"), ["background", "cat"], "counts of 3 classes, but 2 are named"),
            ((*RESULT, "classes"), ["a"] * 3, "class 'a' twice"),
            ((*RESULT, "classes"), ["c"] * 99_999, "99999 classes, expected 1 to 255"),
            ((*RESULT, "sets"), [], "no family was scored"),
            ((*RESULT, "sets", 0, "items"), [], "no item in family dataset"),
            ((*RESULT, "sets", 1, "family"), "dataset", "family 'dataset' twice"),
            ((*ITEM, "item_id"), "p01", "item 'p01' twice"),
            ((*ITEM, "counts"), [0, -1], "item 'p00' has counts that are no counts"),
            ((*ITEM, "counts"), [0, 1, 0, 1], "item 'p00' has counts that are no counts"),
            ((*ITEM, "counts"), [0, 10**30], "item 'p00' has counts that are no counts"),
            ((*ITEM, "counts"), [0, 2**61], "item 'p00' has counts that do not fit each other"),
            ((*ITEM, "counts"), [0, 34, 3, 33, 6, 33], "states miou_dataset = 0."),
            ((*FRAME_ITEM, "counts"), [1, 1], "'f0' has counts that do not fit"),
            ((*FRAME_ITEM, "counts"), [0, 1, 1, 2], "'f0' has counts that do not fit"),
            ((*FRAME_ITEM, "counts"), [0, 1, 1, 1, 4, 2**41], "'f0' has counts that do not fit"),
            ((*PROBE, "labelled", "family"), "frame", "counted in family frame"),
            ((*PROBE, "labelled", "items"), [], "no item in family dataset"),
            ((*PROBE, "labelled", "items", 0, "item_id"), "x", "has other items than the scores"),
            ((*PROBE, "labelled", "items", 0, "counts"), [0, 9], "has other items than the scores"),
            ((*FIGURES, 0, "value"), 0.999, "states miou_dataset = 0.999, its counts give 0."),
            ((*FIGURES, 0, "value"), None, "states miou_dataset = None, its counts give 0."),
            ((*FIGURES, 0, "rules"), "absent classes left out", "scored by another protocol: its"),
            ((*FIGURES, 0, "name"), "miou", "states 12 figures, the protocol of its counts has"),
            ((*FIGURES, 9, "value"), 0.999, "states G-mIoU = 0.999, its counts give 0."),
            ((*FIGURES, 9, "name"), "G-x", "states 12 figures, the protocol of its counts has"),
            (FIGURES, [], "states 0 figures"),
        ],
    )
    def test_is_refused_with_one_line(self, submitted, keys, value, said):
        edited(submitted, *keys, value=value)
        assert said in one_line(report(submitted))

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (0, 2),  # videos
            (1, 0),  # frames
            (2, 5),  # more frames with an object than frames
            (3, 2**40),  # a J that is not the mean of its frames'
            (4, 2**40),  # an F that is no maximum of its curve
            (6, 2**42),  # a curve above one
        ],
    )
    def test_video_s_counts_are_held_against_each_other(self, tmp_path, place, value):
        path = tmp_path / "mine.json"
        write_submission(path, submission_of([("run", [result(videos())])]))
        tree = msgspec.json.decode(path.read_bytes())
        counts = tree["runs"][0]["results"][0]["result"]["sets"][0]["items"][0]["counts"]
        dense = dict(zip(counts[::2], counts[1::2], strict=True)) | {place: value}
        flat = [number for pair in sorted(dense.items()) if pair[1] for number in pair]
        edited(path, *ITEM, "counts", value=flat)
        assert "item 'v0' has counts that do not fit each other" in one_line(report(path))

    def test_may_be_cut_short_or_nested_without_end(self, submitted):
        whole = submitted.read_bytes()
        submitted.write_bytes(whole[: len(whole) // 2])
        assert "mine.json: no scores:" in one_line(report(submitted))
        deep = b'{"kind":"avs-bench submission","format":1,"runs":' + b"[" * 100_000
        submitted.write_bytes(deep)
        assert "mine.json: no scores:" in one_line(report(submitted))

    def test_moves_no_cursor(self, submitted):
        edited(submitted, *RESULT, "model", value="\x1b[2Jtiny\u202e")
        outcome = report(submitted)
        assert outcome.exit_code == 0
        assert "\x1b" not in outcome.stdout
        assert "\u202e" not in outcome.stdout
        assert "[2Jtiny" in outcome.stdout


class TestWriting:
    def test_replaces_a_submission_and_nothing_else(self, submitted, tmp_path):
        one = submission_of([("a", [result(pictures(0.8))])])
        write_submission(submitted, one)
        assert read_submission(submitted) == one
        scores = write_result(tmp_path, result(pictures(0.8)))
        before = scores.read_bytes()
        with pytest.raises(InputError, match="is there and is no submission: give another name"):
            write_submission(scores, one)
        assert scores.read_bytes() == before

    def test_refuses_a_name_before_it_makes_a_report(self, probed, tmp_path):
        assert "ends in .json" in one_line(report(probed, "--submit", tmp_path / "best.pt"))
        assert not (probed / "report").exists()

    def test_refuses_two_runs_of_one_name(self, tmp_path):
        one = result(pictures(0.8))
        with pytest.raises(InputError, match="2 runs of 1 names"):
            write_submission(tmp_path / "a.json", submission_of([("a", [one]), ("a", [one])]))


def test_a_run_chosen_on_test_is_marked_whatever_its_file_calls_it(tmp_path):
    chosen = {"train": {"selection": "test-as-published"}}
    folder = write(tmp_path / "run", pictures(0.8), settings=chosen)
    path = tmp_path / "board.json"
    assert report(folder, "--submit", path).exit_code == 0
    assert read_submission(path).runs[0].name == "run (CHOSEN ON TEST)"
    path.write_bytes(path.read_bytes().replace(b" (CHOSEN ON TEST)", b""))
    printed = report(path, "--out", tmp_path / "report")
    assert printed.exit_code == 0, printed.output
    assert " board.json (CHOSEN ON TEST) " in printed.stdout
    assert "board.json (CHOSEN ON TEST)" in (tmp_path / "report" / "index.html").read_text()
