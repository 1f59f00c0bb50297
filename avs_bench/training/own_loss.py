"""A loss of the user's own in place of an objective's loss of the masks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from avs_bench.data.tensors import torch_generator
from avs_bench.models.output import AVSOutput
from avs_bench.models.own import own_errors
from avs_bench.runtime.own_code import import_own, name_of
from avs_bench.training.splitting import Totals
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError

ONE = "own_loss"
TAKEN = {"epoch", "step", "learning_rate", "loss", "train", "val", "test", "ended", "contrastive"}
"""What a line of history.jsonl says beside the terms."""


@dataclass
class OwnLoss:
    """A function of (`AVSOutput`, int64 targets [N, H, W]) that returns a term or several by name.

    A term is a mean over the frames that it is given: of a batch in parts, each part counts by its
    share of the frames, so that any number of processes trains alike. 255 in a target is ignored.
    """

    name: str
    code: Callable[[AVSOutput, Tensor], Any]
    _terms: tuple[str, ...] = field(default=(), init=False)

    def __call__(self, output: AVSOutput, targets: Tensor, totals: Totals) -> dict[str, Tensor]:
        """Return the weighted terms, see `SegmentationLoss`; InputError for anything else."""
        return self._weighted(self.code(output, targets), len(targets) / totals.frames)

    def _weighted(self, given: object, share: float) -> dict[str, Tensor]:
        terms: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {ONE: given}
        for name, term in terms.items():
            self._refuse_unlike(name, term)
        if self._terms and self._terms != tuple(terms):
            raise InputError(
                f"{self.name}: gives the terms {', '.join(terms)}, and before "
                f"{', '.join(self._terms)}: give the same in every step, 0 where one does not apply"
            )
        self._terms = tuple(terms)
        return {name: share * term for name, term in terms.items()}

    def refuse_unfit(self, output: AVSOutput, classes: int) -> None:
        """Raise InputError unless it is a loss of what a model said in its trial."""
        frames, (height, width) = len(output.scores), output.logits.shape[-2:]
        random, device = torch_generator("trial", "loss"), output.scores.device
        targets = torch.randint(0, classes, (frames, height, width), generator=random)
        targets[:, 0] = IGNORE
        shown = f"scores {list(output.scores.shape)} and targets {list(targets.shape)}"
        with torch.enable_grad(), own_errors(f"{self.name}: fails on {shown}"):
            given = self.code(output, targets.to(device))
        terms = self._weighted(given, 1.0)
        loss = torch.stack(list(terms.values())).sum()
        if not loss.isfinite() or not loss.requires_grad:
            what = "is no number" if loss.requires_grad else "has no gradient"
            raise InputError(
                f"{self.name}: {what}, though the scores are numbers that have one: see that it "
                "leaves out targets of 255, and that nothing is detached or rounded"
            )

    def _refuse_unlike(self, name: object, term: object) -> None:
        if not isinstance(name, str) or name in TAKEN:
            raise InputError(
                f"{self.name}: a term is named {name!r}: give a text other than "
                f"{', '.join(sorted(TAKEN))}"
            )
        if not isinstance(term, Tensor) or term.ndim or not term.is_floating_point():
            found = f"{list(term.shape)}" if isinstance(term, Tensor) else type(term).__name__
            raise InputError(
                f"{self.name}: gives {found} for {name}: expected one number as a tensor, the mean "
                "over the frames"
            )


def own_loss(given: object) -> OwnLoss:
    """Return the loss that lies at MODULE:NAME, as typed behind --loss, or that is given."""
    if isinstance(given, str):
        return OwnLoss(given, import_own(given, "--loss"))
    if not callable(given):
        raise InputError(f"loss {given!r}: expected MODULE:NAME or a function")
    return OwnLoss(name_of(given), given)
