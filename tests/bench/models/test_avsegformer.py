"""What of AVSegFormer no fixture shows: single frames, padding, many sounds, beginnings."""

import pytest
import torch
from torch import nn

from avs_bench.models import build_model
from avs_bench.models.avsegformer import AVSegFormer
from tests.bench.models.small_models import small_backbone
from vpo_builder.runtime.errors import InputError

WIDTH = 32
"""A multiple of GroupNorm's groups; the published 256 takes a hundred times as long."""


@pytest.fixture(scope="module")
def model() -> AVSegFormer:
    torch.manual_seed(0)
    backbone = small_backbone()
    size = {"width": WIDTH, "hidden": 64, "depth": 2}
    return AVSegFormer(backbone, backbone.widths, 3, None, **size).eval()


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def sounds() -> torch.Tensor:
    return torch.randn(3, 128, generator=torch.Generator().manual_seed(2))


@torch.inference_mode()
def test_frames_of_a_clip_are_the_same_frames_alone(model, frames, sounds):
    clip = model(frames[None], sounds[None])
    for index in range(3):
        alone = model(frames[index : index + 1], sounds[index : index + 1])
        assert torch.allclose(alone.logits[0], clip.logits[index], atol=1e-5)
        assert torch.allclose(alone.attention[0], clip.attention[index], atol=1e-6)


@torch.inference_mode()
def test_padding_has_no_logits_and_changes_no_other_frame(model, frames, sounds):
    padded = torch.cat([frames, torch.zeros_like(frames[:2])])
    heard = torch.cat([sounds, torch.zeros_like(sounds[:2])])
    output = model(padded[None], heard[None], torch.tensor([[1, 1, 1, 0, 0]]))
    assert output.logits[3:].abs().max() == 0
    assert output.features[3:].abs().max() == 0
    assert torch.allclose(output.logits[:3], model(frames, sounds).logits, atol=1e-5)


@torch.inference_mode()
def test_an_image_is_seen_once_for_many_sounds(model, frames, sounds):
    seen = model.see(frames[:1])
    together = model.hear(seen, sounds).logits
    for index in range(3):
        alone = model(frames[:1], sounds[index : index + 1]).logits
        assert torch.allclose(together[index], alone[0], atol=1e-5)


@torch.inference_mode()
def test_any_size_gives_logits_and_attention_of_the_picture(model, sounds):
    output = model(torch.randn(1, 3, 70, 97), sounds[:1])
    assert output.logits.shape == (1, 3, 70, 97)
    assert output.attention.shape == (1, 8, 9, 13)
    assert 0 < output.attention.sum() / 8 < 1  # the coarser maps have the rest


def test_a_frozen_start_and_published_beginnings(model):
    assert model.encoder.layers[0].self_attn.attention_weights.weight.abs().max() == 0
    assert model.decoder.layers[0].self_attn.in_proj_bias.abs().max() == 0
    bound = (6 / (WIDTH + 300)) ** 0.5
    assert 0.9 * bound < model.decoder.query.weight.abs().max() <= bound
    assert 0.8 < model.encoder.level_embed.std() < 1.2


def test_what_has_no_influence_has_a_gradient_of_zero_and_not_none(model, frames, sounds):
    model.train()
    model(frames, sounds).logits.sum().backward()
    model.eval()
    slope = model.generator.layers[0].cross_attn.in_proj_weight.grad
    assert slope[: 2 * WIDTH].abs().max() == 0
    assert slope[2 * WIDTH :].abs().max() > 0
    unused = [n for n, p in model.named_parameters() if p.grad is None]
    assert unused == []
    model.zero_grad()


def test_in_training_only_own_sounds_are_scored_unless_asked(model, frames, sounds):
    model.train()
    both = torch.cat([sounds, sounds.flip(0)])
    output = model(frames, both)
    assert (len(output.scores), len(output.features)) == (3, 6)
    model.score_shuffled = True
    assert len(model(frames, both).scores) == 6
    model.score_shuffled = False
    model.eval()


@pytest.mark.parametrize(
    "options", [{"fusion": "add"}, {"output_stride": 8}, {"audio_channels": 2}]
)
def test_options_that_it_has_not_are_refused(options):
    with torch.device("meta"), pytest.raises(InputError):
        build_model("avsegformer-r50", 2, **options)


def test_vggish_stays_frozen():
    with torch.device("meta"):
        model = build_model("avsegformer-r50", 1)
    assert isinstance(model.audio_encoder, nn.Module)
    assert not any(p.requires_grad for p in model.audio_encoder.parameters())
