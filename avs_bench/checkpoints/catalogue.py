"""The table behind `avs-bench models`: what there is, how large, and whose result it repeats."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from avs_bench.checkpoints.published_names import dead_parameters
from avs_bench.models.protocol import needs_of
from avs_bench.models.registry import MODELS, build_model


@dataclass(frozen=True)
class Card:
    """What a model's row says beside its measured size.

    `classes` are those of the published row that `paper` names, with its mIoU in per cent
    (protocol §7); None for a model of ours.
    """

    backbone: str
    classes: int
    paper: str | None


@dataclass(frozen=True)
class Row:
    """A model's measured size: `parameters` in use, of which `frozen`, and `dead` published ones.

    `flops` are those of one item's forward pass, a multiplication and an addition counting two;
    `images` and `sounds` the shapes of that item.
    """

    name: str
    card: Card
    images: tuple[int, ...]
    sounds: tuple[int, ...]
    parameters: int
    frozen: int
    dead: int
    flops: int


VPO_CLASSES = 22
CARDS: dict[str, Card] = {
    "tiny": Card("ResNet18, half width", VPO_CLASSES, None),
    "small": Card("ResNet18, half width", VPO_CLASSES, None),
    "cavp-deeplabv3plus-r50": Card(
        "D-ResNet50", VPO_CLASSES, "P1 DeepLabV3+ D-R50: VPO SS 61.21, MS 59.58"
    ),
    "cavp-deeplabv3plus-r101": Card(
        "D-ResNet101", VPO_CLASSES, "P1 DeepLabV3+ D-R101: VPO SS 66.26, MS 62.91"
    ),
    "cavp-deeplabv3plus-pvtv2-b5": Card(
        "PVTv2-b5", VPO_CLASSES, "P1 code, Transformer row: no figure published"
    ),
    "cavp-hrnetv2-w48": Card("HRNetV2-w48", VPO_CLASSES, "P1 HRNetV2-w48: VPO SS 64.42, MS 64.18"),
    "cavp-ocr-hrnetv2-w48": Card("HRNetV2-w48", VPO_CLASSES, "P1 OCR: VPO SS 66.38, MS 65.62"),
    "tpavi-r50": Card("ResNet50", 71, "P2 TPAVI-R50: Salient 72.79, Semantics 20.18"),
    "tpavi-pvtv2-b5": Card("PVTv2-b5", 71, "P2 TPAVI-PVT: Semantics 29.77"),
    "avsegformer-r50": Card(
        "ResNet50", 71, "AVSegFormer (released): S4 76.38, MS3 53.81, AVSS 26.58"
    ),
    "avsegformer-pvtv2-b5": Card(
        "PVTv2-b5", 71, "AVSegFormer (released): S4 83.06, MS3 61.33, AVSS 37.31"
    ),
}


def usual_classes(name: str) -> int:
    """Return the classes of a model by name, background included: those of VPO if it has no row."""
    return CARDS[name].classes if name in CARDS else VPO_CLASSES


@cache
def rows() -> tuple[Row, ...]:
    """Return the row of every model, measured without allocating one."""
    return tuple(_row(name) for name in MODELS)


def markdown(listed: Iterable[Row]) -> str:
    """Return the rows as a Markdown table; parameters and FLOPs in millions and billions."""
    lines = [
        "| model | backbone | parameters (M) | frozen | dead | GFLOPs | images | sound | paper |",
        "|---|---|---:|---:|---:|---:|---|---|---|",
    ]
    for row in listed:
        card = row.card
        cells = [
            row.name,
            card.backbone,
            f"{row.parameters / 1e6:.3f}",
            f"{row.frozen / 1e6:.3f}" if row.frozen else "",
            f"{row.dead / 1e6:.3f}" if row.dead else "",
            f"{row.flops / 1e9:.1f}",
            " × ".join(map(str, row.images)),
            " × ".join(map(str, row.sounds)),
            card.paper or "ours",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def count_flops(model: nn.Module, images: Tensor, spectrograms: Tensor) -> int:
    """Return the FLOPs of one forward pass; convolutions, products and attention are counted."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(images, spectrograms)
    return int(counter.get_total_flops())


def _row(name: str) -> Row:
    card = CARDS[name]
    with torch.device("meta"):
        model = build_model(name, card.classes).eval()
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    needs = needs_of(model)
    images, sounds = needs.example(1, "meta")
    return Row(
        name,
        card,
        images=(needs.frames, *images.shape[-2:]),
        sounds=tuple(sounds.shape[-3:]),
        parameters=sum(size for size, _ in sizes),
        frozen=sum(size for size, trained in sizes if not trained),
        dead=0 if card.paper is None else dead_parameters(model),
        flops=count_flops(model, images, sounds),
    )
