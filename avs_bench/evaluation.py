"""Scores of a model on a subset: pixel counts, over everything and over each group."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.checkpoint import read_checkpoint, refuse_other_classes, trained_model
from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.images import normalise
from avs_bench.data.loader import plain_batches
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.metrics import Confusion, Grouped
from avs_bench.metrics.groups import OVERALL, Group
from avs_bench.report import GroupCounts, Report
from vpo_builder.errors import InputError
from vpo_builder.schema import Subset

Scored = tuple[Example, Confusion]


def evaluate(
    model: nn.Module,
    dataset: AVSDataset,
    subset: Subset,
    settings: Settings,
    device: torch.device,
) -> tuple[GroupCounts, ...]:
    """Return the counts over the whole subset first, then over each of its groups.

    The model sees pictures as `settings.image.long_side` says and is scored at the masks' own
    size, so runs at different sizes compare. Raises InputError for an empty subset.
    """
    examples = dataset.subsets[subset]
    if not examples:
        raise InputError(f"{dataset.folder}: its {subset} subset is empty: nothing to evaluate")
    model.eval()
    classes = len(dataset.classes)
    batches = plain_batches(dataset, examples, settings)
    return _grouped(
        scored
        for batch in batches
        for scored in _scored(batch, predict(model, batch, device), classes)
    )


def score_checkpoint(
    path: Path, dataset: AVSDataset, subset: Subset, device: torch.device
) -> Report:
    """Evaluate the model of a checkpoint file, with the settings that it was trained with.

    Raises InputError for a dataset with other classes than the model's.
    """
    checkpoint = read_checkpoint(path)
    origin = checkpoint.origin
    refuse_other_classes(origin, dataset, str(path))
    model = trained_model(checkpoint, device)
    return Report(
        model=origin.settings.model.name,
        checkpoint=path.stem,
        epochs=checkpoint.epochs,
        trained_on=origin.dataset,
        trained_on_sha256=origin.manifest_sha256,
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        subset=subset,
        classes=dataset.classes,
        groups=evaluate(model, dataset, subset, origin.settings, device),
    )


@torch.inference_mode()
def predict(model: nn.Module, batch: Batch, device: torch.device) -> Tensor:
    """Return class indices [B, H', W'] uint8 at the size of the batch's targets, in main memory."""
    spectrograms = cavp_logmel(batch.waveforms.to(device))
    logits: Tensor = model(normalise(batch.images.to(device)), spectrograms).logits
    size = batch.targets.shape[-2:]
    if logits.shape[-2:] != size:
        logits = F.interpolate(logits.float(), size, mode="bilinear", align_corners=False)
    return logits.argmax(dim=1).to(torch.uint8).cpu()


def _scored(batch: Batch, pred: Tensor, classes: int) -> Iterator[Scored]:
    for example, one_pred, target in zip(batch.examples, pred, batch.targets, strict=True):
        yield example, Confusion.of(one_pred, target, classes)


def _grouped(scored: Iterable[Scored]) -> tuple[GroupCounts, ...]:
    examples: Counter[Group] = Counter()
    counts: Grouped[Confusion] = Grouped({})
    for example, confusion in scored:
        own = Grouped.of(confusion, **example.groups)
        counts += own
        examples.update(own.records.keys())
    ordered = sorted(counts.records, key=lambda group: (group != OVERALL, group))
    return tuple(GroupCounts(*group, examples[group], counts[group]) for group in ordered)
