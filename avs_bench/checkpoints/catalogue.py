"""The table behind `avs-bench models`: what there is, how large, and whose result it repeats."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from avs_bench.checkpoints.published_files import StartFile, start_files
from avs_bench.checkpoints.published_names import dead_parameters
from avs_bench.config import read_preset
from avs_bench.models.protocol import needs_of
from avs_bench.models.registry import build_model


@dataclass(frozen=True)
class Card:
    """What a model's row says beside its measured size.

    `classes` are those of the published row that `paper` names, with its mIoU in per cent
    (protocol §7); None for a model of ours. `quoted` are the parameters that the paper gives, in
    millions.
    """

    backbone: str
    classes: int
    paper: str | None
    quoted: str = ""


@dataclass(frozen=True)
class Row:
    """A model's measured size: `parameters` in use, of which `frozen`, and `dead` published ones.

    `starts` are the files that its parts begin with, where a paper has the model. `flops` are those
    of one item's forward pass, a multiplication and an addition counting two; `images` and `sounds`
    the shapes of that item.
    """

    name: str
    card: Card
    images: tuple[int, ...]
    sounds: tuple[int, ...]
    parameters: int
    frozen: int
    dead: int
    flops: int
    starts: dict[str, StartFile]

    @property
    def published(self) -> int:
        """Parameters of the published checkpoint: those in use and the dead ones."""
        return self.parameters + self.dead


VPO_CLASSES = 22
CARDS: dict[str, Card] = {
    "tiny": Card("ResNet18, half width", VPO_CLASSES, None),
    "small": Card("ResNet18, half width", VPO_CLASSES, None),
    "small-avsegformer": Card("ResNet18, half width", VPO_CLASSES, None),
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
    "tpavi-r50": Card("ResNet50", 71, "P2 TPAVI-R50: Salient 72.79, Semantics 20.18", "163.55"),
    "tpavi-pvtv2-b5": Card("PVTv2-b5", 71, "P2 TPAVI-PVT: Semantics 29.77"),
    "avsegformer-r50": Card(
        "ResNet50", 71, "AVSegFormer (released): S4 76.38, MS3 53.81, AVSS 26.58", "150.90"
    ),
    "avsegformer-pvtv2-b5": Card(
        "PVTv2-b5", 71, "AVSegFormer (released): S4 83.06, MS3 61.33, AVSS 37.31", "186.05"
    ),
}

PRESET_CARDS: dict[str, Card] = {
    "cavp-single-plus": Card("D-ResNet50", 24, "P1 DeepLabV3+ D-R50: Single+ 74.17", "119.78"),
}
"""The published rows of a preset whose options change the size of its model."""


def usual_classes(name: str) -> int:
    """Return the classes of a model by name, background included: those of VPO if it has no row."""
    return CARDS[name].classes if name in CARDS else VPO_CLASSES


@cache
def rows() -> tuple[Row, ...]:
    """Return the row of every model and of `PRESET_CARDS`, measured without allocating one."""
    options = {preset: read_preset(preset).model for preset in PRESET_CARDS}
    models = (_row(name, name, card, {}) for name, card in CARDS.items())
    presets = (
        _row(
            f"{options[name].name} by preset {name}",
            options[name].name,
            card,
            options[name].options,
        )
        for name, card in PRESET_CARDS.items()
    )
    return (*models, *presets)


def dead_of(name: str, model: nn.Module) -> int:
    """Return how many parameters the published checkpoint of a model has that nothing reads."""
    return dead_parameters(model) if is_published(name) else 0


def is_published(name: str) -> bool:
    """Return whether a paper has the model of this name."""
    return name in CARDS and CARDS[name].paper is not None


def markdown(listed: Iterable[Row]) -> str:
    """Return the rows as a Markdown table; parameters and FLOPs in millions and billions."""
    lines = [
        "| model | backbone | in use (M) | frozen | dead | published (M) | quoted (M) | GFLOPs "
        "| images | sound | paper |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for row in listed:
        card = row.card
        cells = [
            row.name,
            card.backbone,
            f"{row.parameters / 1e6:.3f}",
            f"{row.frozen / 1e6:.3f}" if row.frozen else "",
            f"{row.dead / 1e6:.3f}" if row.dead else "",
            f"{row.published / 1e6:.3f}" if card.paper else "",
            card.quoted,
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


def _row(title: str, name: str, card: Card, options: Mapping[str, Any]) -> Row:
    with torch.device("meta"):
        model = build_model(name, card.classes, **options).eval()
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    needs = needs_of(model)
    images, sounds = needs.example(1, "meta")
    return Row(
        title,
        card,
        images=(needs.frames, *images.shape[-2:]),
        sounds=tuple(sounds.shape[-3:]),
        parameters=sum(size for size, _ in sizes),
        frozen=sum(size for size, trained in sizes if not trained),
        dead=dead_of(name, model),
        flops=count_flops(model, images, sounds),
        starts=start_files(model) if is_published(name) else {},
    )
