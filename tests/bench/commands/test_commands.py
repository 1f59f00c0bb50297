"""The command `avs-bench` from the outside."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from avs_bench.commands.main import main
from avs_bench.config import PRESETS, read_preset
from avs_bench.data.vpo import read_vpo
from avs_bench.results.files import read_results
from avs_bench.scoring.evaluate import evaluate
from tests.bench.checkpoints.test_opening import write_published
from tests.bench.conftest import SMALL
from vpo_builder.runtime.settings import preset_names

MORE = ("--probe-seed", 3, "--family", "frame", "--unseen", "cat", "--examples", 0)
SETS = [part for text in SMALL for part in ("--set", text)]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def train(folder: Path, out: Path, *more: object) -> Result:
    return run("train", "--preset", "tiny", "--data", folder, "--out", out, *SETS, *more)


def test_train_eval_and_report_from_a_folder_to_a_table(folder, tmp_path):
    out = tmp_path / "run"
    trained = train(folder, out)
    assert trained.exit_code == 0, trained.output
    assert "4 train, 1 val, 3 test samples" in trained.output
    assert trained.output.count("epoch ") >= 3

    scored = run("eval", "--run", out, "--data", folder)
    assert scored.exit_code == 0, scored.output
    reported = run("report", out)
    assert reported.exit_code == 0, reported.output
    table = reported.output.split("\n\n- Per cent.")[0]
    assert table in scored.output
    assert "miou_dataset" in table
    files = {path.name for path in (out / "report").iterdir()}
    assert files == {"index.html", "report.md", "report.tex", "report.csv", "per-class.csv"}
    assert len(list((out / "examples-best-vpo-ss-test").glob("*-pred.png"))) == 3

    probed = run("eval", "--run", out, "--data", folder, "--probe", "silence, noise", *MORE)
    assert probed.exit_code == 0, probed.output
    assert re.search(r"silence +3 ", probed.output)
    assert re.search(r"VPO-SS, test, AVSBench-Robust\n\nmodel .* G-mIoU +G-F +G-FPR", probed.output)
    assert re.search(r"silence \+ noise +3 ", probed.output)
    assert "VPO-SS, test, per frame" in probed.output
    assert re.search(r"classes: unseen +1 ", probed.output)
    command = read_results(out)[0].command
    assert command.endswith("--family frame --probe silence,noise --probe-seed 3 --unseen cat")

    resumed = run("train", "--data", folder, "--out", out, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert "nothing left to do" in resumed.output

    refused = one_line(train(folder, out, "--resume", "--set", "optim.lr=0.5"))
    assert "was begun with optim.lr = 0.01, now it is 0.5" in refused


def test_a_run_that_held_classes_out_is_scored_on_seen_and_unseen_apart(folder, tmp_path):
    out = tmp_path / "run"
    trained = train(folder, out, "--holdout-classes", "cat", "--set", "train.epochs=1")
    assert trained.exit_code == 0, trained.output
    scored = run("eval", "--run", out, "--data", folder, "--examples", 0)
    assert scored.exit_code == 0, scored.output
    assert re.search(r"classes: unseen +1 ", scored.output)
    assert re.search(r"classes: seen +2 ", scored.output)
    (stored,) = read_results(out)
    assert "--unseen" not in stored.command

    others = run("eval", "--run", out, "--data", folder, "--unseen", "dog", "--examples", 0)
    assert others.exit_code == 0, others.output
    heard = {i.item_id: i.groups["classes"] for i in read_results(out)[0].sets[0].items}
    assert list(heard.values()).count(("unseen",)) == 1


def test_published_weights_are_scored_under_their_authors_names(folder, tmp_path):
    path = tmp_path / "weights" / "official.pth"
    path.parent.mkdir()
    model = write_published(path, 7)
    sets = ("--set", "image.long_side=48", "--examples", 0, "--data", folder)
    scored = run("eval", "--checkpoint", path, "--preset", "tiny", *sets)
    assert scored.exit_code == 0, scored.output
    assert re.search(r"tiny +weights +official +3 ", scored.output)
    (stored,) = read_results(path.parent)
    assert stored.settings.keys() == {"model", "audio", "image"}
    assert stored.checkpoint_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "--preset tiny --set image.long_side=48 --data" in stored.command

    settings, dataset = read_preset("tiny", ("image.long_side=48",)), read_vpo(folder)
    cpu = torch.device("cpu")
    assert stored.sets == evaluate(model.eval(), dataset, "test", settings, cpu)
    by_name = run("eval", "--checkpoint", path, "--model", "tiny", *sets[2:])
    assert by_name.exit_code == 0, by_name.output
    assert run("report", path.parent).exit_code == 0


def test_a_precision_of_scoring_is_said_by_the_result_and_the_report(folder, tmp_path):
    path = tmp_path / "weights" / "official.pth"
    path.parent.mkdir()
    write_published(path, 7)
    asked = ("eval", "--checkpoint", path, "--preset", "tiny", "--set", "image.long_side=48")
    for further in ((), ("--precision", "bf16")):
        scored = run(*asked, "--examples", 0, "--data", folder, *further)
        assert scored.exit_code == 0, scored.output
    plain, rounded = sorted(read_results(path.parent), key=lambda result: result.precision)[::-1]
    assert (plain.precision, rounded.precision) == ("fp32", "bf16")
    assert rounded.file_stem == "official-vpo-ss-test-bf16"
    assert rounded.command == f"{plain.command} --precision bf16"
    reported = run("report", path.parent)
    assert reported.exit_code == 0, reported.output
    assert "tiny (SCORED IN BF16)" in reported.output


def test_published_weights_that_do_not_fit_are_one_line(folder, tmp_path):
    path = tmp_path / "official.pth"
    write_published(path, 22)
    asked = ("eval", "--checkpoint", path, "--data", folder)
    assert "weights for 22 classes" in one_line(run(*asked, "--model", "tiny"))
    assert "give either --model" in one_line(run(*asked, "--model", "tiny", "--preset", "tiny"))
    assert "not a checkpoint of this version" in one_line(run(*asked))
    assert "for --model or --preset only" in one_line(run(*asked, "--checkpoint", path))


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_options_that_would_go_unheard_are_refused(folder, tmp_path, command):
    """None of the files is looked for: the options alone contradict each other."""
    run_of_ours, path = ("--run", tmp_path / "run"), ("--checkpoint", tmp_path / "x.pt")
    asked = {
        "eval": ("eval", "--data", folder),
        "predict": ("predict", tmp_path / "a.jpg", "--out", tmp_path / "out"),
    }[command]
    change = ("--set", "image.long_side=48")
    for given, said in (
        ((), "give either --run FOLDER or --checkpoint FILE"),
        ((*run_of_ours, *path), "give either --run FOLDER or --checkpoint FILE"),
        ((*run_of_ours, "--model", "tiny"), "has its model and settings with it: leave --model"),
        ((*run_of_ours, "--preset", "tiny"), "has its model and settings with it: leave --preset"),
        ((*run_of_ours, *change), "has its model and settings with it: leave --set out"),
        ((*path, *change), "--set is for --model or --preset only"),
        ((*path, *path), "more than one --checkpoint is for --model or --preset only"),
        ((*path, "--model", "tiny", *change), "--set changes a preset: give --preset, not --model"),
    ):
        assert f"{command}: " in (line := one_line(run(*asked, *given)))
        assert said in line
    assert not (tmp_path / "out").exists()


def test_class_names_of_a_checkpoint_of_ours_are_its_own(tmp_path):
    told = ("predict", tmp_path / "a.jpg", "--out", tmp_path / "out", "--labels", "names.json")
    line = one_line(run(*told, "--checkpoint", tmp_path / "best.pt"))
    assert "--labels is for --model or --preset only" in line


def one_line(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    return result.stderr


def test_what_a_user_can_mend_is_one_line_and_code_two(folder, tmp_path):
    out, nowhere = tmp_path / "run", tmp_path / "nowhere"
    assert "no such folder" in one_line(train(nowhere, out))
    assert "unknown setting 'lr'" in one_line(train(folder, out, "--set", "lr=1"))
    assert "expected a folder" in one_line(train(folder, folder / "manifest.jsonl"))
    assert "--device cuda:9" in one_line(train(folder, out, "--device", "cuda:9"))
    assert "no preset 'huge'" in one_line(
        run("train", "--preset", "huge", "--data", folder, "--out", out)
    )
    assert "--preset is missing" in one_line(run("train", "--data", folder, "--out", out))
    assert "no run to go on with" in one_line(
        run("train", "--data", folder, "--out", out, "--resume")
    )
    assert "no such checkpoint" in one_line(run("eval", "--run", out, "--data", folder))
    assert "either --run" in one_line(run("eval", "--data", folder))
    assert "no probe 'quiet': choose of silence, " in one_line(
        run("eval", "--run", out, "--data", folder, "--probe", "quiet")
    )
    assert "no scores here" in one_line(run("report", nowhere))
    assert not out.exists()


def test_without_torch_one_line_says_how_to_get_it(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("avs_bench.runtime.optional_packages.find_spec", lambda name: None)
    assert "pip install .[bench]" in one_line(train(folder, tmp_path / "run"))


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["report", "--help"]])
def test_help_imports_neither_torch_nor_numpy(arguments):
    code = (
        "import sys; from avs_bench.commands.main import main\n"
        f"try: main({arguments!r})\n"
        "finally: assert not {'torch', 'numpy', 'pandas'} & set(sys.modules), 'slow'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("preset", preset_names(PRESETS))
def test_every_preset_is_complete_and_headed_by_its_command(preset):
    assert read_preset(preset).model.name
    text = (PRESETS / f"{preset}.toml").read_text()
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    assert f"avs-bench train --preset {preset} --data " in head
    assert "Hardware: " in head
    assert "Published" in head
