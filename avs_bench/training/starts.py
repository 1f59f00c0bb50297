"""What the parts of a model begin with: those of published rows with files of their own."""

from collections.abc import Sequence

from torch import nn

from avs_bench.checkpoints.catalogue import is_published
from avs_bench.checkpoints.loading import LoadedWeights
from avs_bench.checkpoints.published_files import START_FILES, listed_starts, start_files
from avs_bench.config import Settings
from avs_bench.models.protocol import official_of, parts_of
from vpo_builder.runtime.errors import InputError


def missing_starts(settings: Settings, model: nn.Module, loaded: Sequence[LoadedWeights]) -> str:
    """Name the parts of a published model that no file filled, with the files they began with.

    Raises InputError if such a part is frozen: with a VGGish of random weights the model would
    train without complaint, and its sounds would say next to nothing.
    """
    name, parts = settings.model.name, parts_of(model)
    empty = [part for part in parts if all(part in report.untouched for report in loaded)]
    for part in [] if settings.train.untrained_vggish else empty:
        if not any(parameter.requires_grad for parameter in parts[part].parameters()):
            what = official_of(parts[part])
            raise InputError(
                f"model {name} hears through a frozen {what}, which has no weights: "
                f"give --weights FILE ({START_FILES[what]}), or train without them, for a trial, "
                "by --set train.untrained_vggish=true"
            )
    files = start_files(model) if is_published(name) else {}
    return listed_starts((part, file) for part, file in files.items() if part in empty)
