"""A setting outside its range is one line that names it, and nothing is written."""

import json

import pytest
import torch
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.training.fit import fit
from tests.bench.conftest import SMALL

WRONG = (
    *("train.epochs=-1", "train.epochs=0", "train.batch_size=0", "train.micro_batch_size=-1"),
    *("train.validate_epochs=0", "train.patience=-1", "train.ema_decay=1.0", "train.seed=-1"),
    *("train.ema_decay=-0.1", "train.checkpoint_steps=-1", "loader.workers=-1"),
    *("loader.cache_mib=-1", "evaluation.batch_size=0", "image.crop=0", "image.long_side=-5"),
    *(
        "image.long_side=15",
        "image.frames=0",
        "image.video_frames=-1",
        "audio.frame_step=0.0",
        "optim.lr=-1.0",
    ),
    *("optim.lr=nan", "optim.momentum=1.0", "optim.clip_norm=-1.0", "pairs.rematch_rate=7.0"),
    *("pairs.noise_rate=-0.1", "contrastive.temperature=0.0", "contrastive.pixels_per_class=0"),
    *("augmentation.hue=0.6", "augmentation.scales=[]", "augmentation.scales=[0.0, 1.0]"),
    *("augmentation.flip=inf", "tpavi.weight=-1.0", "avsegformer.mix_weight=-1.0"),
    *("optim.backbone_from_epoch=-1",),
)


def refused(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_value_is_one_line_and_nothing_is_written(setting, folder, tmp_path):
    out = tmp_path / "run"
    said = refused("train", "--preset", "tiny", "--data", folder, "--out", out, "--set", setting)
    path, _, value = setting.partition("=")
    assert f"preset tiny: setting {path}: {value} is outside " in said
    assert not out.exists()


@pytest.mark.parametrize("setting", ["image.crop=16", "image.long_side=16", "optim.lr=0.0"])
def test_the_end_of_a_range_trains(setting, folder, tmp_path):
    sets = [word for text in (*SMALL, "train.epochs=1", setting) for word in ("--set", text)]
    words = ["train", "--preset", "tiny", "--data", folder, "--out", tmp_path / "run", *sets]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def test_a_stored_value_outside_its_range_is_named_with_its_file(
    settings, dataset, folder, tmp_path
):
    run = tmp_path / "run"
    fit(settings, dataset, run, device=torch.device("cpu"), announce=lambda line: None)
    best, config = run / "best.pt", run / "config.json"
    content = torch.load(best, weights_only=True)
    content["settings"]["evaluation"]["batch_size"] = 0
    torch.save(content, best)
    said = refused("eval", "--run", run, "--data", folder)
    assert f"{best}: setting evaluation.batch_size: 0 is outside [1, 65536]" in said

    tree = json.loads(config.read_text())
    tree["settings"]["image"]["crop"] = 3
    config.write_text(json.dumps(tree))
    said = refused("train", "--resume", "--data", folder, "--out", run)
    assert f"{config}: setting image.crop: 3 is outside [16, 16384]" in said
