"""Our models are the published ones: names, shapes, parameter counts and outputs."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from avs_bench.models import build_model
from avs_bench.models.published import dead_entries, from_published, published_shapes

FIXTURES = Path(__file__).parents[3].parent / "shared" / "fixtures"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="no ../shared/fixtures beside us")

MONO = {"audio_channels": 1}
OFFICIAL = {
    "cavp_deeplabv3plus_r50": ("cavp-deeplabv3plus-r50", 22, {}),
    "cavp_deeplabv3plus_r50_stereo": ("cavp-deeplabv3plus-r50", 22, {"audio_channels": 2}),
    "cavp_deeplabv3plus_r101": ("cavp-deeplabv3plus-r101", 22, {}),
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
    model.load_state_dict(from_published(model, state))
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
    assert published_shapes(model) == shapes
    dead = sum(math.prod(shape) for shape in dead_entries(model).values())
    assert sum(p.numel() for p in model.parameters()) + dead == parameters


@pytest.mark.parametrize("key", ["cavp_deeplabv3plus_r50"])
@torch.inference_mode()
def test_cavp_computes_what_the_published_code_computes(key):
    expected = np.load(FIXTURES / "models" / f"{key}.npz")
    output = filled(key)(tensor(1, 2, 3, 128, 160), tensor(2, 2, 1, 300, 64))
    assert tuple(output.logits.shape[-2:]) == tuple(expected["image_size"])
    assert_close(output.logits[:, :, ::8, ::8], expected["logits"])
    assert_close(output.features[:, :, ::8, ::8], expected["features"])
    assert_close(output.audio, expected["audio"])
