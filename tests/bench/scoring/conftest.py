"""A fresh model and its answers, written as any program might write them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from avs_bench.checkpoints.run_checkpoint import model_of
from avs_bench.config import Settings
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.loader import plain_batches
from avs_bench.models.inference import segment

Save = Callable[[Path, Tensor], None]
"""Writes logits [classes, H, W] to a path without its ending."""


@pytest.fixture
def model(settings: Settings, dataset: AVSDataset) -> nn.Module:
    torch.manual_seed(0)
    return model_of(settings, len(dataset.classes)).eval()


def logits_of(
    model: nn.Module, dataset: AVSDataset, settings: Settings
) -> Iterator[tuple[Example, Tensor]]:
    """Yield the test examples with their logits [classes, H, W] at the size of their masks."""
    for batch in plain_batches(dataset, dataset.subsets["test"], settings):
        yield from zip(batch.examples, segment(model, batch, torch.device("cpu")), strict=True)


def write_answers(
    folder: Path, model: nn.Module, dataset: AVSDataset, settings: Settings, save: Save
) -> Path:
    """Write an answer to each test example, named by its id; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for example, logits in logits_of(model, dataset, settings):
        if example.mask:
            save(folder / example.example_id, logits)
    return folder


def class_png(path: Path, logits: Tensor) -> None:
    """Write class indices as an 8-bit PNG."""
    best = logits.argmax(dim=0) if len(logits) > 1 else logits[0] > 0
    write_png(path, best.numpy().astype(np.uint8))


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write pixels as `path`.png."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path.with_name(f"{path.name}.png"))
