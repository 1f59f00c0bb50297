"""The models by name: each a few literal lines that join a backbone, a decoder and a fusion."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from torch import nn

from avs_bench.models.audio_resnet import AudioResNet18
from avs_bench.models.avsegformer import AVSegFormer
from avs_bench.models.cavp import CAVP, NEEDS
from avs_bench.models.cross_attention import CrossAttention
from avs_bench.models.deeplab import DeepLabV3PlusDecoder, DeepLabV3PlusHead
from avs_bench.models.fusion import Addition, SingleFrameTPAVI, VisualOnly
from avs_bench.models.hrnet import ConcatenatedBranches, HRNet, HRNetHead
from avs_bench.models.ocr import OCRDecoder
from avs_bench.models.pvt import PVTv2
from avs_bench.models.resnet import DEPTHS, ResNet
from avs_bench.models.tpavi import TPAVI, Fusion
from avs_bench.models.tpavi_block import AddedSound, TPAVIBlock
from avs_bench.models.vgg import VGGISH_EMBEDDING, AudioVGG, VGGish
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class Variant:
    """What may be varied in a model; None stands for the model's own choice.

    `audio_channels` is 1 (mono) or 2 (stereo); `output_stride` 8 or 16, for dilated ResNets;
    `fusion` "cross-attention", "tpavi", "add" or "none" (visual only) for CAVP models, "tpavi",
    "tpavi-visual" (places attend to places too), "add" (A⊕V) or "none" for TPAVI's;
    `audio_encoder` "resnet18" (3 s
    or 1 s) or "vgg" (1 s) for CAVP, "vggish" or "none" (the model is given embeddings) for
    TPAVI and AVSegFormer; `shuffled_items` "head" (published) "score" or "skip", see `CAVP`.
    """

    classes: int
    audio_channels: Literal[1, 2]
    output_stride: Literal[8, 16] | None
    fusion: str | None
    audio_encoder: str | None
    shuffled_items: str | None


def build_model(
    name: str,
    classes: int,
    *,
    audio_channels: Literal[1, 2] = 1,
    output_stride: Literal[8, 16] | None = None,
    fusion: str | None = None,
    audio_encoder: str | None = None,
    shuffled_items: str | None = None,
) -> nn.Module:
    """Return the model `name` of `MODELS` for `classes` classes (background included; 1: binary).

    The options are those of `Variant`. Raises InputError for an unknown name or option value and
    for an option that the model does not have.
    """
    refuse_unknown(name)
    if classes < 1:
        raise InputError(f"model {name} for {classes} classes: give 1 (binary) or more")
    _refuse_other("audio_channels", audio_channels, 1, 2)
    _refuse_other("output_stride", output_stride, None, 8, 16)
    _refuse_other("shuffled_items", shuffled_items, None, "head", "score", "skip")
    variant = Variant(classes, audio_channels, output_stride, fusion, audio_encoder, shuffled_items)
    return MODELS[name](variant)


@dataclass(frozen=True)
class Widths:
    """Sizes of what is joined to a visual backbone and its decoder.

    `audio` is the first stage of the audio ResNet, `projector` the hidden layer of the visual
    projector, and the attention block's perceptron has `expansion` times the features' width.
    `side` is that of the pictures.
    """

    audio: int
    projector: int
    expansion: int
    side: int


Decoder = DeepLabV3PlusDecoder | ConcatenatedBranches | OCRDecoder

TPAVI_FUSIONS: dict[str, Fusion | None] = {
    "tpavi": TPAVIBlock,
    "tpavi-visual": partial(TPAVIBlock, visual_too=True),
    "add": AddedSound,
    "none": None,
}
PUBLISHED = Widths(audio=64, projector=256, expansion=4, side=512)
TINY = Widths(audio=16, projector=64, expansion=2, side=128)


def takes_output_stride(name: str) -> bool:
    """Return whether the model of this name has the option `output_stride`."""
    return MODELS[name] in (cavp_deeplabv3plus_r50, cavp_deeplabv3plus_r101)


def refuse_unknown(name: str) -> None:
    """Raise InputError unless `name` is in `MODELS`."""
    if name not in MODELS:
        raise InputError(f"no model {name!r}: choose one of {', '.join(MODELS)}")


def tiny(variant: Variant) -> CAVP:
    """A CAVP DeepLabV3+ of 4 million parameters, for 128-pixel images on a CPU."""
    return _cavp_half_resnet18(variant, "tiny", outputs=48, reduced=16)


def small(variant: Variant) -> CAVP:
    """The same with a wider decoder and head, which learn masks in fewer steps."""
    return _cavp_half_resnet18(variant, "small", outputs=64, reduced=32)


def small_avsegformer(variant: Variant) -> AVSegFormer:
    """AVSegFormer of 5 million parameters for a CPU, whose ear learns: it needs no VGGish."""
    name = "small-avsegformer"
    backbone = ResNet(*DEPTHS["resnet18"], stem="plain", width=32)
    _refuse(name, audio_encoder=variant.audio_encoder)
    ear = AudioResNet18(1, VGGISH_EMBEDDING, TINY.audio)
    return _avsegformer(variant, name, backbone, ear, width=64, hidden=256, depth=2, queries=32)


def cavp_deeplabv3plus_r50(variant: Variant) -> CAVP:
    """P1's DeepLabV3+ on a dilated ResNet-50; output stride 8 as on VPO, or 16."""
    return _cavp_deeplabv3plus_resnet(variant, "resnet50")


def cavp_deeplabv3plus_r101(variant: Variant) -> CAVP:
    """P1's DeepLabV3+ on a dilated ResNet-101; output stride 8 as on VPO, or 16."""
    return _cavp_deeplabv3plus_resnet(variant, "resnet101")


def cavp_deeplabv3plus_pvtv2_b5(variant: Variant) -> CAVP:
    """DeepLabV3+ on PVTv2-b5, the transformer of P1's code; fused width 112."""
    _refuse("cavp-deeplabv3plus-pvtv2-b5", output_stride=variant.output_stride)
    backbone = PVTv2()
    fine, *_, coarse = backbone.widths
    decoder = DeepLabV3PlusDecoder(fine, coarse, outputs=64)
    head = DeepLabV3PlusHead(decoder.width, variant.classes)
    return _cavp(variant, backbone, decoder, head, PUBLISHED)


def cavp_hrnetv2_w48(variant: Variant) -> CAVP:
    """P1's HRNetV2-w48; fused width 720."""
    _refuse("cavp-hrnetv2-w48", output_stride=variant.output_stride)
    backbone = HRNet(48)
    decoder = ConcatenatedBranches(backbone.widths)
    head = HRNetHead(decoder.width, variant.classes)
    return _cavp(variant, backbone, decoder, head, PUBLISHED)


def cavp_ocr_hrnetv2_w48(variant: Variant) -> CAVP:
    """P1's OCR on HRNetV2-w48; fused width 512."""
    _refuse("cavp-ocr-hrnetv2-w48", output_stride=variant.output_stride)
    backbone = HRNet(48)
    decoder = OCRDecoder(backbone.widths, variant.classes)
    head = nn.Conv2d(decoder.width, variant.classes, 1)
    return _cavp(variant, backbone, decoder, head, PUBLISHED)


def tpavi_r50(variant: Variant) -> TPAVI:
    """P2's TPAVI on the plain ResNet-50."""
    return _tpavi(variant, "tpavi-r50", ResNet(*DEPTHS["resnet50"], stem="plain"))


def tpavi_pvtv2_b5(variant: Variant) -> TPAVI:
    """P2's TPAVI on PVTv2-b5."""
    return _tpavi(variant, "tpavi-pvtv2-b5", PVTv2())


def avsegformer_r50(variant: Variant) -> AVSegFormer:
    """AVSegFormer, the released network, on the plain ResNet-50."""
    backbone = ResNet(*DEPTHS["resnet50"], stem="plain")
    ear = _vggish("avsegformer-r50", variant.audio_encoder)
    return _avsegformer(variant, "avsegformer-r50", backbone, ear)


def avsegformer_pvtv2_b5(variant: Variant) -> AVSegFormer:
    """AVSegFormer, the released network, on PVTv2-b5."""
    ear = _vggish("avsegformer-pvtv2-b5", variant.audio_encoder)
    return _avsegformer(variant, "avsegformer-pvtv2-b5", PVTv2(), ear)


MODELS: dict[str, Callable[[Variant], nn.Module]] = {
    "tiny": tiny,
    "small": small,
    "small-avsegformer": small_avsegformer,
    "cavp-deeplabv3plus-r50": cavp_deeplabv3plus_r50,
    "cavp-deeplabv3plus-r101": cavp_deeplabv3plus_r101,
    "cavp-deeplabv3plus-pvtv2-b5": cavp_deeplabv3plus_pvtv2_b5,
    "cavp-hrnetv2-w48": cavp_hrnetv2_w48,
    "cavp-ocr-hrnetv2-w48": cavp_ocr_hrnetv2_w48,
    "tpavi-r50": tpavi_r50,
    "tpavi-pvtv2-b5": tpavi_pvtv2_b5,
    "avsegformer-r50": avsegformer_r50,
    "avsegformer-pvtv2-b5": avsegformer_pvtv2_b5,
}


def _cavp_half_resnet18(variant: Variant, name: str, *, outputs: int, reduced: int) -> CAVP:
    _refuse(name, output_stride=variant.output_stride)
    backbone = ResNet(*DEPTHS["resnet18"], stem="plain", output_stride=16, width=32)
    fine, *_, coarse = backbone.widths
    decoder = DeepLabV3PlusDecoder(fine, coarse, outputs=outputs, hidden=outputs, reduced=reduced)
    head = DeepLabV3PlusHead(decoder.width, variant.classes, width=outputs)
    return _cavp(variant, backbone, decoder, head, TINY)


def _cavp_deeplabv3plus_resnet(variant: Variant, depth: str) -> CAVP:
    backbone = ResNet(*DEPTHS[depth], stem="deep", output_stride=variant.output_stride or 8)
    fine, *_, coarse = backbone.widths
    decoder = DeepLabV3PlusDecoder(fine, coarse)
    head = DeepLabV3PlusHead(decoder.width, variant.classes)
    return _cavp(variant, backbone, decoder, head, PUBLISHED)


def _tpavi(variant: Variant, name: str, backbone: ResNet | PVTv2) -> TPAVI:
    mono = None if variant.audio_channels == 1 else variant.audio_channels
    _refuse(
        name,
        output_stride=variant.output_stride,
        audio_channels=mono,
        shuffled_items=variant.shuffled_items,
    )
    _refuse_other(f"fusion of {name}", variant.fusion, None, *TPAVI_FUSIONS)
    fusion = TPAVI_FUSIONS[variant.fusion or "tpavi"]
    encoder = _vggish(name, variant.audio_encoder if fusion else "none")
    return TPAVI(backbone, backbone.widths, variant.classes, encoder, fusion)


def _avsegformer(
    variant: Variant, name: str, backbone: ResNet | PVTv2, ear: nn.Module | None, **sizes: int
) -> AVSegFormer:
    mono = None if variant.audio_channels == 1 else variant.audio_channels
    _refuse(name, output_stride=variant.output_stride, audio_channels=mono, fusion=variant.fusion)
    _refuse_other(f"shuffled_items of {name}", variant.shuffled_items, None, "score", "skip")
    shuffled = variant.shuffled_items or "skip"
    return AVSegFormer(backbone, backbone.widths, variant.classes, ear, shuffled, **sizes)


def _vggish(name: str, encoder: str | None) -> VGGish | None:
    if encoder not in (None, "vggish", "none"):
        raise InputError(
            f"no audio encoder {encoder!r} for {name}: choose vggish, or none to give embeddings "
            "in place of sounds"
        )
    return None if encoder == "none" else VGGish()


def _cavp(
    variant: Variant, backbone: nn.Module, decoder: Decoder, head: nn.Module, widths: Widths
) -> CAVP:
    name = variant.fusion or "cross-attention"
    encoder = _audio_encoder(variant, decoder.width, widths) if name != "none" else None
    fusion = _fusion(name, decoder.width, widths)
    needs = replace(
        NEEDS,
        side=widths.side,
        channels=variant.audio_channels,
        seconds=1 if variant.audio_encoder == "vgg" else 3,
    )
    return CAVP(backbone, decoder, encoder, fusion, head, variant.shuffled_items or "head", needs)


def _audio_encoder(variant: Variant, embedding: int, widths: Widths) -> nn.Module:
    name = variant.audio_encoder or "resnet18"
    if name == "resnet18":
        return AudioResNet18(variant.audio_channels, embedding, widths.audio)
    if name == "vgg":
        return AudioVGG(variant.audio_channels, embedding)
    raise InputError(f"no audio encoder {name!r} for a CAVP model: choose resnet18 or vgg")


def _fusion(name: str, width: int, widths: Widths) -> nn.Module:
    if name == "cross-attention":
        return CrossAttention(width, hidden=widths.projector, expansion=widths.expansion)
    if name == "tpavi":
        return SingleFrameTPAVI(width)
    if name == "add":
        return Addition()
    if name == "none":
        return VisualOnly()
    raise InputError(f"no fusion {name!r}: choose one of cross-attention, tpavi, add, none")


def _refuse(model: str, **options: object) -> None:
    """Raise InputError if an option is set that the model does not have."""
    for option, value in options.items():
        if value is not None:
            raise InputError(f"model {model} has no {option}: leave it out (it is {value!r})")


def _refuse_other(option: str, value: object, *choices: object) -> None:
    """Raise InputError unless the value of an option is one of the choices."""
    if value not in choices:
        shown = ", ".join(str(choice) for choice in choices if choice is not None)
        raise InputError(f"no {option} {value!r}: choose one of {shown}")
