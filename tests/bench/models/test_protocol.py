"""A family that the package has never heard of goes through every command by what it declares."""

import json

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from avs_bench.checkpoints.opening import open_module
from avs_bench.commands.main import main
from avs_bench.data.clips import ClipLayout
from avs_bench.models import AVSOutput, Needs, parameter_groups, registry
from avs_bench.models.inference import answer, run_hearings
from avs_bench.models.protocol import needs_of
from avs_bench.results.files import read_results
from avs_bench.scoring.score import Questions, score
from tests.bench.prediction.test_images import write_pair

CPU = torch.device("cpu")
WINDOWS = 8


def loudness(waveforms):
    """Eight levels a second of sound, [B, 8]: no spectrogram at all."""
    return waveforms.mean(dim=1).unflatten(-1, (WINDOWS, -1)).square().mean(dim=-1).sqrt()


class Toy(nn.Module):
    """Sees patches of 4×4 pixels and hears how loud it is; its parts have names of their own."""

    needs = Needs(
        front_end=loudness, seconds=1, side=32, roles={"eye": "backbone", "ear": "audio"}, parts=()
    )

    def __init__(self, classes):
        super().__init__()
        self.eye = nn.Conv2d(3, 4, 4, stride=4)
        self.ear = nn.Linear(WINDOWS, 4)
        self.bias = nn.Parameter(torch.zeros(4, 1, 1))
        self.score = nn.Conv2d(4, classes, 1)

    def see(self, images, valid=None):
        return self.eye(images), (images.shape[-2], images.shape[-1])

    def hear(self, seen, sounds):
        features, size = seen
        fused = features * self.ear(sounds)[..., None, None] + self.bias
        attention = fused.mean(dim=1, keepdim=True)
        return AVSOutput(self.score(fused), attention=attention, size=size)

    def forward(self, images, sounds):
        return self.hear(self.see(images), sounds)


class ToyOfClips(nn.Module):
    """Adds to each frame the loudness of its whole clip; padding shows up if it is heard."""

    needs = Needs(front_end=loudness, seconds=1, frames=3)

    def see(self, images, valid=None):
        return images, valid

    def hear(self, seen, sounds):
        images, valid = seen
        heard = sounds.mean(-1) if valid is None else sounds.mean(-1) * valid
        scores = (
            images[:, :, :1].flatten(0, 1) + heard.sum(1).repeat_interleave(3)[:, None, None, None]
        )
        return AVSOutput(scores)

    def forward(self, images, sounds, valid=None):
        return self.hear(self.see(images, valid), sounds)


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setitem(registry.MODELS, "toy", lambda variant: Toy(variant.classes))

    def run(*words):
        done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_a_family_of_the_users_own_goes_through_every_command(run, folder, tmp_path):
    out = tmp_path / "run"
    settings = (
        *("model.name='toy'", "audio.seconds=1", "image.long_side=48", "image.crop=32"),
        *("contrastive.weight=0", "train.epochs=1", "train.batch_size=2"),
    )
    flags = [word for setting in settings for word in ("--set", setting)]
    run("train", "--preset", "tiny", "--data", folder, "--out", out, *flags, "--device", "cpu")

    run("eval", "--run", out, "--data", folder, "--probe", "silence,off-screen", "--device", "cpu")
    (result,) = read_results(out)
    assert (result.model, result.checkpoint, result.epochs) == ("toy", "best", 1)
    assert [probe.probe for probe in result.probes] == ["silence", "off-screen"]

    picture = write_pair(tmp_path / "in")
    run("predict", picture, "--out", tmp_path / "out", "--run", out, "--attention")
    written = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert (written["model"], len(written["items"])) == ("toy", 1)

    said = run("profile", "--run", out, "--repeats", 2, "--batch", 2, "--train", "--device", "cpu")
    assert "images [2, 3, 32, 32], spectrograms [2, 8]" in said

    pytest.importorskip("onnxscript", reason="the onnx extra is not installed")
    pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    assert "onnxruntime's logits within" in run(
        "export", "--run", out, "--onnx", tmp_path / "m.onnx"
    )
    assert (tmp_path / "m.onnx").stat().st_size > 0


def test_a_module_is_scored_as_it_is_and_sees_each_picture_once(dataset):
    toy = Toy(len(dataset.classes))
    opened, seen = open_module(toy, dataset.classes, CPU), []
    toy.eye.register_forward_hook(lambda _, inputs, output: seen.append(len(inputs[0])))
    result = score(opened, dataset, "test", Questions(probes=("silence", "off-screen")))
    assert sum(seen) == len(dataset.subsets["test"]) + 2  # the items whose FLOPs are counted
    assert (result.model, result.checkpoint, len(result.probes)) == ("Toy", "in memory", 2)
    assert result.settings["image"]["long_side"] == 32


def test_clips_are_packed_for_the_model_that_asks_for_them_and_padding_is_left_out():
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    sounds, clips = torch.randn(5, 1, 16_000), ClipLayout((3, 2), 3)
    model = ToyOfClips()
    (heard,) = run_hearings(model, images, [sounds], clips)
    assert heard.scores.shape == (5, 1, 8, 8)
    assert torch.equal(heard.scores, answer(model, images, sounds, clips).scores)
    levels = loudness(sounds).mean(-1)
    (silent,) = run_hearings(model, images, [0 * sounds], clips)
    added = (heard.scores - silent.scores)[:, 0, 0, 0]
    expected = torch.stack([levels[:3].sum()] * 3 + [levels[3:].sum()] * 2)
    torch.testing.assert_close(added, expected)


def roles_of(model):
    """Return the role of each parameter by its name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model)
    return {names[id(p)]: (g.role, g.decays) for g in groups for p in g.parameters}


def test_a_model_says_what_its_parts_train_as():
    roles = roles_of(Toy(3))
    assert roles["eye.weight"] == ("backbone", True)
    assert roles["eye.bias"] == ("backbone", False)
    assert roles["ear.weight"] == ("audio", False)
    assert roles["score.weight"] == ("head", True)
    assert roles["bias"] == ("head", False)


def test_the_longest_beginning_counts_and_only_at_a_dot():
    needs = Needs(roles={"a": "fusion", "a.b": "audio"})
    assert needs.role_of("a.b.weight") == "audio"
    assert needs.role_of("a.bc.weight") == "fusion"
    assert needs.role_of("ab.weight") is None


class Plain(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.add_module(first, nn.Linear(2, 2))
        self.norm = nn.GroupNorm(1, 2)
        self.tied = getattr(self, first)


def test_a_plain_module_trains_at_one_rate_unless_it_has_a_backbone():
    assert needs_of(Plain("trunk")) == Needs()
    alone, behind = roles_of(Plain("trunk")), roles_of(Plain("backbone"))
    assert {role for role, _ in alone.values()} == {"backbone"}
    assert behind["backbone.weight"] == ("backbone", True)
    assert behind["norm.weight"] == ("head", False)
    assert len(behind) == 4  # the tied layer once
