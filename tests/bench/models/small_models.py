"""The models that hear through VGGish, with hardly any channels: they train in milliseconds."""

from torch import nn

from avs_bench.models.avsegformer import AVSegFormer
from avs_bench.models.registry import TPAVI_FUSIONS, Variant
from avs_bench.models.resnet import DEPTHS, ResNet
from avs_bench.models.tpavi import TPAVI
from avs_bench.models.vgg import VGGish


class SmallVGGish(VGGish):
    """VGGish with hardly any channels: the published one has 72 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 16, stride=16), nn.ReLU())
        self.embeddings = nn.Sequential(nn.Linear(48, 128), nn.ReLU())
        self.requires_grad_(False)


def small_backbone() -> ResNet:
    return ResNet(*DEPTHS["resnet18"], stem="plain", width=8)


def small_tpavi(variant: Variant) -> TPAVI:
    backbone = small_backbone()
    fusion = TPAVI_FUSIONS[variant.fusion or "tpavi"]
    return TPAVI(backbone, backbone.widths, variant.classes, SmallVGGish(), fusion)


def small_avsegformer(variant: Variant) -> AVSegFormer:
    backbone, scored = small_backbone(), variant.shuffled_items or "skip"
    return AVSegFormer(
        backbone,
        backbone.widths,
        variant.classes,
        SmallVGGish(),
        scored,
        width=32,
        hidden=64,
        depth=1,
    )
