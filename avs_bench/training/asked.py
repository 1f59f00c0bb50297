"""What a run was asked to train, as one record of settings."""

from pathlib import Path

from avs_bench.checkpoints.own_settings import own_settings
from avs_bench.config import PRESETS, Settings, read_preset
from avs_bench.runtime.own_code import refuse_unasked
from avs_bench.training.own import NOTHING, Own
from avs_bench.training.run_folder import CONFIG, stored_settings
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import preset_names


def asked_settings(
    folder: Path,
    classes: int,
    *,
    preset: str | None = None,
    overrides: tuple[str, ...] = (),
    resume: bool = False,
    own: Own = NOTHING,
) -> Settings:
    """Return the settings of a run in `folder` on data of so many classes; raise InputError.

    They are those of a preset, with `overrides`, or of the model's own; a resumed run of which
    neither is given has its own. Code that they name is not run unless `own` brings it.
    """
    if resume and preset is None and not overrides:
        settings, where = stored_settings(folder), str(folder / CONFIG)
    elif own.model is not None:
        settings = own_settings(own.model, classes, preset, overrides)
        settings, where = own.named(settings), f"preset {preset}"
    elif preset is not None:
        settings, where = own.named(read_preset(preset, overrides)), f"preset {preset}"
    else:
        raise InputError(
            f"--preset is missing: give one of {', '.join(preset_names(PRESETS))}, or --model for "
            "your own (only --resume without --set can do without)"
        )
    if own.model is None:
        refuse_unasked(settings.model.name, "--model", where)
    if own.loss is None:
        refuse_unasked(settings.train.loss, "--loss", where)
    return settings
