"""`stats`: the counts are those of the manifest, and what is scarce is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.builder.dataset_by_hand import PICTURES, Picture, write_dataset
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.statistics.charts import group_colour, write_chart
from vpo_builder.statistics.counts import Scarcity, count, format_statistics, scarcities


def test_samples_are_counted_by_class_and_subset(small_dataset: Path) -> None:
    statistics = count(read_manifest(small_dataset))
    assert statistics.categories == ("bus", "cat", "dog", "keyboard", "male", "skateboard")
    assert [row.samples for row in statistics.of_class("cat")] == [1, 1, 1]
    assert [row.samples for row in statistics.of_class("dog")] == [2, 0, 1]
    assert [row.samples for row in statistics.of_class("bus")] == [0, 0, 0]
    assert statistics.samples == 8


def test_a_sample_with_two_sources_counts_for_both_classes(small_duets: Path) -> None:
    statistics = count(read_manifest(small_duets))
    assert [row.sources for row in statistics.of_class("dog")] == [2, 0, 1]
    assert [row.sources for row in statistics.of_class("cat")] == [1, 0, 1]
    train = statistics.subsets[0]
    assert (train.samples, train.sources, train.by_sources) == (2, 4, (0, 0, 2))


def test_the_share_with_a_silent_eligible_object(small_dataset: Path, small_duets: Path) -> None:
    single = count(read_manifest(small_dataset)).subsets
    assert [(row.some_silent, row.samples) for row in single] == [(2, 4), (0, 1), (2, 3)]
    train_line = [line for line in lines_of(small_duets) if line.startswith("train")]
    assert train_line[0].split()[-3:] == ["1", "50.0", "%"]


def test_clip_reuse_is_told_apart_from_sources(small_dataset: Path) -> None:
    manifest = read_manifest(small_dataset)
    shared = manifest.samples[0].sources[0].clip_id
    samples = tuple(
        replace(sample, sources=tuple(replace(s, clip_id=shared) for s in sample.sources))
        for sample in manifest.samples
    )
    train = count(Manifest(manifest.folder, manifest.meta, samples)).of_class("dog")[0]
    assert (train.sources, train.clips, train.most_used) == (2, 1, 2)


def test_several_sources_of_one_class_are_one_sample(small_duets: Path) -> None:
    manifest = read_manifest(small_duets)
    sample = manifest.samples[0]
    twins = tuple(replace(source, category="dog") for source in sample.sources)
    twice = Manifest(manifest.folder, manifest.meta, (replace(sample, sources=twins),))
    row = count(twice).of_class("dog")[0]
    assert (row.samples, row.sources) == (1, 2)


def test_scarce_classes_are_named(tmp_path: Path) -> None:
    clips = [f"{number:011d}_000000" for number in range(25)]
    many = [Picture(20 + n, "test", (("dog", clip),)) for n, clip in enumerate(clips)]
    statistics = count(read_manifest(write_dataset(tmp_path, [*PICTURES, *many])))
    scarce = scarcities(statistics)
    assert Scarcity("cat", "test", 1, 20) in scarce
    assert Scarcity("bus", "val", 0, 10) in scarce
    assert not [row for row in scarce if (row.category, row.subset) == ("dog", "test")]
    assert not [row for row in scarce if row.subset == "train"]
    text = list(format_statistics(statistics))
    named = [line for line in text if line.startswith("warning: fewer than 20 test samples")]
    assert "cat 1" in named[0]
    assert "dog" not in named[0]


def test_the_table_s_columns_line_up(small_dataset: Path) -> None:
    header, *rows = lines_of(small_dataset)[2:9]
    assert header.split()[:2] == ["class", "group"]
    assert {len(row) for row in rows} == {len(header)}


def test_the_report_says_that_a_corpus_is_synthetic(small_dataset: Path) -> None:
    assert "synthetic" in lines_of(small_dataset)[0]


def test_the_chart_is_a_png_that_the_counts_alone_decide(small_dataset: Path) -> None:
    statistics = count(read_manifest(small_dataset))
    first, second = small_dataset / "one.png", small_dataset / "two.png"
    write_chart(statistics, first)
    write_chart(statistics, second)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.size == (1600, 720)
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    for group in ("animal", "human"):
        colour = tuple(int(group_colour(group)[i : i + 2], 16) for i in (1, 3, 5))
        assert (pixels == colour).all(axis=1).sum() > 2000, f"no {group} in the chart"
    sport = tuple(int(group_colour("sport")[i : i + 2], 16) for i in (1, 3, 5))
    assert not (pixels == sport).all(axis=1).any()


def test_a_dataset_without_samples_has_a_report_and_a_chart(tmp_path: Path) -> None:
    statistics = count(read_manifest(write_dataset(tmp_path, [])))
    assert any("–" in line for line in format_statistics(statistics))
    write_chart(statistics, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 1000


def lines_of(folder: Path) -> list[str]:
    return list(format_statistics(count(read_manifest(folder))))
