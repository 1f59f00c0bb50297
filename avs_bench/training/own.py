"""What the user brings to a run: a model and a loss that are none of ours."""

from dataclasses import dataclass, replace

from torch import nn

from avs_bench.config import Settings
from avs_bench.models.own import OwnModel, is_own_model, own_model, refuse_unfit, refuse_untrainable
from avs_bench.models.protocol import needs_of
from avs_bench.training.cavp import has_pairs
from avs_bench.training.own_loss import OwnLoss, own_loss
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class Own:
    """A model and a loss of the user's own; None for what is ours."""

    model: OwnModel | None = None
    loss: OwnLoss | None = None

    @property
    def name(self) -> str:
        """What errors call it; nothing if all is ours."""
        return next((own.name for own in (self.model, self.loss) if own), "")

    def named(self, settings: Settings) -> Settings:
        """Return the settings with the names of both, as a run keeps them."""
        model, train = settings.model, settings.train
        if self.model:
            model = replace(model, name=self.model.name)
        if self.loss:
            train = replace(train, loss=self.loss.name)
        return replace(settings, model=model, train=train)

    def refuse_unfit(self, model: nn.Module, settings: Settings, classes: int) -> None:
        """Try a model, and the loss on what it says, before a run; InputError if it is no good."""
        if not self.name:
            return
        name = self.model.name if self.model else settings.model.name
        refuse_untrainable(name, model)
        needs, logits = needs_of(model).under(settings), settings.train.logits(classes)
        scored = replace(needs, side=settings.image.long_side or needs.side)
        refuse_unfit(name, model.eval(), scored, (logits,))
        hearings = 1 + has_pairs(settings)
        output = refuse_unfit(name, model.train(), needs, (logits,), hearings=hearings)
        if self.loss:
            self.loss.refuse_unfit(output, classes)


NOTHING = Own()


def own_by_name(model: str | None, loss: str | None) -> Own:
    """Return what the user named behind --model and --loss; raise InputError."""
    if model is not None and not is_own_model(model):
        raise InputError(
            f"--model {model}: expected MODULE:NAME of your own code; a model of ours is named by "
            f"a preset, or by --set model.name={model}"
        )
    return Own(own_model(model) if model else None, own_loss(loss) if loss else None)
