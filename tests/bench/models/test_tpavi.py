"""TPAVI: the block's linear cost, frames, padding, sizes and gradients."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from avs_bench.data.clips import layout_of
from avs_bench.data.tensors import normalise
from avs_bench.models import build_model, parameter_groups
from avs_bench.models.inference import answer
from avs_bench.models.resnet import BasicBlock, ResNet
from avs_bench.models.tpavi import TPAVI
from avs_bench.models.tpavi_block import AddedSound, TPAVIBlock
from avs_bench.models.vgg import embedded
from vpo_builder.runtime.errors import InputError


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def small(classes=1, fusion=TPAVIBlock):
    """TPAVI on a thin ResNet, fed with embeddings."""
    backbone = ResNet(BasicBlock, (1, 1, 1, 1), stem="plain", width=4)
    return TPAVI(backbone, backbone.widths, classes, None, fusion)


def awake(block):
    """Give the block's last norm a weight, as training does after the first step."""
    nn.init.normal_(block.W_z[1].weight)
    nn.init.normal_(block.W_z[1].bias)
    return block


def plain_block(m, maps, audio):
    """The published block: all pairs of places, no softmax."""
    B, T = audio.shape[:2]
    h, w = maps.shape[-2:]
    x = maps.view(B, T, -1, h, w).transpose(1, 2)
    aligned = m.align_channel(audio)
    a = aligned.transpose(1, 2)[..., None, None].expand(B, -1, T, h, w)
    z = plain_interaction(m, x, a)
    if m.visual_too:
        z = (z + plain_interaction(m, x, x)) / 2
    return z.transpose(1, 2).flatten(0, 1), aligned


def plain_interaction(m, x, a):
    B, _, T, h, w = x.shape
    theta, phi, g = m.theta(x).flatten(2), m.phi(a).flatten(2), m.g(x).flatten(2)
    f = theta.transpose(1, 2) @ phi / (T * h * w)
    y = (f @ g.transpose(1, 2)).transpose(1, 2).view(B, -1, T, h, w)
    z = m.W_z(y) + x
    return m.norm_layer(z.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("visual_too", [True, False])
def test_the_block_equals_the_full_matrix_and_its_gradients(training, visual_too):
    block = awake(TPAVIBlock(12, 6, audio_width=5, visual_too=visual_too))
    block = block.double().train(training)
    maps = torch.randn(6, 12, 4, 3, dtype=torch.double, requires_grad=True)
    audio = torch.randn(2, 3, 5, dtype=torch.double, requires_grad=True)
    inputs = [maps, audio, *block.parameters()]
    upstream = torch.randn(6, 12, 4, 3, dtype=torch.double)
    ours, aligned, response = block(maps, audio)
    plain, plain_aligned = plain_block(block, maps, audio)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(aligned, plain_aligned)
    assert response.shape == (6, 1, 4, 3)
    torch.testing.assert_close(
        torch.autograd.grad((ours * upstream).sum(), inputs),
        torch.autograd.grad((plain * upstream).sum(), inputs),
    )


def test_the_block_updates_its_statistics_as_the_full_matrix_does():
    ours, plain = awake(TPAVIBlock(12, 6, audio_width=5)), TPAVIBlock(12, 6, audio_width=5)
    plain.load_state_dict(ours.state_dict())
    maps, audio = torch.randn(6, 12, 4, 3), torch.randn(2, 3, 5)
    ours(maps, audio)
    plain_block(plain, maps, audio)
    for name, value in plain.W_z[1].state_dict().items():
        torch.testing.assert_close(ours.W_z[1].state_dict()[name], value, msg=name)


@pytest.mark.parametrize("frames", [1, 5, 10])
def test_any_number_of_frames(frames):
    output = small().eval()(torch.randn(2, frames, 3, 64, 64), torch.randn(2, frames, 128))
    assert output.logits.shape == (2 * frames, 1, 64, 64)
    assert [tuple(m.shape[-2:]) for m in output.maps] == [(16, 16), (8, 8), (4, 4), (2, 2)]
    assert all(audio.shape == (2, frames, 256) for audio in output.map_audio)
    assert all(torch.all(m >= 0) for m in output.maps)


def test_a_single_image_is_a_clip_of_one_frame():
    model = small(22).eval()
    image, sound = torch.randn(2, 3, 64, 64), torch.randn(2, 128)
    alone, clip = model(image, sound), model(image[:, None], sound[:, None])
    assert torch.equal(alone.logits, clip.logits)


@pytest.mark.parametrize("size", [(97, 133), (70, 64)])
def test_odd_sizes_give_logits_of_the_images_size(size):
    output = small(3).eval()(torch.randn(1, 1, 3, *size), torch.randn(1, 1, 128))
    assert output.logits.shape == (1, 3, *size)


def test_padding_frames_score_zero_and_valid_flags_change_nothing():
    model = small(5).eval()
    for block in model.fusion:
        awake(block)
    images, audio = torch.randn(1, 4, 3, 64, 64), torch.randn(1, 4, 128)
    full = model(images, audio, torch.ones(1, 4)).logits
    assert torch.equal(full, model(images, audio).logits)
    padded = model(images, audio, torch.tensor([[1, 1, 1, 0]])).logits
    assert torch.all(padded[3] == 0)
    assert not torch.allclose(padded[:3], full[:3])  # the frames of a clip hear each other


@pytest.mark.parametrize("frames", [10, 5])
def test_a_video_of_avss_is_two_clips_of_five_that_know_nothing_of_each_other(frames):
    model = small(5).eval()
    for block in model.fusion:
        awake(block)
    model.needs = replace(model.needs, front_end=lambda sounds: sounds[:, 0])
    images = torch.randint(0, 256, (frames, 3, 64, 64), dtype=torch.uint8)
    sounds = torch.randn(frames, 1, 128)  # the embeddings themselves
    layout = layout_of([frames], 5, 10)
    together = answer(model, images, sounds, layout).logits
    pictures = normalise(images)
    by_hand = [
        model(pictures[None, first : first + 5], sounds[None, first : first + 5, 0]).logits
        for first in range(0, frames, 5)
    ]
    torch.testing.assert_close(together, torch.cat(by_hand))
    if frames == 10:
        at_once = model(pictures[None], sounds[None, :, 0]).logits
        assert (together - at_once).abs().max() > 0.1 * at_once.std()


def test_without_sound_the_maps_are_decoded_as_they_are():
    model = small(5, fusion=None).eval()
    images, audio = torch.randn(1, 3, 3, 64, 64), torch.randn(1, 3, 128)
    output = model(images, audio)
    seen = model.see(images)
    assert all(map(torch.equal, output.maps, [one.relu() for one in seen.maps]))
    assert torch.equal(output.logits, model(images, torch.randn(1, 3, 128)).logits)
    assert (output.audio, output.attention, output.map_audio) == (None, None, ())
    alone = model(images[:, 1], audio[:, 1]).logits  # no frame knows of another
    torch.testing.assert_close(output.logits[1:2], alone)
    padded = model(images, audio, torch.tensor([[1, 1, 0]])).logits
    assert not padded[2].any()


@pytest.mark.parametrize("classes", [1, 5])
def test_added_sound_is_the_same_at_each_place_of_its_own_frame(classes):
    model = small(classes, AddedSound).eval()
    images, audio = torch.randn(2, 3, 3, 64, 64), torch.randn(2, 3, 128)
    output, seen = model(images, audio), model.see(images)
    assert (model.fusion[0].align_channel.bias is not None) == (classes == 1)
    for i, block in enumerate(model.fusion):
        torch.testing.assert_close(output.map_audio[i], block.align_channel(audio))
        for frame in range(6):
            sound = output.map_audio[i][frame // 3, frame % 3, :, None, None]
            torch.testing.assert_close(output.maps[i][frame], (seen.maps[i][frame] + sound).relu())
    model.train()
    model(images, audio).logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("name", ["tpavi-r50", "tpavi-pvtv2-b5"])
@pytest.mark.parametrize("classes", [1, 71])
def test_the_papers_ablation_can_be_built_for_both_backbones(name, classes):
    def parts(fusion):
        with torch.device("meta"):
            model = build_model(name, classes, fusion=fusion)
        return {part for part, module in model.named_children() if module.state_dict()}

    whole = parts(None)
    assert whole == parts("tpavi") == parts("add")
    assert whole - parts("none") == {"fusion", "audio_encoder"}


def test_every_trainable_parameter_gets_a_gradient_once_the_block_is_awake():
    model = small().train()
    for block in model.fusion:
        awake(block)
    output = model(torch.randn(2, 2, 3, 64, 64), torch.randn(2, 2, 128))
    output.logits.square().mean().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_at_the_first_step_only_what_lies_behind_the_zero_norm_gets_none():
    model = small().train()
    output = model(torch.randn(2, 2, 3, 64, 64), torch.randn(2, 2, 128))
    output.logits.square().mean().backward()
    silent = {n.split(".", 2)[2] for n, p in model.named_parameters() if not p.grad.any()}
    assert silent == {
        *(f"{layer}.{part}" for layer in ("theta", "phi", "g") for part in ("weight", "bias")),
        *("align_channel.weight", "align_channel.bias", "W_z.0.weight", "W_z.0.bias"),
    }


def test_vggish_is_frozen_and_its_examples_are_averaged():
    model = build_model("tpavi-r50", 22)
    model.train()
    assert not model.audio_encoder.training
    assert {group.role for group in parameter_groups(model)} == {"backbone", "head", "fusion"}
    examples = torch.randn(1, 3, 1, 96, 64)
    embedding = embedded(model.audio_encoder, examples[:, None])
    mean = torch.stack([model.audio_encoder(examples[:, i]) for i in range(3)]).mean(0)
    torch.testing.assert_close(embedding[:, 0], mean)
    assert not embedding.requires_grad


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"audio_channels": 2}, "has no audio_channels"),
        ({"fusion": "sum"}, "choose one of tpavi, tpavi-visual, add, none"),
        ({"shuffled_items": "skip"}, "has no shuffled_items"),
        ({"output_stride": 16}, "has no output_stride"),
        ({"audio_encoder": "resnet18"}, "choose vggish"),
    ],
)
def test_an_option_that_tpavi_lacks_is_one_clear_line(options, part):
    with torch.device("meta"), pytest.raises(InputError, match=part):
        build_model("tpavi-r50", 1, **options)
