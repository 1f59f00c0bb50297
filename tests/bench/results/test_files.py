from dataclasses import replace

import msgspec
import numpy as np
import pytest

from avs_bench.metrics import Confusion, VideoScores, f_video, miou_frame
from avs_bench.report.runs import read_runs
from avs_bench.results.files import read_result, read_results, write_result
from avs_bench.results.items import encoded
from avs_bench.results.records import scored_item, scored_set
from tests.bench.report.made_results import confusion, frames, pictures, result, silence, videos
from vpo_builder.runtime.errors import InputError


@pytest.fixture
def scored():
    right = pictures(0.8)
    return result(right, probes=(silence(right, 0.5),))


def test_counts_survive_the_file(scored, tmp_path):
    path = write_result(tmp_path, scored)
    assert path.name == "scores-best-vpo-ss-test.json"
    assert read_results(tmp_path) == (scored,)
    assert path.read_bytes() == write_result(tmp_path / "again", scored).read_bytes()


@pytest.mark.parametrize(("made", "figure"), [(videos, f_video), (frames, miou_frame)])
def test_other_families_survive_it_too(made, figure, tmp_path):
    before = result(made())
    after = read_result(write_result(tmp_path, before))
    assert after == before
    assert figure(after.sets[0].overall) == figure(before.sets[0].overall)


def test_a_video_whose_pixels_are_all_ignored_survives_it_too(tmp_path):
    nothing = VideoScores.of(np.zeros((2, 3, 3)), np.full((2, 3, 3), 255), ignore=255)
    before = result(scored_set("video", 2, [scored_item("v", "v", {}, nothing)]))
    assert read_result(write_result(tmp_path, before)) == before


def test_a_set_adds_up_by_group_and_by_unit():
    scores = pictures(0.8, number=6)
    records = [confusion_of(scores, item) for item in scores.items]
    assert scores.overall == sum(records)
    parts = scores.groups()
    assert list(parts) == [*[("all", "all"), ("size", "large"), ("sources", "1"), ("sources", "2")]]
    one, two = parts["sources", "1"], parts["sources", "2"]
    assert one.overall + two.overall == scores.overall == parts["size", "large"].overall
    assert sum(scores.by_unit().values()) == scores.overall


def confusion_of(scores, item):
    record = scores.record(item)
    assert isinstance(record, Confusion)
    return record


def test_pictures_with_one_unit_are_resampled_together():
    scores = pictures(0.8, number=4)
    items = tuple(replace(item, unit="same") for item in scores.items)
    assert list(replace(scores, items=items).by_unit()) == ["same"]


def test_record_is_the_one_that_was_counted():
    scores = pictures(1.0, number=1)
    assert scores.overall == confusion(100, 0)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": 1}', b"\xff", b"[1]"])
def test_what_is_no_result_is_one_line(tmp_path, content):
    (tmp_path / "scores-x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"scores-x\.json: .*run avs-bench eval again"):
        read_results(tmp_path)


def edited(scored, **changes):
    tree = msgspec.json.decode(encoded(scored))
    tree["sets"][0]["items"][0] |= changes
    return msgspec.json.encode(tree)


@pytest.mark.parametrize(
    "counts", [[0], [0, -1], [9, 5], [-1, 5], [3, 4, 2, 4], [0, 2**62], [0, 2**64], [2, 3, 2, 3]]
)
def test_counts_that_cannot_be_are_found(scored, tmp_path, counts):
    (tmp_path / "scores-x.json").write_bytes(edited(scored, counts=counts))
    with pytest.raises(InputError, match="item 'p00' has counts that are no counts"):
        read_results(tmp_path)


def test_classes_and_counts_must_agree(scored, tmp_path):
    write_result(tmp_path, replace(scored, classes=("background", "cat")))
    with pytest.raises(InputError, match="counts of 3 classes, but 2 are named"):
        read_results(tmp_path)


def test_a_folder_without_scores_says_how_to_get_them(tmp_path):
    with pytest.raises(InputError, match="run avs-bench eval"):
        read_results(tmp_path)


class TestRuns:
    def test_are_named_by_the_shortest_ends_that_differ(self, scored, tmp_path):
        for path in ("x/one", "x/two", "y/one"):
            write_result(tmp_path / path, scored)
        folders = [tmp_path / "x/one", tmp_path / "x/two"]
        assert [run.name for run in read_runs(folders)] == ["one", "two"]
        names = [run.name for run in read_runs([*folders, tmp_path / "y/one"])]
        assert names == ["x/one", "x/two", "y/one"]

    def test_a_file_is_a_run_too(self, scored, tmp_path):
        path = write_result(tmp_path, scored)
        (run,) = read_runs([path])
        assert run.results == (scored,)

    def test_twice_the_same_is_refused(self, scored, tmp_path):
        write_result(tmp_path, scored)
        with pytest.raises(InputError, match="given twice"):
            read_runs([tmp_path, tmp_path / "."])

    def test_brings_its_epochs(self, scored, tmp_path):
        write_result(tmp_path, scored)
        (tmp_path / "history.jsonl").write_text('{"epoch":0,"loss":2.5}\n')
        assert read_runs([tmp_path])[0].history == ({"epoch": 0, "loss": 2.5},)
        (tmp_path / "history.jsonl").write_text("{")
        with pytest.raises(InputError, match=r"history\.jsonl: not the history"):
            read_runs([tmp_path])
