"""`vpo-data stats` on AVSBench as published: videos and annotated frames, as its papers count."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.avsbench_trees import (
    AVSS_VIDEOS,
    MS3_VIDEOS,
    S4_VIDEOS,
    MadeVideo,
    unpickled_mark,
    write_avss,
    write_ms3,
    write_s4,
)
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.avsbench_trees import find_trees
from vpo_builder.runtime import progress
from vpo_builder.runtime.errors import InputError
from vpo_builder.statistics.avsbench import TreeStatistics, VideoCount, count_tree


def run_stats(*arguments: object) -> Result:
    return CliRunner().invoke(data_command, ["stats", *map(str, arguments)])


def statistics_of(folder: Path) -> list[TreeStatistics]:
    return [count_tree(tree) for tree in find_trees(folder)]


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("avsbench_data")
    return write_avss(write_ms3(write_s4(folder)))


def test_annotated_frames_follow_each_part_s_rule(trees: Path) -> None:
    s4, ms3, avss = statistics_of(trees)
    assert s4.by_folder == {
        ("", "train"): VideoCount(3, 3, 3),
        ("", "val"): VideoCount(1, 5, 5),
        ("", "test"): VideoCount(2, 10, 10),
    }
    assert ms3.total == VideoCount(3, 15, 15)
    assert avss.by_folder["v1s", "train"] == VideoCount(1, 1, 1)
    assert avss.by_folder["v1s", "val"] == VideoCount(1, 5, 5)
    assert avss.by_folder["v1m", "train"] == VideoCount(1, 5, 5)
    assert avss.by_folder["v2", "test"] == VideoCount(1, 10, 10)


def test_categories_are_counted_and_a_video_with_two_counts_for_both(trees: Path) -> None:
    s4, ms3, avss = statistics_of(trees)
    assert s4.by_category["dog_barking", "train"] == VideoCount(1, 1, 1)
    assert s4.by_category["dog_barking", "test"] == VideoCount(1, 5, 5)
    assert ms3.by_category == {}
    assert avss.by_category["man", "train"] == VideoCount(1, 5, 5)
    assert avss.by_category["man", "test"] == VideoCount(1, 5, 5)
    assert sum(count.videos for count in avss.by_category.values()) == 9


def test_every_file_of_a_complete_tree_is_found_under_its_name(trees: Path) -> None:
    assert [tree.lacking for tree in statistics_of(trees)] == [(), (), ()]
    assert not unpickled_mark(trees).exists()


@pytest.mark.parametrize(
    ("path", "video"),
    [
        ("Single-source/s4_data/audio_wav/val/cat_meowing/3vAlCaTvAl3.wav", S4_VIDEOS[3]),
        ("Single-source/s4_data/visual_frames/train/cat_meowing/-0aBcDeFgHi/-0aBcDeFgHi_5.png",
         S4_VIDEOS[0]),
        ("Multi-sources/ms3_data/visual_frames/-mS3TrAiN-1/-mS3TrAiN-1.mp4_3.png", MS3_VIDEOS[0]),
        ("AVSBench_semantic/v2/avss_w2_5000_15000/labels_semantic/9.png", AVSS_VIDEOS[5]),
        ("AVSBench_semantic/v1s/-avss_s1_0_5000/frames/4.jpg", AVSS_VIDEOS[0]),
    ],
)  # fmt: skip
def test_a_video_that_lacks_a_file_is_named(
    trees: Path, tmp_path: Path, path: str, video: MadeVideo
) -> None:
    own = shutil.copytree(trees, tmp_path / "own")
    (own / path).unlink()
    assert [name for tree in statistics_of(own) for name in tree.lacking] == [video.name]
    assert f"warning: 1 videos lack files: {video.name}" in run_stats(own).stdout


def test_each_tree_says_how_far_it_is(trees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_stats(trees).stderr == ""
    monkeypatch.setattr(progress, "LINE_AFTER_SECONDS", 0.0)
    said = run_stats(trees).stderr.splitlines()
    assert "S4: videos: 1/6, 00:00 left" in said
    assert list(dict.fromkeys(line.partition(":")[0] for line in said)) == ["S4", "MS3", "AVSS"]


def test_the_report_has_the_papers_figures(trees: Path) -> None:
    lines = run_stats(trees).stdout.splitlines()
    assert "AVSBench S4 (one source): 6 videos, 18 annotated frames, 4 categories" in lines
    assert "AVSBench MS3 (several sources): 3 videos, 15 annotated frames" in lines
    rows = [line.split() for line in lines]
    assert ["S4", "test", "2", "10", "10"] in rows
    assert ["v1s", "train", "1", "1", "1"] in rows
    assert ["dog_barking", "1", "0", "1", "2", "1", "0", "5", "6"] in rows


def test_one_part_alone_is_counted_from_its_own_folder(trees: Path) -> None:
    assert [tree.part for tree in find_trees(trees / "AVSBench_semantic")] == ["AVSS"]
    assert [tree.part for tree in find_trees(trees)] == ["S4", "MS3", "AVSS"]


def test_a_folder_of_neither_kind_says_what_was_expected(tmp_path: Path) -> None:
    result = run_stats(tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "no manifest.meta.json" in result.stderr


def test_commands_for_datasets_of_ours_say_what_a_tree_is_for(trees: Path) -> None:
    for words in (["verify"], ["audit"], ["export", "--format", "hf", "--out", "x"]):
        result = CliRunner().invoke(data_command, [words[0], str(trees), *words[1:]])
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert "but s4_meta_data.csv of AVSBench as published: vpo-data stats" in result.stderr


def test_a_tree_has_no_chart(trees: Path, tmp_path: Path) -> None:
    result = run_stats(trees, "--png", tmp_path / "chart.png")
    assert result.exit_code == 2
    assert "it has tables, no chart" in result.stderr


@pytest.mark.parametrize(
    ("csv", "old", "new", "said"),
    [
        ("Multi-sources/ms3_meta_data.csv", "video_id", "name", "no column video_id"),
        ("AVSBench_semantic/metadata.csv", ",v1s", ",v3", "line 2: label 'v3', expected one of"),
        ("AVSBench_semantic/metadata.csv", ",cat,", ",cat_,", "line 2: a_obj 'cat_': expected"),
        ("AVSBench_semantic/metadata.csv", "-avss_s1_0_5000", "/etc", "'/etc' is no video's name"),
    ],
)
def test_wrong_csvs_are_named(
    trees: Path, tmp_path: Path, csv: str, old: str, new: str, said: str
) -> None:
    own = shutil.copytree(trees, tmp_path / "own")
    text = (own / csv).read_text()
    assert old in text
    (own / csv).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=r"\.csv") as caught:
        find_trees(own)
    assert said in str(caught.value)
