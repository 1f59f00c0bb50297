"""Backbones, decoders and heads by themselves, thin: sizes, gradients and cheaper equals."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from avs_bench.models.audio_resnet import AudioResNet18
from avs_bench.models.cavp import CAVP
from avs_bench.models.cross_attention import CrossAttention
from avs_bench.models.deeplab import DeepLabV3PlusDecoder, DeepLabV3PlusHead
from avs_bench.models.hrnet import ConcatenatedBranches, HRNet, HRNetHead
from avs_bench.models.ocr import OCRDecoder, RegionAttention
from avs_bench.models.pvt import PVTv2, Stage
from avs_bench.models.resnet import BasicBlock, Bottleneck, ResNet
from avs_bench.models.vgg import AudioVGG

CLASSES = 5
THIN_PVT = (Stage(8, 1, 1, 8), Stage(16, 1, 2, 4), Stage(24, 2, 3, 2), Stage(32, 1, 4, 1))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def thin(kind):
    """A thin CAVP with the backbone, decoder and head of an official one."""
    if kind == "hrnet":
        backbone = HRNet(4)
        decoder = ConcatenatedBranches(backbone.widths)
        head = HRNetHead(decoder.width, CLASSES)
    elif kind == "ocr":
        backbone = HRNet(4)
        decoder = OCRDecoder(backbone.widths, CLASSES, width=16, key=8)
        head = nn.Conv2d(decoder.width, CLASSES, 1)
    else:
        backbone = (
            PVTv2(THIN_PVT)
            if kind == "pvt"
            else ResNet(Bottleneck, (1, 1, 2, 3), stem="deep", output_stride=8, width=4)
        )
        fine, *_, coarse = backbone.widths
        decoder = DeepLabV3PlusDecoder(fine, coarse, outputs=8, hidden=8, reduced=4)
        head = DeepLabV3PlusHead(decoder.width, CLASSES, width=8)
    encoder = AudioResNet18(1, decoder.width, width=4)
    fusion = CrossAttention(decoder.width, heads=4, hidden=8)
    return CAVP(backbone, decoder, encoder, fusion, head)


KINDS = ("resnet", "hrnet", "ocr", "pvt")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(333, 517), (64, 64)])
@torch.inference_mode()
def test_a_single_image_of_any_size_works(kind, size):
    output = thin(kind).eval()(torch.randn(1, 3, *size), torch.randn(1, 1, 300, 64))
    assert output.logits.shape == (1, CLASSES, *size)
    places = tuple(-(-side // 4) for side in size)
    assert tuple(output.features.shape[-2:]) == tuple(output.attention.shape[-2:]) == places


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind):
    model = thin(kind).train()
    output = model(torch.randn(3, 3, 64, 64), torch.randn(6, 1, 96, 64))
    (output.logits.square().mean() + output.features.square().mean()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    ("stride", "sizes"), [(8, (16, 8, 8, 8)), (16, (16, 8, 4, 4)), (32, (16, 8, 4, 2))]
)
def test_the_output_stride_is_that_of_the_last_stage(stride, sizes):
    backbone = ResNet(BasicBlock, (2, 2, 2, 2), stem="deep", output_stride=stride, width=4)
    stages = backbone(torch.randn(1, 3, 64, 64))
    assert tuple(stage.shape[-1] for stage in stages) == sizes


def test_the_last_stage_is_dilated_by_two_four_and_eight():
    backbone = ResNet(Bottleneck, (1, 1, 3, 3), stem="deep", output_stride=8, width=4)
    assert [block.conv2.dilation[0] for block in backbone.layer3] == [1, 2, 2]
    assert [block.conv2.dilation[0] for block in backbone.layer4] == [2, 4, 8]


def test_region_attention_equals_convolving_the_context_of_every_place():
    attention = RegionAttention(12, 6).double().train()
    pixels = torch.randn(2, 12, 4, 5, dtype=torch.double, requires_grad=True)
    regions = torch.randn(2, 3, 12, dtype=torch.double, requires_grad=True)

    objects = regions.transpose(1, 2)[..., None]
    query = attention.f_pixel(pixels).flatten(2).transpose(1, 2)
    key, value = (f(objects).squeeze(3) for f in (attention.f_object, attention.f_down))
    weights = F.softmax(query @ key / 6**0.5, dim=-1)
    context = (weights @ value.transpose(1, 2)).transpose(1, 2).reshape(2, 6, 4, 5)
    plain = attention.f_up(context)

    ours = attention(pixels, regions)
    torch.testing.assert_close(ours, plain)
    inputs = [pixels, regions, *attention.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().sum(), inputs),
        torch.autograd.grad(plain.square().sum(), inputs),
    )


def test_pvt_drops_whole_branches_in_training_only():
    deep = PVTv2((Stage(8, 6, 1, 8), *THIN_PVT[1:]))
    images = torch.randn(4, 3, 64, 64)
    assert torch.equal(deep.eval()(images)[-1], deep(images)[-1])
    deep.train()
    assert not torch.equal(deep(images)[-1], deep(images)[-1])


def test_the_vgg_encoder_hears_one_second_only():
    encoder = AudioVGG.__new__(AudioVGG)  # without its 70 M parameters
    with pytest.raises(ValueError, match=r"\(300, 64\).*\(96, 64\)"):
        AudioVGG.forward(encoder, torch.zeros(1, 1, 300, 64))
