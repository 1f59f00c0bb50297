"""Our models are the published ones: names, shapes, parameter counts and outputs."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.loading import layouts, match
from avs_bench.checkpoints.opening import open_model
from avs_bench.checkpoints.published_names import (
    dead_entries,
    dead_parameters,
    published_names,
)
from avs_bench.models import build_model
from avs_bench.models.deformable_attention import map_centres
from avs_bench.models.pixel_encoder import position_code
from avs_bench.models.vgg import VGGish
from tests.bench.checkpoints.test_loading import save_as_cavps_trainer

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
    "avsegformer_r50": ("avsegformer-r50", 1, {}),
    "avsegformer_r50_avss": ("avsegformer-r50", 71, {}),
    "avsegformer_pvtv2_b5": ("avsegformer-pvtv2-b5", 1, {}),
    "avsegformer_pvtv2_b5_avss": ("avsegformer-pvtv2-b5", 71, {}),
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
    fitting, report = match(model, state, layout, Path(key))
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


def test_a_file_of_cavps_trainer_opens_and_computes_what_the_published_code_computes(tmp_path):
    key = "cavp_deeplabv3plus_r50"
    fill, (shapes, _) = fixture_fill().fill, official_keys(key)
    state = {name: torch.from_numpy(np.asarray(fill(name, s))) for name, s in shapes.items()}
    save_as_cavps_trainer(state, tmp_path / "cavp.pth")
    choice = ModelChoice(model="cavp-deeplabv3plus-r50", checkpoints=(tmp_path / "cavp.pth",))
    opened = open_model(choice, torch.device("cpu"))
    assert (len(opened.classes), opened.loaded[0].layout) == (22, "published")
    with torch.inference_mode():
        output = opened.module(tensor(1, 2, 3, 128, 160), tensor(2, 2, 1, 300, 64))
    expected = np.load(FIXTURES / "models" / f"{key}.npz")
    assert_close(output.logits[:, :, ::8, ::8], expected["logits"])


@pytest.mark.parametrize("key", ["tpavi_r50", "tpavi_pvtv2_b5"])
@torch.inference_mode()
def test_tpavi_computes_what_the_published_code_computes(key):
    expected = np.load(FIXTURES / "models" / f"{key}.npz")
    output = filled(key)(tensor(1, 5, 3, 224, 224)[None], tensor(2, 5, 128)[None])
    assert_close(output.logits[:, :, ::16, ::16], expected["logits"])
    for i in range(4):
        assert_close(output.maps[i][:, ::16, ::4, ::4], expected[f"map{i}"])
        assert_close(output.map_audio[i], expected[f"audio{i}"])


def watched(model):
    """Return a dict that fills with what each part of a model gives, by its name."""
    seen = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    return seen


@pytest.mark.parametrize("key", ["avsegformer_r50", "avsegformer_pvtv2_b5"])
@torch.inference_mode()
def test_avsegformer_computes_what_the_published_code_computes(key):
    expected = np.load(FIXTURES / "models" / f"{key}.npz")
    model = filled(key)
    seen = watched(model)
    frames, examples = tensor(1, 5, 3, 160, 224), tensor(2, 5, 1, 96, 64)
    output = model(frames[None], examples[None])

    assert_close(seen["audio_encoder"], expected["vggish"])
    assert_close(seen["audio_projection"], expected["audio"])
    for i, step in enumerate((7, 5, 3, 1)):
        stage = seen["backbone"][i]
        every = stage.shape[1] // 16
        assert_close(stage[:, ::every, ::step, ::step], expected[f"backbone{i + 1}"])
        assert_close(seen[f"necks.{i}"][:, ::32, ::step, ::step], expected[f"in_proj{i + 1}"])
    sizes = [tuple(stage.shape[-2:]) for stage in seen["backbone"][1:]]
    for i, (h, w) in enumerate(sizes, start=2):
        code = position_code(h, w, torch.empty(256)).T.unflatten(1, (h, w))
        assert_close(code[::8], expected[f"position{i}"])
    assert_close(map_centres(tuple(sizes), torch.empty(0))[::13], expected["reference_points"])
    for ours, theirs in (("encoder.layers.0", "encoder_layer1"), ("encoder", "encoder")):
        assert_close(seen[ours][:, ::13, ::16], expected[theirs])
    for ours, theirs in (("generator.layers.0", "generator_layer1"), ("generator", "generator")):
        assert_close(seen[ours][:, ::29, ::8], expected[theirs])
    for ours, theirs in (("decoder.layers.0", "decoder_layer1"), ("decoder.layers.5", "decoder")):
        assert_close(seen[ours][:, ::29, ::8], expected[theirs])
    assert_close(seen["smooth"].relu()[:, ::16, ::5, ::5], expected["mask_feature_before_mixer"])
    assert_close(seen["fusion.proj"].sigmoid(), expected["mixer_gate"])
    assert_close(seen["head.mlp"][:, ::16, ::5, ::5], expected["query_map_mlp"])
    assert_close(output.features[:, ::16, ::5, ::5], expected["mask_feature"])
    assert_close(output.features.mean(dim=1)[:, ::3, ::3], expected["mix"])
    assert_close(output.logits[:, :, ::5, ::5], expected["logits"])


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
