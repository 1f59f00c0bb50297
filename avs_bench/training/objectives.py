"""What a run minimises, by the name that `train.objective` gives it."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.models import AVSOutput
from avs_bench.training.cavp import CavpObjective
from avs_bench.training.tpavi import TpaviObjective


class Objective(Protocol):
    """The loss terms of a batch, with whatever they remember from one step to the next."""

    def loss_terms(
        self, model: Callable[..., AVSOutput], batch: Batch, epoch: int, step: int
    ) -> dict[str, Tensor]:
        """Return the weighted terms by name; their sum is what the step minimises."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps beside the model."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""


OBJECTIVES: dict[str, Callable[[Settings, int, torch.device], Objective]] = {
    "cavp": CavpObjective,
    "tpavi": TpaviObjective,
}


def build_objective(settings: Settings, classes: int, device: torch.device) -> Objective:
    """Return the objective that the settings name, for `classes` classes with background."""
    return OBJECTIVES[settings.train.objective](settings, classes, device)
