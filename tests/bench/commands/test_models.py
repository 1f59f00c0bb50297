"""`avs-bench models`, `profile` and `export` as a user meets them."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from avs_bench.checkpoints.run_checkpoint import model_of
from avs_bench.checkpoints.state_dicts import read_state_dict
from avs_bench.commands.main import main
from avs_bench.config import PRESETS, read_preset
from avs_bench.models import MODELS, build_model
from vpo_builder.runtime.settings import preset_names

SMALL = ["--preset", "tiny", "--set", "image.crop=64", "--set", "audio.seconds=1"]


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def test_models_lists_every_model_and_where_its_weights_are():
    result = run("models")
    assert result.exit_code == 0
    assert all(f"| {name} |" in result.output for name in MODELS)
    assert "github.com/cyh-0/CAVP" in result.output


def test_convert_writes_safetensors(tmp_path):
    torch.save({"state_dict": {"module.a": torch.ones(2)}}, tmp_path / "in.pth")
    result = run("models", "convert", tmp_path / "in.pth", tmp_path / "out.safetensors")
    assert result.exit_code == 0
    assert "1 tensors" in result.output
    assert torch.equal(read_state_dict(tmp_path / "out.safetensors")["a"], torch.ones(2))


def test_profile_says_what_a_model_costs():
    result = run("profile", *SMALL, "--repeats", 2, "--batch", 2, "--train", "--device", "cpu")
    assert result.exit_code == 0
    for part in ("tiny, 3.9", "[2, 3, 64, 64]", "[2, 1, 96, 64]", "G a forward pass", " ms", "MiB"):
        assert part in result.output


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["profile"], "or a model by --preset NAME or --model NAME"),
        (["profile", "--model", "tiny", "--preset", "tiny"], "or --preset NAME (avsegformer-"),
        (["profile", "--model", "tinny"], "no model 'tinny': choose one of tiny"),
        (["profile", "--preset", "tiny", "--train"], "--batch 2 or more"),
        (["export", *SMALL, "--onnx", "m.onnx", "--weights", "absent.pth"], "no such file"),
        (["models", "convert", "absent.pth", "o.safetensors"], "absent.pth: no such file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, part):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert part in result.stderr


def test_export_hands_over_the_model_with_the_weights_it_is_given(tmp_path, monkeypatch):
    pytest.importorskip("onnxscript", reason="the onnx extra is not installed")
    handed = []
    # What the exporter does with it is tested by itself: it takes seconds.
    monkeypatch.setattr(
        "avs_bench.models.exporting.export_onnx", lambda *given: handed.append(given) or 0.0
    )
    source = build_model("tiny", 3)
    torch.save(source.state_dict(), tmp_path / "w.pt")
    result = run("export", *SMALL, "--classes", 3, "--weights", tmp_path / "w.pt", "--onnx", "m")
    assert result.exit_code == 0
    assert "layout our own" in result.output
    model, path, images, sounds = handed[0]
    assert path == Path("m")
    assert (images.shape, sounds.shape) == ((1, 3, 64, 64), (1, 1, 96, 64))
    for name, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


@pytest.mark.parametrize("preset", [n for n in preset_names(PRESETS) if n in MODELS])
def test_a_preset_named_after_a_model_builds_it(preset):
    settings = read_preset(preset)
    assert settings.model.name == preset
    with torch.device("meta"):
        model_of(settings, 22)


def test_every_cavp_model_has_a_preset():
    trained = {read_preset(name).model.name for name in preset_names(PRESETS)}
    assert {name for name in MODELS if not name.startswith("tpavi")} <= trained
