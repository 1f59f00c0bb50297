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
    step's number; Adam's stays. With `scaled`, the loss is scaled before its gradient is taken,
    which float16 needs: an optimiser whose gradients overflow leaves the step out and the scale
    falls.
    """

    def __init__(
        self, model: nn.Module, settings: OptimSettings, steps: int, *, scaled: bool = False
    ) -> None:
        self._settings, self._steps = settings, steps
        device = next(model.parameters()).device.type
        self._scaler = torch.amp.GradScaler(device, enabled=scaled)
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
        self._scaler.scale(loss).backward()
        for optimiser in self._all:
            self._scaler.step(optimiser)
        self._scaler.update()

    def learning_rate(self, step: int) -> float:
        """Return SGD's rate at `step`, before the factor of a group."""
        return float(self._settings.lr * (1 - step / self._steps) ** self._settings.poly_power)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the state of each optimiser and that of the scaling."""
        return {
            "optimisers": [optimiser.state_dict() for optimiser in self._all],
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for optimiser, own in zip(self._all, state["optimisers"], strict=True):
            optimiser.load_state_dict(own)
        self._scaler.load_state_dict(state["scaler"])


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
