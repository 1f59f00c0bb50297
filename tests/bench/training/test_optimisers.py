from dataclasses import replace

import pytest
import torch

from avs_bench.config import read_preset
from avs_bench.data.loader import training_batches, training_order
from avs_bench.models import build_model, parameter_groups
from avs_bench.models.execution import store_channels_last
from avs_bench.training.learner import Learner
from avs_bench.training.optimisers import Optimisers, seeing_groups

OPTIM = replace(read_preset("cavp-deeplabv3plus-r50").optim, lr=0.1)


def step(optimisers, loss, number):
    optimisers.begin(number)
    optimisers.backward(loss)
    optimisers.descend()


@pytest.fixture(scope="module")
def model():
    return build_model("tiny", 7)


def test_every_trainable_parameter_has_one_rate_and_one_decay(model):
    groups = seeing_groups(parameter_groups(model), OPTIM)
    of = {
        id(p): (group["lr_factor"], group["weight_decay"])
        for group in groups
        for p in group["params"]
    }
    assert len(of) == sum(len(group["params"]) for group in groups)
    assert of[id(model.backbone.layer1[0].conv1.weight)] == (1.0, 5e-4)
    assert of[id(model.backbone.layer1[0].bn1.weight)] == (1.0, 0.0)
    assert {of[id(p)] for p in model.head.parameters()} == {(10.0, 5e-4), (10.0, 0.0)}
    assert {of[id(p)] for p in model.fusion.parameters()} == {(1.0, 5e-4)}
    assert not any(id(p) in of for p in model.audio_encoder.parameters())


def test_the_rate_falls_by_the_poly_rule_for_all_but_the_ears(model):
    optimisers = Optimisers(model, OPTIM, steps=10)
    loss = sum(p.square().sum() for p in model.parameters())
    step(optimisers, loss, 5)
    sgd, adam = optimisers.state_dict()["optimisers"]
    rates = {group["lr"] for group in sgd["param_groups"]}
    assert sorted(rates) == pytest.approx([0.1 * 0.5**0.9, 0.5**0.9])
    assert [group["lr"] for group in adam["param_groups"]] == [1e-3]
    assert optimisers.learning_rate(0) == 0.1
    assert optimisers.learning_rate(10) == 0


def test_a_visual_only_model_needs_no_second_optimiser():
    model = build_model("tiny", 7, fusion="none")
    assert len(Optimisers(model, OPTIM, steps=2).state_dict()["optimisers"]) == 1


def test_one_step_of_sgd_is_momentum_after_decay(model):
    optimisers = Optimisers(model, OPTIM, steps=10)
    weight = model.head.classifier.weight
    before = weight.detach().clone()
    step(optimisers, (weight * 2).sum(), 0)
    assert torch.allclose(weight, before - 1.0 * (2 + 5e-4 * before))


def test_an_overflow_in_16_bits_leaves_the_step_out_and_lowers_the_scale(model):
    optimisers = Optimisers(model, OPTIM, steps=10, scaled=True)
    weight = model.head.classifier.weight
    before, scale = weight.detach().clone(), optimisers.state_dict()["scaler"]["scale"]

    def loss(slope):
        return (weight * slope).sum() + 0 * sum(p.sum() for p in model.audio_encoder.parameters())

    step(optimisers, loss(1e38), 0)
    assert torch.equal(weight, before)
    step(optimisers, loss(2), 0)
    assert torch.allclose(weight, before - 1.0 * (2 + 5e-4 * before))

    other = Optimisers(model, OPTIM, steps=10, scaled=True)
    other.load_state_dict(optimisers.state_dict())
    assert other.state_dict()["scaler"]["scale"] < scale


def test_a_gradient_is_shortened_to_the_norm_it_may_have(model):
    optimisers = Optimisers(model, replace(OPTIM, clip_norm=0.5, weight_decay=0.0), steps=10)
    weight = model.head.classifier.weight
    before = weight.detach().clone()
    step(optimisers, (weight * 2).sum(), 0)
    change = before - weight.detach()
    assert torch.allclose(change.norm(), torch.tensor(0.5 * 1.0), rtol=1e-4)
    assert torch.allclose(change, change.mean().expand_as(change), rtol=1e-4)


def test_adamw_may_let_everything_decay(model):
    settings = replace(OPTIM, method="adamw", decay="all", head_lr_factor=1.0)
    optimisers = Optimisers(model, settings, steps=10)
    groups = optimisers.state_dict()["optimisers"][0]["param_groups"]
    assert {group["weight_decay"] for group in groups} == {5e-4}
    norm = model.backbone.layer1[0].bn1.weight
    before = norm.detach().clone()
    step(optimisers, (norm * 2).sum(), 0)
    assert torch.allclose(norm, before * (1 - 0.1 * 5e-4) - 0.1)  # Adam's first step is one rate


def test_the_backbone_rests_until_its_epoch_but_its_statistics_move(settings, dataset):
    settings = replace(settings, optim=replace(settings.optim, backbone_from_epoch=1))
    learner = Learner(settings, len(dataset.classes), torch.device("cpu"), epoch_steps=2)
    order = training_order(dataset, settings)
    backbone, head = learner.model.backbone, learner.model.head
    kept = {name: value.clone() for name, value in backbone.state_dict().items()}
    statistics, weight = "bn1.running_mean", "conv1.weight"
    head_before = head.classifier.weight.detach().clone()
    for number, batch in enumerate(training_batches(dataset, settings, order, 0, 3)):
        learner.step(batch, number)
        now = backbone.state_dict()
        assert torch.equal(now[weight], kept[weight]) == (number < 2)
        assert not torch.equal(now[statistics], kept[statistics])
        assert not torch.equal(head.classifier.weight, head_before)


def stepped(method, fused, layout, clip_norm=0.0, resumed=False):
    """Return a model's parameters after two steps whose gradients have strides of their own."""
    torch.manual_seed(0)
    model = build_model("tiny", 7)
    settings = replace(OPTIM, method=method, clip_norm=clip_norm)
    optimisers = Optimisers(model, settings, steps=10, fused=fused)
    random = torch.Generator().manual_seed(0)
    for number in range(2):
        if number and resumed:  # from a run whose maps, and so whose momenta, lay otherwise
            store_channels_last(model)
            state = optimisers.state_dict()
            optimisers = Optimisers(model, settings, steps=10, fused=not fused)
            optimisers.load_state_dict(state)
        optimisers.begin(number)
        for parameter in model.parameters():
            slope = torch.randn(parameter.shape, generator=random)
            parameter.grad = slope.contiguous(memory_format=layout) if slope.ndim == 4 else slope
        optimisers.descend()
    return torch.cat([p.detach().flatten() for p in model.parameters()]), optimisers


@pytest.mark.parametrize("method", ["sgd", "adam", "adamw"])
def test_a_fused_step_is_the_plain_one_whatever_the_strides(method):
    plain, _ = stepped(method, False, torch.contiguous_format)
    for clip_norm in (0.0, 1e9):
        fused, _ = stepped(method, True, torch.channels_last, clip_norm)
        torch.testing.assert_close(fused, plain)


@pytest.mark.parametrize(("method", "fused"), [("sgd", False), ("adam", True), ("adam", False)])
def test_a_run_goes_on_with_the_kernels_and_the_layout_of_where_it_is_now(method, fused):
    plain, _ = stepped(method, False, torch.contiguous_format)
    moved, optimisers = stepped(method, fused, torch.contiguous_format, resumed=True)
    torch.testing.assert_close(moved, plain)
    groups = optimisers.state_dict()["optimisers"][0]["param_groups"]
    assert {group["fused"] for group in groups} == {None if fused else True}


def test_a_processor_has_the_fused_kernels_too_but_for_sgd_whose_loss_is_scaled(model):
    def fused(scaled):
        states = Optimisers(model, OPTIM, steps=2, scaled=scaled).state_dict()["optimisers"]
        return [{group["fused"] for group in state["param_groups"]} for state in states]

    assert fused(scaled=False) == [{True}, {True}]
    assert fused(scaled=True) == [{None}, {True}]
