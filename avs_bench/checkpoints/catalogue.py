"""The table behind `avs-bench models`: what there is, how large, and whose result it repeats."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from avs_bench.checkpoints.published_names import dead_parameters
from avs_bench.models.registry import MODELS, build_model


@dataclass(frozen=True)
class Card:
    """What a model's row says beside its measured size.

    `image` is (H, W) in pixels, `frames` the images of one item, `sound` the shape of the
    spectrogram of one; `paper` names the published table's row and its mIoU in per cent
    (protocol §7), None for a model of ours.
    """

    backbone: str
    classes: int
    image: tuple[int, int]
    frames: int
    sound: tuple[int, ...]
    paper: str | None


@dataclass(frozen=True)
class Row:
    """A model's measured size: `parameters` in use, of which `frozen`, and `dead` published ones.

    `flops` are those of one item's forward pass, a multiplication and an addition counting two.
    """

    name: str
    card: Card
    parameters: int
    frozen: int
    dead: int
    flops: int


LOGMEL = (1, 300, 64)
EXAMPLE = (1, 96, 64)
VPO = (512, 512)  # the training crop of P1; TPAVI works at 224
CARDS: dict[str, Card] = {
    "tiny": Card("ResNet18, half width", 22, (128, 128), 1, LOGMEL, None),
    "small": Card("ResNet18, half width", 22, (128, 128), 1, LOGMEL, None),
    "cavp-deeplabv3plus-r50": Card(
        "D-ResNet50", 22, VPO, 1, LOGMEL, "P1 DeepLabV3+ D-R50: VPO SS 61.21, MS 59.58"
    ),
    "cavp-deeplabv3plus-r101": Card(
        "D-ResNet101", 22, VPO, 1, LOGMEL, "P1 DeepLabV3+ D-R101: VPO SS 66.26, MS 62.91"
    ),
    "cavp-deeplabv3plus-pvtv2-b5": Card(
        "PVTv2-b5", 22, VPO, 1, LOGMEL, "P1 code, Transformer row: no figure published"
    ),
    "cavp-hrnetv2-w48": Card(
        "HRNetV2-w48", 22, VPO, 1, LOGMEL, "P1 HRNetV2-w48: VPO SS 64.42, MS 64.18"
    ),
    "cavp-ocr-hrnetv2-w48": Card(
        "HRNetV2-w48", 22, VPO, 1, LOGMEL, "P1 OCR: VPO SS 66.38, MS 65.62"
    ),
    "tpavi-r50": Card(
        "ResNet50", 71, (224, 224), 5, EXAMPLE, "P2 TPAVI-R50: Salient 72.79, Semantics 20.18"
    ),
    "tpavi-pvtv2-b5": Card("PVTv2-b5", 71, (224, 224), 5, EXAMPLE, "P2 TPAVI-PVT: Semantics 29.77"),
}


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
        height, width = card.image
        cells = [
            row.name,
            card.backbone,
            f"{row.parameters / 1e6:.3f}",
            f"{row.frozen / 1e6:.3f}" if row.frozen else "",
            f"{row.dead / 1e6:.3f}" if row.dead else "",
            f"{row.flops / 1e9:.1f}",
            f"{card.frames} × {height} × {width}",
            " × ".join(map(str, card.sound)),
            card.paper or "ours",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def example_inputs(
    card: Card, batch: int, *, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Return random images and spectrograms of `batch` items in the sizes of a card."""
    frames = (card.frames,) if card.frames > 1 else ()
    images = torch.randn(batch, *frames, 3, *card.image, device=device)
    return images, torch.randn(batch, *frames, *card.sound, device=device)


def sound_shape(card: Card, channels: int, seconds: int) -> tuple[int, ...]:
    """Return the shape of a spectrogram of that length; TPAVI hears mono examples only."""
    return card.sound if card.sound == EXAMPLE else (channels, 300 if seconds == 3 else 96, 64)


def count_flops(model: nn.Module, images: Tensor, spectrograms: Tensor) -> int:
    """Return the FLOPs of one forward pass; convolutions, products and attention are counted."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(images, spectrograms)
    return counter.get_total_flops()


def _row(name: str) -> Row:
    card = CARDS[name]
    with torch.device("meta"):
        model = build_model(name, card.classes).eval()
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return Row(
        name,
        card,
        parameters=sum(size for size, _ in sizes),
        frozen=sum(size for size, trained in sizes if not trained),
        dead=0 if card.paper is None else dead_parameters(model),
        flops=count_flops(model, *example_inputs(card, 1, device="meta")),
    )
