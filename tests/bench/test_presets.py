"""Every preset is complete; the ones of AVSBench and Single+ train, are scored and reported."""

import re
import tomllib

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from avs_bench.checkpoints.run_checkpoint import model_of, read_checkpoint
from avs_bench.commands.main import main
from avs_bench.config import PRESETS, read_preset
from avs_bench.models import registry
from tests.avsbench_trees import write_avss, write_ms3, write_s4
from tests.bench.models.small_models import SmallVGGish, small_avsegformer, small_tpavi
from tests.builder.building import run_build
from tests.builder.building_single_plus import FOLDER, build_from
from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.runtime.settings import preset_names

NAMES = preset_names(PRESETS)
TABLES = tomllib.loads((PRESETS.parent / "report" / "published.toml").read_text())["table"]
PUBLISHED = {value for table in TABLES for _, *values in table["rows"] for value in values}
"""Every figure that stands as published, so none that its authors withdrew."""
CLASSES = {"s4": 2, "ms3": 2, "avss": 71, "plus": 24}


def write_single_plus(folder):
    build_from(write_s4(folder / "avsbench"), folder)
    return folder / FOLDER


TREES = {"s4": write_s4, "ms3": write_ms3, "avss": write_avss, "plus": write_single_plus}
"""What a preset's name ends in."""
FIGURES = {"s4": "j_video", "ms3": "j_video", "avss": "miou_frame", "plus": "miou_dataset"}

TRAINED = [n for n in NAMES if n.rpartition("-")[2] in TREES and "pvt" not in n]
"""PVT's presets differ from ResNet's in the name of the model alone."""

SMALL = (
    "image.long_side=32",
    "image.crop=32",
    "train.epochs=2",
    "train.validate_epochs=2",
    "train.batch_size=2",
    "loader.workers=0",
    "optim.lr=0.001",
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("tpavi-r50", "tpavi-pvtv2-b5"):
        monkeypatch.setitem(registry.MODELS, name, small_tpavi)
    monkeypatch.setitem(registry.MODELS, "avsegformer-r50", small_avsegformer)

    def run(*words):
        return CliRunner().invoke(main, [str(word) for word in words])

    return run


def flags(*settings):
    return [word for setting in settings for word in ("--set", setting)]


def one_line(refused):
    """Return what a command said that ended with code 2 and one line on stderr."""
    assert refused.exit_code == 2, refused.output
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.count("\n") == 1
    return refused.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_complete_its_model_exists_and_its_head_names_its_command(name):
    settings = read_preset(name)
    with torch.device("meta"):
        model = model_of(settings, CLASSES.get(name.rpartition("-")[2], 22))
    assert sum(parameter.numel() for parameter in model.parameters()) > 3e6
    head = (PRESETS / f"{name}.toml").read_text().partition("extends")[0]
    assert f"--preset {name} " in head
    assert "Hardware: " in head
    _, word, figures = head.partition("# Published")
    assert word
    assert {float(found) for found in re.findall(r"\b\d\d\.\d+\b", figures)} <= PUBLISHED


@pytest.mark.parametrize("name", TRAINED)
def test_a_preset_of_avsbench_trains_is_scored_and_reported(name, run, tmp_path):
    kind = name.rpartition("-")[2]
    data, out = TREES[kind](tmp_path / "data"), tmp_path / "run"
    method = ("model.name=tiny", "model.options={}") if name.startswith("cavp") else ()
    trial = (*SMALL, *method, "train.untrained_vggish=true")
    trained = run("train", "--preset", name, "--data", data, "--out", out, *flags(*trial))
    assert trained.exit_code == 0, trained.output
    scored = run("eval", "--run", out, "--data", data)
    assert scored.exit_code == 0, scored.output
    assert read_checkpoint(out / "last.pt").training["progress"]["step"] >= 2
    assert FIGURES[kind] in scored.output
    reported = run("report", out)
    assert reported.exit_code == 0, reported.output
    assert FIGURES[kind] in reported.output


def test_tpavi_without_the_weights_of_vggish_is_refused_in_one_line(run, tmp_path):
    data = write_s4(tmp_path / "data")
    words = ("train", "--preset", "tpavi-r50-s4", "--data", data, "--out", tmp_path / "run")
    refused = one_line(run(*words, *flags(*SMALL)))
    assert "frozen VGGish, which has no weights: give --weights" in refused

    vggish = tmp_path / "vggish.pth"
    torch.save(SmallVGGish().state_dict(), vggish)
    given = run(*words, *flags(*SMALL), "--weights", vggish)
    assert given.exit_code == 0, given.output
    first, second, *_ = given.output.splitlines()
    assert first.endswith("; begins")  # the small backbone has no published file
    assert f"{vggish}: 4 entries loaded, into audio_encoder" in second


@pytest.mark.parametrize(
    ("fusion", "said"),
    [
        ("none", "; begins"),
        (
            "add",
            "; begins WITHOUT what the published model began with, by --weights: audio_encoder "
            "(vggish-10086976.pth)",
        ),
    ],
)
def test_tpavis_ablation_is_one_setting_of_its_presets(fusion, said, run, tmp_path):
    data, out = write_ms3(tmp_path / "data"), tmp_path / "run"
    trial = flags(*SMALL, f"model.options.fusion={fusion}", "train.untrained_vggish=true")
    trained = run("train", "--preset", "tpavi-r50-ms3", "--data", data, "--out", out, *trial)
    assert trained.exit_code == 0, trained.output
    assert trained.output.splitlines()[0].endswith(said)
    scored = run("eval", "--run", out, "--data", data, "--examples", 0)
    assert scored.exit_code == 0, scored.output


def test_a_checkpoint_does_not_score_a_dataset_of_other_classes(run, tmp_path):
    s4, avss = write_s4(tmp_path / "s4"), write_avss(tmp_path / "avss")
    trial = flags(*SMALL, "train.untrained_vggish=true")
    out = tmp_path / "run"
    run("train", "--preset", "tpavi-r50-s4", "--data", s4, "--out", out, *trial)
    assert "71 classes, but" in one_line(run("eval", "--run", out, "--data", avss))


def test_a_wav_missing_in_mid_epoch_and_a_picture_of_one_pixel_are_one_line_each(run, tmp_path):
    data = write_ms3(tmp_path / "data")
    trial = flags(*SMALL, "train.untrained_vggish=true")
    words = ("train", "--preset", "tpavi-r50-ms3", "--data", data, *trial)
    wav = next(data.rglob("audio_wav/train/*.wav"))
    content = wav.read_bytes()
    wav.unlink()
    assert f"{wav.name}: no such file" in one_line(run(*words, "--out", tmp_path / "a"))

    wav.write_bytes(content)
    for mask in data.rglob("gt_masks/train/*/*.png"):
        Image.new("L", (1, 1)).save(mask)
    for frame in data.rglob("visual_frames/-*/*.png"):
        Image.new("RGB", (1, 1)).save(frame)
    refused = one_line(run(*words, "--out", tmp_path / "b"))
    assert "1×1 pixels, expected at least 16" in refused


@needs_corpus
@pytest.mark.parametrize("split", ["ss", "ms"])
def test_vpo_from_real_photographs_trains_and_is_scored(split, run, tmp_path):
    sources = ("--coco", CORPUS / "coco", "--vggsound", CORPUS / "vggsound")
    built = run_build("--split", split, *sources, "--out", tmp_path, "--workers", 1)
    assert built.exit_code == 0, built.output
    data, out = tmp_path / "VPO" / f"VPO-{split.upper()}", tmp_path / "run"
    words = ("train", "--preset", "tiny", "--data", data, "--out", out)
    trained = run(*words, *flags("train.epochs=2", "image.long_side=64", "image.crop=48"))
    assert trained.exit_code == 0, trained.output
    scored = run("eval", "--run", out, "--data", data, "--examples", 0)
    assert scored.exit_code == 0, scored.output
    assert "miou_dataset" in scored.output
    reported = run("report", out)
    assert reported.exit_code == 0, reported.output
    assert "miou_dataset" in reported.output
