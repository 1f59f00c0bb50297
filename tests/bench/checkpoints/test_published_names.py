"""Our models are the published ones: names, shapes, parameter counts and outputs."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from avs_bench.checkpoints.loading import layouts, match
from avs_bench.checkpoints.published_names import (
    dead_entries,
    dead_parameters,
    published_names,
)
from avs_bench.models import build_model
from avs_bench.models.vgg import VGGish

FIXTURES = Path(__file__).parents[3].parent / "shared" / "fixtures"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="no ../shared/fixtures beside us")

GIVEN = {"audio_encoder": "none"}  # the official TPAVI checkpoints hold no VGGish
OFFICIAL = {
    "cavp_deeplabv3plus_r50": ("cavp-deeplabv3plus-r50", 22, {}),
    "cavp_deeplabv3plus_r50_stereo": ("cavp-deeplabv3plus-r50", 22, {"audio_channels": 2}),
    "cavp_deeplabv3plus_r50_os16_vgg": (
        "cavp-deeplabv3plus-r50",
        24,
        {"output_stride": 16, "audio_encoder": "vgg"},
    ),
    "cavp_deeplabv3plus_r101": ("cavp-deeplabv3plus-r101", 22, {}),
    "cavp_hrnetv2_w48": ("cavp-hrnetv2-w48", 22, {}),
    "cavp_ocr_hrnetv2_w48": ("cavp-ocr-hrnetv2-w48", 22, {}),
    "tpavi_r50": ("tpavi-r50", 1, GIVEN),
    "tpavi_r50_semantic": ("tpavi-r50", 71, GIVEN),
    "tpavi_pvtv2_b5": ("tpavi-pvtv2-b5", 1, GIVEN),
}


def fixture_fill():
    spec = importlib.util.spec_from_file_location("fill", FIXTURES / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def official_keys(key):
    keys = json.loads((FIXTURES / "keys" / f"{key}.json").read_text())
    return {name: tuple(shape) for name, shape in keys["state"].items()}, keys["num_parameters"]


def filled(key):
    """The official model `key` with the fixture's weights, loaded by their published names."""
    name, classes, options = OFFICIAL[key]
    model = build_model(name, classes, **options).eval()
    shapes, _ = official_keys(key)
    fill = fixture_fill().fill
    state = {name: torch.from_numpy(np.asarray(fill(name, s))) for name, s in shapes.items()}
    layout = next(layout for layout in layouts(model) if layout.title == "published")
    fitting, report = match(model, state, layout)
    assert (report.missing, report.unexpected, report.misshapen) == ((), (), ())
    model.load_state_dict(fitting)
    return model


def tensor(*arguments):
    return torch.from_numpy(fixture_fill().tensor(*arguments))


def assert_close(ours, official):
    """1e-4 of the official output's standard deviation, the fixtures' tolerance for models."""
    ours = ours.detach().numpy()
    assert ours.shape == official.shape
    assert np.abs(ours - official).max() <= 1e-4 * official.std()


@pytest.mark.parametrize("key", OFFICIAL)
def test_names_shapes_and_parameters_are_the_official_ones(key):
    name, classes, options = OFFICIAL[key]
    with torch.device("meta"):
        model = build_model(name, classes, **options)
    shapes, parameters = official_keys(key)
    state = model.state_dict()
    live = {theirs: tuple(state[ours].shape) for ours, theirs in published_names(model).items()}
    assert live | dead_entries(model) == shapes
    live = sum(p.numel() for p in model.parameters())
    assert live + dead_parameters(model) == parameters


@pytest.mark.parametrize("key", ["cavp_deeplabv3plus_r50", "cavp_hrnetv2_w48"])
@torch.inference_mode()
def test_cavp_computes_what_the_published_code_computes(key):
    expected = np.load(FIXTURES / "models" / f"{key}.npz")
    output = filled(key)(tensor(1, 2, 3, 128, 160), tensor(2, 2, 1, 300, 64))
    assert tuple(output.logits.shape[-2:]) == tuple(expected["image_size"])
    assert_close(output.logits[:, :, ::8, ::8], expected["logits"])
    assert_close(output.features[:, :, ::8, ::8], expected["features"])
    assert_close(output.audio, expected["audio"])


@pytest.mark.parametrize("key", ["tpavi_r50", "tpavi_pvtv2_b5"])
@torch.inference_mode()
def test_tpavi_computes_what_the_published_code_computes(key):
    expected = np.load(FIXTURES / "models" / f"{key}.npz")
    output = filled(key)(tensor(1, 5, 3, 224, 224)[None], tensor(2, 5, 128)[None])
    assert_close(output.logits[:, :, ::16, ::16], expected["logits"])
    for i in range(4):
        assert_close(output.maps[i][:, ::16, ::4, ::4], expected[f"map{i}"])
        assert_close(output.map_audio[i], expected[f"audio{i}"])


@torch.inference_mode()
def test_vggish_embeds_as_the_published_one_does():
    shapes, parameters = official_keys("vggish")
    with torch.device("meta"):
        model = VGGish()
    fill = fixture_fill().fill
    state = {name: torch.from_numpy(np.asarray(fill(name, s))) for name, s in shapes.items()}
    model.load_state_dict(state, assign=True)
    assert sum(p.numel() for p in model.parameters()) == parameters
    expected = np.load(FIXTURES / "audio" / "vggish.npz")
    assert_close(model(torch.from_numpy(expected["examples"])), expected["embedding"])
