"""Frozen parts of a model need weights from somewhere: training gives them none."""

from collections.abc import Iterable

from torch import nn

from avs_bench.checkpoints.loading import PUBLISHED_AT, LoadedWeights
from avs_bench.config import Settings
from avs_bench.models.protocol import official_of, parts_of
from vpo_builder.runtime.errors import InputError


def refuse_untrained_vggish(
    settings: Settings, model: nn.Module, loaded: Iterable[LoadedWeights]
) -> None:
    """Raise InputError if a part of the model is frozen and no file gave weights to it.

    With a VGGish of random weights it would train without complaint, and its sounds would say
    next to nothing.
    """
    if settings.train.untrained_vggish:
        return
    filled = [report.untouched for report in loaded]
    for name, part in parts_of(model).items():
        frozen = not any(parameter.requires_grad for parameter in part.parameters())
        if frozen and all(name in untouched for untouched in filled):
            what = official_of(part)
            raise InputError(
                f"model {settings.model.name} hears through a frozen {what}, which has no weights: "
                f"give --weights FILE ({PUBLISHED_AT[what]}), or train without them, for a trial, "
                "by --set train.untrained_vggish=true"
            )
