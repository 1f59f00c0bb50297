"""The settings of a model of the user's own: a preset's, or what it says itself."""

from collections.abc import Sequence
from dataclasses import replace

from avs_bench.config import Settings, read_preset
from avs_bench.models.own import OwnModel
from avs_bench.models.protocol import needs_of

PLAIN = "plain"
"""The preset of a model that has none."""


def own_settings(
    own: OwnModel, classes: int, preset: str | None = None, overrides: Sequence[str] = ()
) -> Settings:
    """Return the settings that an own model is trained or opened with.

    Without a preset they are those of `PLAIN`, with the pictures and sounds that the model, built
    for so many `classes`, declares; `overrides` come last. Raises InputError.
    """
    if preset is None:
        options = read_preset(PLAIN, tuple(overrides)).model.options
        needs = needs_of(own.build(classes, options))
        overrides = (*needs.as_overrides(), *overrides)
    settings = read_preset(preset or PLAIN, tuple(overrides))
    return replace(settings, model=replace(settings.model, name=own.name))
