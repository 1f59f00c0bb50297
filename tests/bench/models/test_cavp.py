"""CAVP models: pairs, sizes, fusions and gradients, on the tiny model."""

import pytest
import torch

from avs_bench.models import build_model, parameter_groups
from avs_bench.models.cross_attention import CrossAttention
from vpo_builder.runtime.errors import InputError


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def tiny(**options):
    return build_model("tiny", 5, **options)


def test_tiny_has_at_most_four_million_parameters():
    assert sum(p.numel() for p in tiny().parameters()) <= 4_000_000


@pytest.mark.parametrize("fusion", ["cross-attention", "tpavi", "add", "none"])
@pytest.mark.parametrize("size", [(128, 128), (97, 133)])
def test_output_has_the_size_of_the_image(fusion, size):
    model = tiny(fusion=fusion).eval()
    output = model(torch.randn(1, 3, *size), torch.randn(1, 1, 300, 64))
    assert output.logits.shape == (1, 5, *size)


def test_a_pair_equals_two_single_passes():
    model = tiny().eval()
    images, sounds = torch.randn(2, 3, 64, 64), torch.randn(4, 1, 96, 64)
    both = model(images, sounds)
    for part in (slice(0, 2), slice(2, 4)):
        single = model(images, sounds[part])
        torch.testing.assert_close(both.logits[part], single.logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(both.features[part], single.features, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(both.attention[part], single.attention, rtol=1e-4, atol=1e-5)


def test_training_scores_only_the_own_sounds_but_fuses_all():
    model = tiny().train()
    output = model(torch.randn(2, 3, 64, 64), torch.randn(4, 1, 96, 64))
    assert len(output.logits) == 2
    assert len(output.features) == len(output.attention) == len(output.audio) == 4


def test_shuffled_items_count_in_the_heads_statistics_unless_skipped():
    images, sounds = torch.randn(2, 3, 64, 64), torch.randn(4, 1, 96, 64)
    model, skipping = tiny().train(), tiny(shuffled_items="skip").train()
    skipping.load_state_dict(model.state_dict())
    published = model(images, sounds).logits
    skipped = skipping(images, sounds).logits
    own = model(images, sounds[:2]).logits
    assert not torch.allclose(published, skipped, atol=1e-3)
    assert skipped.shape == own.shape


def test_shuffled_items_are_scored_where_a_loss_wants_them():
    images, sounds = torch.randn(2, 3, 64, 64), torch.randn(4, 1, 96, 64)
    model, scoring = tiny().train(), tiny(shuffled_items="score").train()
    scoring.load_state_dict(model.state_dict())
    logits = scoring(images, sounds).logits
    assert len(logits) == 4
    torch.testing.assert_close(logits[:2], model(images, sounds).logits)


def test_every_parameter_gets_a_gradient():
    model = tiny().train()
    output = model(torch.randn(2, 3, 64, 64), torch.randn(4, 1, 96, 64))
    (output.logits.square().mean() + output.features.square().mean()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_the_visual_only_model_has_no_ears():
    model = tiny(fusion="none").eval()
    images = torch.randn(1, 3, 64, 64)
    heard = [model(images, torch.randn(1, 1, 96, 64)).logits for _ in range(2)]
    assert torch.equal(*heard)
    assert len(model(images, torch.randn(2, 1, 96, 64)).features) == 2
    assert {group.role for group in parameter_groups(model)} == {"backbone", "head"}


def test_parameter_groups_hold_every_parameter_once_and_follow_the_protocol():
    model = tiny()
    groups = parameter_groups(model)
    listed = [id(p) for group in groups for p in group.parameters]
    assert sorted(listed) == sorted(id(p) for p in model.parameters())
    decays = {(group.role, group.decays) for group in groups}
    assert decays == {
        ("backbone", True), ("backbone", False), ("head", True), ("head", False),
        ("fusion", True), ("audio", False),
    }  # fmt: skip
    undecayed = [g for g in groups if g.role in ("backbone", "head") and not g.decays]
    assert all(p.ndim == 1 for g in undecayed for p in g.parameters)


def plain_cross_attention(m, visual, audio):
    """The published order of operations, one image heard with one sound."""
    B, D, h, w = visual.shape
    places = m.projector(visual.flatten(2).transpose(1, 2))
    v, a = m.norm1(m.embed_visual(places)), m.norm1(m.embed_audio(audio)[:, None])
    q, k, value = (
        layer(x).view(B, -1, m.heads, D // m.heads).transpose(1, 2)
        for layer, x in ((m.query, v), (m.key, a), (m.value, a))
    )
    weight = torch.sigmoid(q @ k.transpose(2, 3) / (D // m.heads) ** 0.5)
    v = v + m.join((weight @ value).transpose(1, 2).flatten(2))
    v = m.norm(v + m.mlp(m.norm2(v)))
    return v.transpose(1, 2).view(B, D, h, w), weight.squeeze(3).unflatten(2, (h, w))


def test_cross_attention_equals_the_published_order_of_operations_and_its_gradients():
    block = CrossAttention(16, heads=4, hidden=8).double()
    visual = torch.randn(2, 16, 3, 5, dtype=torch.double, requires_grad=True)
    audio = torch.randn(4, 16, dtype=torch.double, requires_grad=True)
    inputs = [visual, audio, *block.parameters()]
    upstream = torch.randn(4, 16, 3, 5, dtype=torch.double)
    ours, weights = block(visual, audio)
    plain, plain_weights = plain_cross_attention(block, visual.repeat(2, 1, 1, 1), audio)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(weights, plain_weights)
    torch.testing.assert_close(
        torch.autograd.grad((ours * upstream).sum(), inputs),
        torch.autograd.grad((plain * upstream).sum(), inputs),
    )


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("tiny5", {}, "choose one of tiny,"),
        ("tiny", {"fusion": "sum"}, "cross-attention, tpavi, add, none"),
        ("tiny", {"audio_encoder": "wav2vec"}, "choose resnet18 or vgg"),
        ("tiny", {"output_stride": 8}, "has no output_stride"),
        ("cavp-deeplabv3plus-r50", {"output_stride": 12}, "choose one of 8, 16"),
        ("tiny", {"audio_channels": 3}, "choose one of 1, 2"),
        ("tiny", {"shuffled_items": "drop"}, "choose one of head, score, skip"),
    ],
)
def test_a_wrong_name_or_option_is_one_clear_line(name, options, part):
    with pytest.raises(InputError) as caught:
        build_model(name, 5, **options)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
