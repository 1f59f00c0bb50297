"""What a run minimises, by the name that `train.objective` gives it."""

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.models.execution import ExecutedModel
from avs_bench.training.avsegformer import avsegformer_objective
from avs_bench.training.cavp import CavpObjective
from avs_bench.training.segmentation import SegmentationLoss
from avs_bench.training.splitting import Splitting
from avs_bench.training.tpavi import TpaviObjective


class Objective(Protocol):
    """The loss terms of a batch, with whatever they remember from one step to the next."""

    def loss_terms(
        self, model: ExecutedModel, batch: Batch, epoch: int, step: int
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the weighted terms, by name, of each part of this process's share of a batch.

        The step minimises the sum of all terms over parts and processes, which is the loss of the
        whole batch. The backward pass of a part is done before the next one is asked for.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps beside the model."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""


OBJECTIVES: dict[
    str, Callable[[Settings, int, torch.device, Splitting, SegmentationLoss | None], Objective]
] = {
    "cavp": CavpObjective,
    "tpavi": TpaviObjective,
    "avsegformer": avsegformer_objective,
}


def build_objective(
    settings: Settings,
    classes: int,
    device: torch.device,
    splitting: Splitting,
    loss: SegmentationLoss | None = None,
) -> Objective:
    """Return the objective that the settings name, for `classes` classes with background.

    A `loss` of the user's own takes the place of the objective's loss of the masks.
    """
    return OBJECTIVES[settings.train.objective](settings, classes, device, splitting, loss)
