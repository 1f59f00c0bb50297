import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from avs_bench.checkpoint import model_of
from avs_bench.evaluation import evaluate
from avs_bench.metrics import Confusion, miou_dataset
from avs_bench.report import (
    GroupCounts,
    Report,
    markdown,
    read_reports,
    write_per_class,
    write_report,
)
from vpo_builder.errors import InputError

CPU = torch.device("cpu")


@pytest.fixture
def report():
    everything = Confusion(3, np.array([[50, 0, 0], [10, 30, 0], [0, 0, 10]]))
    part = Confusion(3, np.array([[20, 0, 0], [10, 0, 0], [0, 0, 10]]))
    return Report(
        model="tiny",
        checkpoint="best",
        epochs=4,
        trained_on="VPO-SS",
        trained_on_sha256="a" * 64,
        dataset="VPO-MS",
        dataset_sha256="b" * 64,
        subset="test",
        classes=("background", "cat", "dog"),
        groups=(
            GroupCounts("all", "all", 5, everything),
            GroupCounts("listening", "some-silent", 2, part),
            GroupCounts("picture", "single", 5, everything),
        ),
    )


def test_counts_survive_the_file(report, tmp_path):
    path = write_report(tmp_path, report)
    assert path.name == "scores-best-vpo-ms-test.json"
    assert read_reports(tmp_path) == (report,)


def test_a_row_for_everything_and_one_for_each_group_that_is_a_part(report):
    rows = [line.split("|") for line in markdown([("run", report)]).splitlines()[2:]]
    groups = [cells[6].strip() for cells in rows if len(cells) > 6]
    assert groups == ["all", "listening: some-silent"]
    mean = 100 * miou_dataset(report.groups[0].confusion).value
    assert rows[0][9].strip() == f"{mean:.2f}"


def test_the_table_carries_the_rules_of_its_figures(report):
    text = markdown([("run", report)])
    assert "- miou_dataset: " in text
    assert "a class absent from prediction and target counts 0" in text


def test_the_csv_has_the_areas_of_every_class(report, tmp_path):
    write_per_class(tmp_path / "a.csv", "run, one", report)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cat = next(row for row in rows if row["class"] == "cat")
    assert cat["run"] == "run, one"
    assert float(cat["iou_dataset"]) == pytest.approx(30 / 40)
    areas = [cat[name] for name in ("right_pixels", "predicted_pixels", "target_pixels")]
    assert areas == ["30", "30", "40"]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"model": 1}', b"\xff"])
def test_what_is_no_report_is_one_line(tmp_path, content):
    (tmp_path / "scores-x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"scores-x\.json: not a report"):
        read_reports(tmp_path)


def test_a_folder_without_scores_says_how_to_get_them(tmp_path):
    with pytest.raises(InputError, match="run avs-bench eval"):
        read_reports(tmp_path)


def test_scores_do_not_depend_on_the_batch_and_cover_every_group(dataset, settings):
    model = model_of(settings, len(dataset.classes))
    results = [
        evaluate(
            model,
            dataset,
            "test",
            replace(settings, evaluation=replace(settings.evaluation, batch_size=size)),
            CPU,
        )
        for size in (1, 8)
    ]
    assert results[0] == results[1]
    groups = {(part.kind, part.name): part for part in results[0]}
    everything = groups["all", "all"]
    assert everything.examples == 3
    assert everything.confusion.pixels == 3 * 96 * 64  # at the masks' own size, none ignored
    heard = groups["listening", "some-silent"], groups["listening", "all-sound"]
    assert heard[0].confusion + heard[1].confusion == everything.confusion


def test_an_empty_subset_is_one_line(dataset, settings):
    empty = replace(dataset, subsets=dataset.subsets | {"test": ()})
    with pytest.raises(InputError, match="test subset is empty"):
        evaluate(model_of(settings, 7), empty, "test", settings, CPU)
