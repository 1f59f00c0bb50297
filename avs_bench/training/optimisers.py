"""CAVP's two optimisers, SGD for what sees and Adam for what hears, and the one of the others."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from avs_bench.config import OptimSettings
from avs_bench.models import ParameterGroup, parameter_groups
from avs_bench.runtime.processes import ALONE, Processes

Group = dict[str, Any]
FUSED_ON = ("cpu", "cuda")
"""Where torch has fused kernels: a step of a small model on a CPU is 12 % of them faster."""


class Optimisers:
    """Two optimisers stepped together, of what sees and of what hears (protocol §5).

    The first is SGD or, as `settings.method` says, Adam or AdamW, whose learning rate falls as
    (1 - step / steps)^power, set anew at every step from the step's number; the rate of the
    second, Adam, stays. A frozen audio encoder has no parameters here, and so no optimiser. What
    has no gradient in a step, such as a resting backbone, is left as it is, decay included.
    With `scaled`, the loss is scaled before its gradient is taken, which float16 needs: an
    optimiser whose gradients overflow leaves the step out and the scale falls. A `fused` optimiser
    is one kernel, and asks no overflow of the device; None: on a CPU and on a GPU.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: OptimSettings,
        steps: int,
        *,
        scaled: bool = False,
        fused: bool | None = None,
    ) -> None:
        self._settings, self._steps = settings, steps
        device = next(model.parameters()).device.type
        self._fused = (
            device in FUSED_ON if fused is None else fused
        ) or None  # torch's own default
        self._scaler = torch.amp.GradScaler(device, enabled=scaled)
        groups = parameter_groups(model)
        # Where the first step overflows, torch's fused SGD goes on with a momentum nobody wrote.
        seeing_fused = None if scaled and settings.method == "sgd" else self._fused
        self._seeing = _seeing_optimiser(seeing_groups(groups, settings), settings, seeing_fused)
        self._all: list[torch.optim.Optimizer] = [self._seeing]
        hearing = [p for group in groups if group.role == "audio" for p in group.parameters]
        if hearing:  # a visual-only model has none
            self._all.append(torch.optim.Adam(hearing, lr=settings.audio_lr, fused=self._fused))

    def begin(self, step: int) -> None:
        """Begin optimisation step `step`, counted from 0."""
        for group in self._seeing.param_groups:
            group["lr"] = group["lr_factor"] * self.learning_rate(step)
        for optimiser in self._all:
            optimiser.zero_grad(set_to_none=True)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradient of a part of the step's loss."""
        self._scaler.scale(loss).backward()

    def descend(self, processes: Processes = ALONE) -> None:
        """Descend along the gradient of what all processes have added, and so end the step."""
        parameters = self._parameters()
        processes.sum_gradients(parameters)
        if self._settings.clip_norm:
            for optimiser in self._all:
                self._scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(parameters, self._settings.clip_norm)
        if self._fused:
            _lay_out_gradients(parameters)
        for optimiser in self._all:
            self._scaler.step(optimiser)
        self._scaler.update()

    def learning_rate(self, step: int) -> float:
        """Return the rate of what sees at `step`, before the factor of a group."""
        return float(self._settings.lr * (1 - step / self._steps) ** self._settings.poly_power)

    def _parameters(self) -> list[nn.Parameter]:
        groups = (group for optimiser in self._all for group in optimiser.param_groups)
        return [parameter for group in groups for parameter in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the state of each optimiser and that of the scaling."""
        return {
            "optimisers": [optimiser.state_dict() for optimiser in self._all],
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, of a run that may have been on another device."""
        for optimiser, own in zip(self._all, state["optimisers"], strict=True):
            fused = optimiser.defaults["fused"]
            groups = [group | {"fused": fused} for group in own["param_groups"]]
            optimiser.load_state_dict(own | {"param_groups": groups})
            for parameter, kept in optimiser.state.items():
                kept.update({name: _laid_out_as(parameter, value) for name, value in kept.items()})
        self._scaler.load_state_dict(state["scaler"])


def _seeing_optimiser(
    groups: list[Group], settings: OptimSettings, fused: bool | None
) -> torch.optim.Optimizer:
    if settings.method == "adam":
        return torch.optim.Adam(groups, lr=settings.lr, fused=fused)
    if settings.method == "adamw":
        return torch.optim.AdamW(groups, lr=settings.lr, fused=fused)
    return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=fused)


def _lay_out_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give each gradient the strides of its parameter.

    Fused kernels walk both in the order of memory and do not look at strides.
    """
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad = _laid_out_as(parameter, parameter.grad)


def _laid_out_as(parameter: torch.Tensor, value: Any) -> Any:
    """Return a tensor of the parameter's shape in its strides, and anything else as it is."""
    if not isinstance(value, torch.Tensor) or value.shape != parameter.shape:
        return value
    if value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def seeing_groups(groups: Iterable[ParameterGroup], settings: OptimSettings) -> list[Group]:
    """Return the groups of what sees; `lr_factor` multiplies their rate."""
    all_decay = settings.decay == "all"
    return [
        {
            "params": list(group.parameters),
            "weight_decay": settings.weight_decay if group.decays or all_decay else 0.0,
            "lr_factor": settings.head_lr_factor if group.role == "head" else 1.0,
        }
        for group in groups
        if group.role != "audio"
    ]
