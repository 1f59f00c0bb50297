"""ONNX files compute what PyTorch computes."""

import pytest
import torch
from torch import nn

from avs_bench.models import AVSOutput, build_model

pytest.importorskip("onnxscript", reason="the onnx extra is not installed")
pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")

from avs_bench.models import exporting
from avs_bench.models.exporting import TOLERANCE, export_onnx, onnx_difference
from avs_bench.models.registry import Variant
from tests.bench.models.small_models import small_avsegformer
from vpo_builder.runtime.errors import InputError


@pytest.mark.proof
@pytest.mark.parametrize(
    ("name", "options", "image", "sound"),
    [
        ("cavp-deeplabv3plus-r50", {}, (3, 64, 96), (1, 96, 64)),
        ("tpavi-r50", {"audio_encoder": "none"}, (2, 3, 64, 64), (2, 128)),
    ],
)
def test_official_models_give_the_same_logits_in_onnxruntime(tmp_path, name, options, image, sound):
    torch.manual_seed(0)
    model = build_model(name, 3, **options).eval()
    path = tmp_path / "model.onnx"
    difference = export_onnx(model, path, torch.randn(1, *image), torch.randn(1, *sound))
    assert difference <= TOLERANCE
    # Another batch, on other inputs, from the file itself.
    wrapped = exporting.LogitsOnly(model).eval()
    assert (
        onnx_difference(wrapped, path, torch.randn(3, *image), torch.randn(3, *sound)) <= TOLERANCE
    )


@pytest.mark.proof
def test_queries_and_deformable_attention_are_the_same_in_onnxruntime(tmp_path):
    model = small_avsegformer(Variant(2, 1, None, None, None, None)).eval()
    sides = torch.randn(1, 2, 3, 32, 32), torch.randn(1, 2, 1, 1, 96, 64)
    assert export_onnx(model, tmp_path / "model.onnx", *sides) <= TOLERANCE


class Doubling(nn.Module):
    def forward(self, images, spectrograms):
        return AVSOutput(2 * images + spectrograms)


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    inputs = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    export_onnx(Doubling(), tmp_path / "fine.onnx", *inputs)
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(InputError, match="nothing written"):
        export_onnx(Doubling(), tmp_path / "not.onnx", *inputs)
    assert [path.name for path in tmp_path.iterdir()] == ["fine.onnx"]


class Counting(Doubling):
    """Keeps the size of the batch as a number."""

    def forward(self, images, spectrograms):
        self.count = len(images)
        return super().forward(images, spectrograms)


def test_a_model_that_fixes_the_size_of_its_batch_is_refused_in_one_line(tmp_path):
    inputs = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    with pytest.raises(InputError, match=r"batches of one size only \((images, )?spectrograms\)"):
        export_onnx(Counting(), tmp_path / "not.onnx", *inputs)
    assert list(tmp_path.iterdir()) == []
