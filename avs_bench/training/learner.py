"""The model under training with everything that a step changes.

Whatever is random in a step depends on (seed, step) and, for dropout, on the process: so nothing
random needs to be kept in a checkpoint.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from avs_bench.checkpoints.run_checkpoint import model_of
from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.seeds import digest
from avs_bench.models.execution import ExecutedModel, Execution, rounding
from avs_bench.models.own import errors_in
from avs_bench.models.parameter_groups import backbone_parameters
from avs_bench.models.shared_statistics import share_statistics
from avs_bench.runtime.own_code import refuse_unasked
from avs_bench.runtime.processes import ALONE, Processes
from avs_bench.training.averaging import WeightAverage, averaging_of
from avs_bench.training.endings import memory_errors
from avs_bench.training.objectives import build_objective
from avs_bench.training.optimisers import Optimisers
from avs_bench.training.own import NOTHING, Own
from avs_bench.training.readings import LossReadings
from avs_bench.training.splitting import splitting_of

FEWER_ITEMS = (
    "begin a run with fewer items at once, --set train.micro_batch_size=2, or a smaller "
    "--set image.crop"
)


class Learner:
    """Model, objective and optimisers, stepped together and checkpointed together."""

    def __init__(
        self,
        settings: Settings,
        classes: int,
        device: torch.device,
        epoch_steps: int,
        processes: Processes = ALONE,
        own: Own = NOTHING,
    ) -> None:
        train = settings.train
        self.execution = Execution.of(train).on(device)
        self.device, self._processes, self._seed = device, processes, train.seed
        self.epoch_steps = epoch_steps
        self.steps = train.epochs * epoch_steps
        torch.manual_seed(train.seed)  # the initial weights
        refuse_unasked(train.loss if own.loss is None else "", "--loss", "the settings")
        self.model = model_of(settings, classes, own.model).to(device)
        own.refuse_unfit(self.model, settings, classes)
        if processes.count > 1:
            self.model = share_statistics(self.model, device)
        splitting = splitting_of(train, processes)
        self.objective = build_objective(settings, classes, device, splitting, own.loss)
        self.own = own
        scaled = self.execution.precision == "fp16"
        self.optimisers = Optimisers(self.model, settings.optim, self.steps, scaled=scaled)
        self._backbone = backbone_parameters(self.model)
        self._rests_until = settings.optim.backbone_from_epoch * epoch_steps
        self._executed = ExecutedModel(self.model, self.execution)
        self._readings = LossReadings(device, processes)
        self._average: WeightAverage | None = averaging_of(self.model, train.ema_decay)

    @property
    def scored_model(self) -> nn.Module:
        """The model that val scores and best.pt keeps: the one trained, or its moving average."""
        return self._average.model if self._average else self.model

    @property
    def alone(self) -> bool:
        """Whether no other process takes the same steps."""
        return self._processes.count == 1

    @property
    def ahead(self) -> int:
        """How many steps may be taken before their losses are read."""
        return self._readings.ahead

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Take a step as `take`, and return the loss terms of the whole batch by name."""
        self.take(batch, step)
        return self.read()[-1]

    def take(self, batch: Batch, step: int) -> None:
        """Do optimisation step `step`, counted from 0, with this process's share of the batch.

        Raises FailedError if the loss is no longer a number, a GPU's at the next step, and if
        memory is full.
        """
        torch.manual_seed(digest("dropout", self._seed, step, self._processes.rank))
        self.model.train()
        for parameter in self._backbone:  # no gradient only: norms' statistics still move
            parameter.requires_grad_(step >= self._rests_until)
        self.optimisers.begin(step)
        with memory_errors(f"step {step}", FEWER_ITEMS), rounding(self.execution.tf32):
            self._readings.refuse_no_number()
            with errors_in(self.own.name, f"step {step}"):
                self._backward(batch, step)
            if self.ahead == 1 and self.alone:
                self._readings.refuse_no_number()
            self.optimisers.descend(self._processes)
            if self._average:
                self._average.add(self.model, step)

    def read(self) -> list[dict[str, float]]:
        """Return the loss terms of the whole batch of every step that was not read before."""
        return self._readings.read()

    def _backward(self, batch: Batch, step: int) -> None:
        """Add the gradient of this process's share, part by part, and note its loss terms."""
        epoch = step // self.epoch_steps
        for terms in self.objective.loss_terms(self._executed, batch, epoch, step):
            self._readings.note(step, terms)
            self.optimisers.backward(torch.stack(list(terms.values())).sum())

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the weights of `scored_model`."""
        state = {
            "objective": self.objective.state_dict(),
            "optimisers": self.optimisers.state_dict(),
        }
        return state | ({"weights": self.model.state_dict()} if self._average else {})

    def load_state_dict(self, scored: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.scored_model.load_state_dict(scored)
        self.model.load_state_dict(state.get("weights", scored))
        self.objective.load_state_dict(state["objective"])
        self.optimisers.load_state_dict(state["optimisers"])
