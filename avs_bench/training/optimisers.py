"""CAVP's two optimisers: SGD on a poly schedule for what sees, Adam for what hears."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from avs_bench.config import OptimSettings
from avs_bench.models import ParameterGroup, parameter_groups

Group = dict[str, Any]


class Optimisers:
    """SGD and Adam stepped together (protocol §5).

    The learning rate of SGD falls as (1 - step / steps)^power, set anew at every step from the
    step's number; Adam's stays.
    """

    def __init__(self, model: nn.Module, settings: OptimSettings, steps: int) -> None:
        self._settings, self._steps = settings, steps
        groups = parameter_groups(model)
        self._sgd = torch.optim.SGD(
            seeing_groups(groups, settings), lr=settings.lr, momentum=settings.momentum
        )
        self._all: list[torch.optim.Optimizer] = [self._sgd]
        hearing = [p for group in groups if group.role == "audio" for p in group.parameters]
        if hearing:  # a visual-only model has none
            self._all.append(torch.optim.Adam(hearing, lr=settings.audio_lr))

    def step(self, loss: torch.Tensor, step: int) -> None:
        """Descend along the gradient of `loss` as optimisation step `step`, counted from 0."""
        for group in self._sgd.param_groups:
            group["lr"] = group["lr_factor"] * self.learning_rate(step)
        for optimiser in self._all:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser in self._all:
            optimiser.step()

    def learning_rate(self, step: int) -> float:
        """Return SGD's rate at `step`, before the factor of a group."""
        return float(self._settings.lr * (1 - step / self._steps) ** self._settings.poly_power)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return what a checkpoint keeps."""
        return [optimiser.state_dict() for optimiser in self._all]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from `states`."""
        for optimiser, state in zip(self._all, states, strict=True):
            optimiser.load_state_dict(state)


def seeing_groups(groups: Iterable[ParameterGroup], settings: OptimSettings) -> list[Group]:
    """Return SGD's groups, everything but the audio encoder; `lr_factor` multiplies the rate."""
    return [
        {
            "params": list(group.parameters),
            "weight_decay": settings.weight_decay if group.decays else 0.0,
            "lr_factor": settings.head_lr_factor if group.role == "head" else 1.0,
        }
        for group in groups
        if group.role != "audio"
    ]
