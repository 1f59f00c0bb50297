"""The model under training with everything that a step changes."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from avs_bench.checkpoint import model_of
from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.models.execution import Execution, executed, refuse_unrunnable
from avs_bench.training.objectives import build_objective
from avs_bench.training.optimisers import Optimisers
from vpo_builder.errors import InputError


class Learner:
    """Model, objective and optimisers, stepped together and checkpointed together."""

    def __init__(self, settings: Settings, classes: int, device: torch.device, epoch_steps: int):
        self.device = device
        self.epoch_steps = epoch_steps
        self.steps = settings.train.epochs * epoch_steps
        train = settings.train
        execution = Execution(train.channels_last, train.compiled, train.precision)
        refuse_unrunnable(execution, device)
        torch.manual_seed(train.seed)  # the initial weights and every dropout mask
        self.model = model_of(settings, classes).to(device)
        self.objective = build_objective(settings, classes, device)
        scaled = train.precision == "fp16"
        self.optimisers = Optimisers(self.model, settings.optim, self.steps, scaled=scaled)
        self._call = executed(self.model, execution)

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Do optimisation step `step`, counted from 0; return the loss terms by name.

        Raises InputError if the loss is no longer a number.
        """
        self.model.train()
        terms = self.objective.loss_terms(self._call, batch, step // self.epoch_steps, step)
        values = dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))
        loss = torch.stack(list(terms.values())).sum()
        if not loss.isfinite():
            shown = ", ".join(f"{name} {value}" for name, value in values.items())
            raise InputError(
                f"step {step}: the loss is {sum(values.values())} ({shown}); the last checkpoint "
                "is kept: begin a run with a lower rate, such as --set optim.lr=1e-4"
            )
        self.optimisers.step(loss, step)
        return values

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the model's weights."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {
            "objective": self.objective.state_dict(),
            "optimisers": self.optimisers.state_dict(),
            "rng": {"cpu": torch.get_rng_state(), "cuda": cuda},
        }

    def load_state_dict(self, model: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.model.load_state_dict(model)
        self.objective.load_state_dict(state["objective"])
        self.optimisers.load_state_dict(state["optimisers"])
        torch.set_rng_state(state["rng"]["cpu"])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["rng"]["cuda"])
