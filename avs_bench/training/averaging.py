"""An exponential moving average of the weights: steadier on val than the last step's own."""

from copy import deepcopy

import torch
from torch import nn

RISE = 9
"""Steps in which the decay rises to a half: with (1 + n) / (10 + n), as TensorFlow's average has
it, a short run's average is one of its end, and not of the weights that it began with."""


class WeightAverage:
    """A copy of a model that follows it: average = decay * average + (1 - decay) * weights.

    The decay rises from 0, at step 0, to the one given. BatchNorm's running mean and variance are
    averaged with the same decay: the latest ones belong to the latest weights, and to first order
    the statistics of averaged weights are the average of their statistics. What is counted, and
    so no number to average, is copied. Equal weights give equal averages, so the processes of a
    run need not tell each other theirs.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = deepcopy(model).requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def add(self, model: nn.Module, step: int) -> None:
        """Let the average follow the model after optimisation step `step`, counted from 0."""
        weight = 1 - min(self._decay, step / (RISE + step))
        latest = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                value.lerp_(latest[name], weight)
            else:
                value.copy_(latest[name])


def averaging_of(model: nn.Module, decay: float) -> WeightAverage | None:
    """Return the average that follows a model, None for decay 0."""
    return WeightAverage(model, decay) if decay else None
