"""From pictures and recordings that are not COCO's and VGGSound's to scores, by the commands."""

from pathlib import Path

import click
from click.testing import CliRunner

from avs_bench.commands.main import main as bench
from tests.builder.own_corpora import write_own_folder, write_own_recordings
from tests.test_end_to_end import ONE_EPOCH, setting
from vpo_builder.commands.vpo_build import build_command
from vpo_builder.commands.vpo_data import data_command

OWN = """
[[images]]
name = "my pictures"
masks = "masks"
pictures = "pictures"
licence = "CC BY 4.0"
licence_url = "https://creativecommons.org/licenses/by/4.0/"
"""


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
