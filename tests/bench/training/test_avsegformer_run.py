"""A small AVSegFormer through everything that a model goes through, on an S4 that can be learnt."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

from avs_bench.commands.main import main
from avs_bench.config import read_preset
from avs_bench.data.datasets import read_dataset
from avs_bench.data.loader import training_batches, training_order
from avs_bench.models import registry
from avs_bench.models.query_attention import Attention
from avs_bench.runtime.processes import ALONE
from avs_bench.training.fit import fit
from avs_bench.training.learner import Learner
from tests.avsbench_trees import MadeVideo, outline, write_s4
from tests.bench.models.small_models import small_avsegformer
from tests.bench.training.curves import learner_of, steps
from tests.bench.training.gloo import forkserver, run_together

CPU = torch.device("cpu")
VIDEOS = tuple(
    MadeVideo(f"vIdEo_{number:05d}", subset, ("cat_meowing",))
    for number, subset in enumerate(["train"] * 8 + ["val"] * 2)
)
SMALL = (
    "image.long_side=32",
    "image.crop=32",
    "train.epochs=4",
    "train.batch_size=4",
    "train.checkpoint_steps=1",
    "train.untrained_vggish=true",
    "train.deterministic=true",
    "loader.workers=0",
    "optim.lr=0.002",
    "optim.backbone_from_epoch=1",
)
PRESET = "avsegformer-r50-s4"


@pytest.fixture(scope="module", autouse=True)
def _small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.MODELS, "avsegformer-r50", small_avsegformer)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Return an S4 in whose frames the box that sounds is white."""
    folder = write_s4(tmp_path_factory.mktemp("data"), VIDEOS)
    for path in folder.rglob("visual_frames/**/*.png"):
        name, number = path.parent.name, int(path.stem.rpartition("_")[2])
        frame = Image.open(path).convert("RGB").point(lambda level: level // 2)
        frame.paste((255, 255, 255), mask=Image.fromarray(255 * outline(name, number, frame.size)))
        frame.save(path)
    return folder


def trained(data: Path, out: Path, **more) -> list[dict]:
    settings = read_preset(PRESET, SMALL)
    fit(settings, read_dataset(data), out, device=CPU, announce=lambda line: None, **more)
    return history(out)


def history(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "whole"
    trained(data, out)
    return out


def test_it_learns_what_is_to_be_learnt(run):
    first, *_, last = history(run)
    assert last["loss"] < 0.6 * first["loss"]
    assert last["val"]["j_video"] > first["val"]["j_video"] + 0.1


def die(data: Path, out: Path) -> None:
    """Train as `trained`, until SIGKILL in the first epoch in which the backbone learns."""
    torch.set_num_threads(1)
    registry.MODELS["avsegformer-r50"] = small_avsegformer
    take = Learner.take

    def dies(self, batch, number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        take(self, batch, number)

    Learner.take = dies
    trained(data, out)


def test_a_run_that_was_killed_goes_on_to_the_same_end(run, data, tmp_path):
    doomed = forkserver().Process(target=die, args=(data, tmp_path))
    doomed.start()
    doomed.join()
    assert doomed.exitcode == -signal.SIGKILL
    trained(data, tmp_path, resume=True)
    for name in ("history.jsonl", "best.pt"):
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes()


def command(*words: object) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_it_is_scored_and_probed(run, data):
    said = command("eval", "--run", run, "--data", data, "--subset", "val", "--probe", "silence")
    assert "j_video" in said
    assert "silence" in said


def test_it_predicts_with_the_attention_of_its_queries(run, data, tmp_path):
    frame = next(data.rglob("visual_frames/val/*/*/*_1.png"))
    sound = next(data.rglob("audio_wav/val/*/*.wav"))
    out = tmp_path / "predicted"
    words = ("--run", run, "--audio", sound, "--out", out, "--attention", "--device", "cpu")
    command("predict", frame, *words)
    assert list(out.rglob("*attention*"))


def test_it_is_profiled_in_16_bits(run):
    words = ("--run", run, "--device", "cpu", "--precision", "bf16", "--batch", 2, "--repeats", 2)
    assert "training step" in command("profile", *words, "--train")


def test_16_bits_change_the_losses_by_rounding_alone(data):
    settings, dataset = read_preset(PRESET, SMALL), read_dataset(data)
    batch = next(training_batches(dataset, settings, training_order(dataset, settings), 0, 1))
    terms = []
    for precision in ("fp32", "bf16"):
        train = replace(settings.train, precision=precision)
        learner = Learner(replace(settings, train=train), 2, CPU, 2)
        terms.append(learner.step(batch, 0))
    assert terms[1] == pytest.approx(terms[0], rel=0.02)
    assert terms[1] != terms[0]


def without_dropout(variant):
    """Dropout draws other numbers in every process, so it stays out of the comparison."""
    model = small_avsegformer(variant)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, Attention):
            module.dropout = 0.0
    return model


def curve(processes, data: Path, *more: str):
    registry.MODELS["avsegformer-r50"] = without_dropout
    dataset, settings = read_dataset(data), read_preset(PRESET, (*SMALL, *more))
    learner = learner_of(dataset, settings, processes)
    return steps(learner, dataset, settings, processes, 3)


PAIRS = (
    "image.frames=1",
    "contrastive.weight=0.1",
    "contrastive.pixels_per_class=16",
    "contrastive.small_classes=all",
)


@pytest.mark.parametrize("more", [(), PAIRS], ids=["clips", "pairs"])
def test_two_processes_have_the_curve_of_one(more, data, monkeypatch):
    monkeypatch.setitem(registry.MODELS, "avsegformer-r50", without_dropout)
    slow = (*more, "optim.lr=1e-5")  # a step of AdamW is the sign of what may be rounding
    alone = curve(ALONE, data, *slow)
    two, other = run_together(2, curve, data, *slow)
    assert two == other
    for one, together in zip(alone, two, strict=True):
        assert together == pytest.approx(one, abs=2e-4)
    assert ("contrastive" in alone[0]) == bool(more)
