"""A model by its name sees and hears what the preset of its paper says, whatever the dataset."""

from dataclasses import replace

import pytest
import torch

from avs_bench.checkpoints.catalogue import CARDS, is_published
from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.opening import open_model
from avs_bench.checkpoints.published_settings import BY_DATASET, published_settings
from avs_bench.checkpoints.run_checkpoint import model_of
from avs_bench.config import PRESETS, read_preset
from avs_bench.models import registry
from tests.bench.models.small_models import small_tpavi
from vpo_builder.dataset.schema import SPLIT_NAMES
from vpo_builder.runtime.settings import preset_names

SUFFIXES = {
    "s4": "AVSBench-S4",
    "ms3": "AVSBench-MS3",
    "avss": "AVSBench-Semantic",
    "plus": "AVSBench-Single+",
}


def with_a_paper():
    """The presets that are named after a model, whatever they are for."""
    for preset in preset_names(PRESETS):
        model = read_preset(preset).model.name
        if is_published(model) and not preset.endswith(("-stereo", "contrastive-s4")):
            yield preset, model


@pytest.mark.parametrize(("preset", "model"), list(with_a_paper()))
def test_a_model_by_name_has_the_settings_of_its_preset(preset, model):
    dataset = SUFFIXES.get(preset.rpartition("-")[2], "VPO-MS")
    wanted, found = read_preset(preset), published_settings(model, dataset)
    assert (found.model, found.audio, found.image) == (wanted.model, wanted.audio, wanted.image)
    assert found.train.objective == wanted.train.objective


@pytest.mark.parametrize("model", [name for name in CARDS if is_published(name)])
@pytest.mark.parametrize("dataset", ["VPO-SS", "AVSBench-S4", "AVSBench-Single+", "of a user"])
def test_every_model_of_a_paper_can_be_built_for_every_dataset(model, dataset):
    settings = published_settings(model, dataset)
    assert settings.model.name == model
    with torch.device("meta"):
        model_of(settings, 22)


def test_every_dataset_has_a_preset_in_every_paper():
    for presets in BY_DATASET.values():
        assert presets.keys() == {"", *SPLIT_NAMES.values(), *SUFFIXES.values()}
        assert set(presets.values()) <= set(preset_names(PRESETS))


def test_vpo_is_seen_at_its_own_size_and_heard_for_three_seconds():
    for model in ("cavp-deeplabv3plus-r101", "tpavi-pvtv2-b5"):
        settings = published_settings(model, "VPO-SS")
        assert (settings.audio.seconds, settings.image.frames) == (3, 1)
    assert published_settings("cavp-hrnetv2-w48", "VPO-SS").image.long_side == 0
    assert published_settings("tpavi-r50", "AVSBench-Semantic").image.frames == 5


def test_a_model_of_ours_has_no_papers_settings_and_says_itself_what_it_needs():
    assert published_settings("tiny", "VPO-SS") is None
    opened = open_model(ModelChoice(model="tiny"), torch.device("cpu"), "VPO-SS")
    assert opened.settings.image.long_side == 128


def test_a_model_and_its_preset_open_one_file_alike(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.MODELS, "tpavi-r50", small_tpavi)
    path = tmp_path / "weights.pth"
    torch.save(small_tpavi(registry.Variant(22, 1, None, None, None, None)).state_dict(), path)
    by_name = ModelChoice(model="tpavi-r50", checkpoints=(path,))
    by_preset = ModelChoice(preset="tpavi-r50-vpo", checkpoints=(path,))
    cpu = torch.device("cpu")
    one, other = (open_model(choice, cpu, "VPO-SS") for choice in (by_name, by_preset))
    assert replace(one, module=other.module) == other
    torch.manual_seed(0)
    images, sounds = one.needs.example(2)
    assert sounds.shape == (2, 3, 1, 96, 64)
    assert torch.equal(one.module(images, sounds).logits, other.module(images, sounds).logits)
