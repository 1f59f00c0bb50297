"""Ways of running a model change its speed and nothing else."""

import pytest
import torch

from avs_bench.config import read_preset
from avs_bench.models import build_model
from avs_bench.models.execution import (
    ExecutedModel,
    Execution,
    rounding,
    settings_on,
    store_channels_last,
)
from avs_bench.models.inference import answer, run_hearings
from avs_bench.models.profiling import profile, timed
from avs_bench.models.resnet import BasicBlock, ResNet
from avs_bench.models.tpavi import TPAVI
from avs_bench.runtime import device as devices
from vpo_builder.runtime.settings import to_tree

CPU, GPU = torch.device("cpu"), torch.device("cuda")


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


@pytest.mark.parametrize("execution", [Execution(), Execution(True, precision="bf16")])
def test_a_picture_seen_once_is_heard_in_the_same_arithmetic(execution):
    model = build_model("tiny", 5).eval()
    images = torch.randint(0, 255, (2, 3, 64, 64)).byte()
    sounds = torch.randn(2, 1, 48_000) / 10
    (seen_once,) = run_hearings(ExecutedModel(model, execution), images, [sounds])
    with torch.inference_mode():
        whole = answer(ExecutedModel(model, execution), images, sounds, None)
        plain = answer(model, images, sounds, None)
    assert seen_once.scores.dtype == whole.scores.dtype
    assert torch.equal(seen_once.scores, whole.scores)
    assert torch.equal(whole.scores, plain.scores) == (execution.precision == "fp32")
    assert relative(whole.scores.float(), plain.scores) < 0.2


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


def test_the_layout_passes_a_kernel_over_one_channel():
    first = torch.nn.Conv2d(1, 4, 3, bias=False)
    store_channels_last(first)
    assert first(torch.randn(2, 1, 9, 9)).is_contiguous(memory_format=torch.channels_last)


@pytest.fixture(
    params=["fpu avx512f amx_bf16", "fpu avx512_bf16", "fpu avx512f avx512_bf16x", None]
)
def has_bf16(request, monkeypatch, tmp_path):
    """A processor of which Linux tells these flags, or nothing."""
    info = tmp_path / "cpuinfo"
    if request.param is not None:
        info.write_text(f"processor\t: 0\nflags\t\t: {request.param}\n")
    monkeypatch.setattr(devices, "CPU_INFO", info)
    return request.param is not None and not request.param.endswith("x")


def test_auto_is_bf16_and_channels_last_where_the_processor_has_it_and_else_fp32(has_bf16):
    decided = Execution(precision="auto").on(CPU)
    assert (decided.precision, decided.channels_last) == (
        ("bf16", True) if has_bf16 else ("fp32", False)
    )
    assert Execution(channels_last=True, precision="auto").on(CPU).channels_last
    assert Execution(precision="fp32").on(CPU) == Execution()
    assert not devices.computes_bf16(torch.device("meta"))


def test_auto_is_decided_once_and_stored_as_what_it_became(monkeypatch):
    monkeypatch.setattr(devices, "CPU_INFO", devices.CPU_INFO / "none")
    settings = read_preset("tiny", ("train.precision=auto",))
    assert settings_on(settings, CPU) == read_preset("tiny")
    assert settings_on(read_preset("tiny"), CPU) == read_preset("tiny")
    assert "tf32" not in to_tree(read_preset("tiny"))["train"]  # old records keep their bytes
    tf32 = read_preset("tiny", ("train.tf32=all",))
    assert to_tree(tf32)["train"]["tf32"] == Execution.of(tf32.train).tf32 == "all"


def test_an_execution_is_said_in_words():
    fast = Execution(channels_last=True, compiled=True, precision="bf16")
    assert fast.said(GPU) == "bf16, channels-last, compiled"
    said = [Execution(tf32=tf32).said(GPU) for tf32 in ("none", "convolutions", "all")]
    assert said == ["fp32", "fp32 (TF32 in convolutions)", "fp32 (TF32 in all products)"]
    assert Execution(tf32="all").said(CPU) == "fp32"


@pytest.mark.parametrize(
    ("tf32", "products", "convolutions"), [("none", "highest", False), ("all", "high", True)]
)
def test_tf32_is_set_for_a_while(tf32, products, convolutions):
    cudnn = torch.backends.cudnn

    def state():
        return torch.get_float32_matmul_precision(), cudnn.allow_tf32

    before = state()
    with rounding(tf32):
        assert state() == (products, convolutions)
    assert state() == before
    with rounding("convolutions"):
        assert state() == before
