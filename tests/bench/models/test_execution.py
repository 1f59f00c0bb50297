"""Ways of running a model change its speed and nothing else."""

import pytest
import torch

from avs_bench.models import build_model
from avs_bench.models.execution import ExecutedModel, Execution
from avs_bench.models.profiling import profile, timed
from avs_bench.models.resnet import BasicBlock, ResNet
from avs_bench.models.tpavi import TPAVI


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    return torch.randn(2, 3, 64, 64), torch.randn(2, 1, 96, 64)


def relative(ours, reference):
    return ((ours - reference).abs().max() / reference.std()).item()


@pytest.mark.parametrize(
    ("execution", "tolerance"),
    [(Execution(channels_last=True), 1e-4), (Execution(precision="bf16"), 0.2)],
)
def test_results_stay_within_rounding(inputs, execution, tolerance):
    model = build_model("tiny", 5).eval()
    with torch.inference_mode():
        reference = model(*inputs).logits
        ours = ExecutedModel(model, execution)(*inputs)
    assert relative(ours.logits.float(), reference) < tolerance


def test_channels_last_is_for_models_with_3d_convolutions_too():
    backbone = ResNet(BasicBlock, (1, 1, 1, 1), stem="plain", width=4)
    model = TPAVI(backbone, backbone.widths, 1, audio_encoder=None).eval()
    clips = torch.randn(1, 2, 3, 64, 64), torch.randn(1, 2, 128)
    with torch.inference_mode():
        reference = model(*clips).logits
        ours = ExecutedModel(model, Execution(channels_last=True))(*clips).logits
    assert relative(ours, reference) < 1e-4


def test_channels_last_keeps_gradients(inputs):
    gradients = []
    model = build_model("tiny", 5).double().train()
    inputs = [x.double() for x in inputs]
    for channels_last in (False, True):
        model.zero_grad()
        ExecutedModel(model, Execution(channels_last))(*inputs).logits.square().mean().backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    for plain, ours in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain)


def test_the_model_compiles_as_one_graph(inputs):
    model = build_model("tiny", 5).train()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    reference, ours = model(*inputs), compiled(*inputs)
    assert relative(ours.logits, reference.logits) < 1e-4
    assert relative(ours.features, reference.features) < 1e-4


def test_a_profile_has_what_was_asked_for(inputs):
    model = build_model("tiny", 5)
    measured = profile(model, *inputs, Execution(), repeats=3, training=True)
    assert 0 < measured.forward.low <= measured.forward.median <= measured.forward.high
    assert measured.training_step.median > 0
    assert measured.peak_memory_mib > 10
    assert profile(model, *inputs, Execution(), repeats=2, training=False).training_step is None


def test_timing_warms_up_first():
    calls = []
    timed(lambda: calls.append(1), torch.device("cpu"), repeats=8)
    assert len(calls) == 2 + 8


def test_a_model_laid_out_anew_keeps_its_parameters():
    model = build_model("tiny", 5)
    before = [(id(parameter), parameter.detach().clone()) for parameter in model.parameters()]
    ExecutedModel(model, Execution(channels_last=True))
    for (identity, value), parameter in zip(before, model.parameters(), strict=True):
        assert id(parameter) == identity
        assert torch.equal(parameter, value)
    assert model.backbone.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
