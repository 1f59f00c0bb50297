"""What all objectives have in common: a loss of what a model says of each part of a batch."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from avs_bench.data.batch import Batch
from avs_bench.data.tensors import labels_on
from avs_bench.models.execution import ExecutedModel
from avs_bench.models.inference import answer
from avs_bench.models.output import AVSOutput
from avs_bench.runtime.device import on_device
from avs_bench.training.splitting import Splitting, Totals

SegmentationLoss = Callable[[AVSOutput, Tensor, Totals], dict[str, Tensor]]
"""The weighted terms, by name, of frames with int64 targets [N, H, W], as shares of a batch's loss.

The batch's loss is their sum over its parts, so means are sums divided by its `Totals`.
"""


def segmentation_terms(
    loss: SegmentationLoss,
    model: ExecutedModel,
    batch: Batch,
    splitting: Splitting,
    device: torch.device,
) -> Iterator[dict[str, Tensor]]:
    """Yield the terms of each part of the batch, heard with its own sounds."""
    totals = splitting.totals(batch.targets)
    for rows, clips in splitting.clip_parts(batch):
        seen, heard = (on_device(x[rows], device) for x in (batch.images, batch.waveforms))
        yield loss(
            answer(model, seen, heard, clips), labels_on(batch.targets[rows], device), totals
        )
