"""From pictures and recordings that are not COCO's and VGGSound's to scores, by the commands."""

import csv
import tomllib
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from avs_bench.commands.main import main as bench
from tests.builder.own_corpora import (
    write_fsd50k,
    write_lvis,
    write_own_folder,
    write_own_recordings,
)
from tests.test_end_to_end import ONE_EPOCH, setting
from vpo_builder.classes import CLASS_TABLES
from vpo_builder.commands.vpo_build import build_command
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import read_manifest

OWN = """
[[images]]
name = "my pictures"
masks = "masks"
pictures = "pictures"
licence = "CC BY 4.0"
licence_url = "https://creativecommons.org/licenses/by/4.0/"
"""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def run(command: click.Command, *words: object) -> str:
    """Run a command in this process and return what it prints."""
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, f"{words}: {done.output}"
    return done.output


def goes_through_everything(data: Path, work: Path, samples: int) -> None:
    """Verify, audit, show, train on and score a dataset."""
    assert f"{samples} samples" in run(data_command, "verify", data, "--decode")
    assert " 0 leaks" in run(data_command, "audit", data, "--sheet", work / "alike.html")
    run(data_command, "stats", data, "--png", work / "statistics.png")
    shown = run(data_command, "gallery", data, "--out", work / "gallery")
    assert f"{samples} of {samples} samples" in shown
    train = ("train", "--preset", "tiny", "--data", data, "--out", work / "run")
    run(bench, *train, *setting(*ONE_EPOCH))
    assert "miou_dataset" in run(bench, "eval", "--run", work / "run", "--data", data)
    run(bench, "report", work / "run", "--out", work / "report")
    told = (work / "report" / "report.md").read_text()
    assert "VPO-SS of other sources, test, dataset level" in told
    assert "published [" not in told  # figures of other pictures and sounds


def test_from_ones_own_pictures_and_recordings_to_scores(tmp_path: Path) -> None:
    sounds = write_own_recordings(tmp_path / "recordings")
    mine = write_own_folder(tmp_path / "mine")
    (mine / "sources.toml").write_text(OWN)
    build = ("--split", "ss", "--out", tmp_path / "data", "--workers", 1)
    said = run(
        *(build_command, *build, "--images", mine, "--sounds", sounds),
        *setting("subsets.val_fraction=0.3", "subsets.test_fraction=0.3"),
    )
    data = tmp_path / "data" / "VPO" / "VPO-SS"
    samples = int(said.splitlines()[-1].removeprefix(f"{data}: ").removesuffix(" samples"))
    goes_through_everything(data, tmp_path, samples)
    card = (data / "README.md").read_text()
    assert "Photographs of the list my pictures in which" in card
    assert "a recording of recordings.csv" in card
    assert "The strictest in force is **CC BY 4.0**" in card
    assert "COCO" not in card
    assert "VGGSound" not in card.replace("vggsound_bench/VGGSound", "")


def test_the_recipe_from_lvis_and_fsd50k_to_scores(tmp_path: Path) -> None:
    table = tomllib.loads((CLASS_TABLES / "vpo-v2.toml").read_text())
    rows = table["class"]
    sounds = write_fsd50k(tmp_path / "FSD50K", [name for row in rows for name in row["labels"]])
    lists = write_lvis(tmp_path / "lvis")
    build = ("--split", "ss", "--preset", "vpo-v2", "--out", tmp_path / "data", "--workers", 1)
    said = run(build_command, *build, "--images", lists, "--sounds", sounds)
    data = tmp_path / "data" / "VPO" / "VPO-SS"
    assert "  annotated_in_part" in said
    samples = read_manifest(data).samples
    heard = {source.category for sample in samples for source in sample.sources}
    assert heard == {"cat", "dog", "drum", "guitar"}
    goes_through_everything(data, tmp_path, len(samples))
    card = (data / "README.md").read_text()
    assert "Photographs of LVIS v1 in which one object sounds: a recording of FSD50K" in card
    assert "gupta2019lvis" in card
    assert "fonseca" in card
    assert "VGGSound" not in card.replace("vggsound_bench/VGGSound", "")
    with (data / "ATTRIBUTION.csv").open(newline="") as file:
        clips = [row for row in csv.DictReader(file) if row["kind"] == "clip"]
    assert {row["license"] for row in clips} <= {
        "CC BY 4.0",
        "CC BY-NC 3.0",
        "CC BY 3.0",
        "CC0 1.0",
    }
    assert all(row["author_page"].startswith("https://freesound.org/") for row in clips)
