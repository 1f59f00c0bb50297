"""The one place that opens a model: a run's, a checkpoint, published weights or the user's code."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from avs_bench.checkpoints.catalogue import VPO_CLASSES, usual_classes
from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.class_names import class_names
from avs_bench.checkpoints.hub import SUFFIX, local_file
from avs_bench.checkpoints.hub_folder import CONFIG, read_hub_model
from avs_bench.checkpoints.loading import (
    LoadedWeights,
    best_layout,
    class_counts,
    load_weights,
    match,
)
from avs_bench.checkpoints.own_settings import own_settings
from avs_bench.checkpoints.published_settings import published_settings
from avs_bench.checkpoints.run_checkpoint import (
    Origin,
    build,
    is_checkpoint,
    read_checkpoint,
    refuse_other_classes,
    trained_model,
)
from avs_bench.checkpoints.state_dicts import read_state_dict
from avs_bench.config import PRESETS, AskedPrecision, ModelSettings, Settings, read_preset
from avs_bench.data.example import AVSDataset
from avs_bench.models.own import OwnModel, own_model, refuse_unfit
from avs_bench.models.protocol import Needs, needs_of
from avs_bench.models.registry import build_model, refuse_unknown
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import preset_names, to_tree

UNKNOWN_DATA = "its authors' data"
READING = "tiny"
"""The preset whose batch size and loader serve a model that has no preset: no score hangs on it."""
SENSES = ("model", "audio", "image")
"""The settings that decide what a model is, hears and sees: all that count without a training."""


@dataclass(frozen=True)
class OpenedModel:
    """A model in evaluation mode on `device`, and all that it takes to run it and to name it.

    `settings` say what it sees and hears, `classes` are names by index. `origin` is what a
    checkpoint of ours was trained on, in `epochs` epochs; None for other weights. `files` are what
    the weights were read from, the first of which names the checkpoint, and `loaded` what published
    ones gave.
    """

    module: nn.Module
    settings: Settings
    classes: tuple[str, ...]
    device: torch.device
    files: tuple[Path, ...] = ()
    origin: Origin | None = None
    epochs: int = 0
    loaded: tuple[LoadedWeights, ...] = ()

    @property
    def name(self) -> str:
        """The model's name in `avs-bench models`."""
        return self.settings.model.name

    @property
    def needs(self) -> Needs:
        """What the model declares, in the sizes that its settings give it."""
        return needs_of(self.module).under(self.settings)

    @property
    def trained_on(self) -> str:
        """The name of the dataset that it was trained on."""
        return self.origin.dataset if self.origin else UNKNOWN_DATA

    @property
    def stored_settings(self) -> dict[str, Any]:
        """The settings that its results keep: of weights that we did not train not the training."""
        tree = to_tree(self.settings)
        return tree if self.origin else {group: tree[group] for group in SENSES}

    def seeing(self, long_side: int) -> "OpenedModel":
        """Return the same model with pictures of another size."""
        image = replace(self.settings.image, long_side=long_side)
        return replace(self, settings=replace(self.settings, image=image))

    def computing_in(self, precision: AskedPrecision | None) -> "OpenedModel":
        """Return the same model scoring and predicting in a precision, or in its settings'."""
        if precision is None:
            return self
        evaluation = replace(self.settings.evaluation, precision=precision)
        return replace(self, settings=replace(self.settings, evaluation=evaluation))

    def refuse_other_classes(self, dataset: AVSDataset) -> None:
        """Raise InputError unless the dataset has the model's classes.

        Published files name none, so only their number is held against the dataset's.
        """
        where = str(self.files[0]) if self.files else f"model {self.name}"
        if self.origin:
            refuse_other_classes(self.origin, dataset, where)
        elif len(self.classes) != len(dataset.classes):
            raise InputError(
                f"{where}: weights for {len(self.classes)} classes, but {dataset.folder} has "
                f"{len(dataset.classes)}: give the dataset that they were trained for; "
                "avs-bench eval can score any object with --class-map foreground, and classes of "
                "the same name with --labels FILE --class-map names"
            )


def open_model(
    choice: ModelChoice, device: torch.device, dataset: str = "", own: OwnModel | None = None
) -> OpenedModel:
    """Open the model that a command was asked for; raise InputError for files that do not fit.

    Files may be addresses on a hub (`avs_bench.checkpoints.hub`).

    A model by name sees and hears what its paper has it see and hear on `dataset`, a dataset's
    name; without one, what its main preset says. `own` is a model of the user's own that is at
    hand; one that `choice` names is imported here. Such a model is tried before it is handed out.
    """
    if own is None and choice.is_own:
        own = own_model(choice.model)
    choice = _with_local_files(choice)
    files = choice.files
    trained = bool(choice.run) or (own is not None and len(files) == 1 and _tells(files[0]))
    if not trained and (choice.is_named or not files):
        return _open_named(choice, device, dataset, own)
    (path,) = files
    if own is not None:
        choice.refuse_unheard(str(path))
    checkpoint = read_hub_model(path) if path.suffix == SUFFIX else read_checkpoint(path)
    origin = checkpoint.origin
    opened = OpenedModel(
        module=trained_model(checkpoint, device, own),
        settings=origin.settings,
        classes=origin.classes,
        device=device,
        files=(path,),
        origin=origin,
        epochs=checkpoint.epochs,
    )
    return _tried(opened, own, origin.settings.train.logits(len(origin.classes)))


def open_module(
    module: nn.Module, classes: Sequence[str], device: torch.device, name: str = ""
) -> OpenedModel:
    """Open a model that exists in the user's own code, by what it says of itself."""
    settings = _settings_by(needs_of(module), name or type(module).__name__)
    return OpenedModel(module.to(device).eval(), settings, tuple(classes), device)


def _with_local_files(choice: ModelChoice) -> ModelChoice:
    """Return the same choice with what it names on a hub fetched, configs where they are needed."""
    beside = () if choice.is_named and not choice.is_own else (CONFIG,)
    return replace(choice, checkpoints=tuple(local_file(f, *beside) for f in choice.checkpoints))


def _tells(path: Path) -> bool:
    """Whether a file says what it was trained with: a checkpoint, or weights beside a config."""
    return (path.parent / CONFIG).is_file() if path.suffix == SUFFIX else is_checkpoint(path)


def _tried(opened: OpenedModel, own: OwnModel | None, logits: int) -> OpenedModel:
    """Return a model, if it is the user's own once it has scored what it shall see."""
    if own is not None:
        refuse_unfit(own.name, opened.module, opened.needs, (logits,))
    return opened


def _open_named(
    choice: ModelChoice, device: torch.device, dataset: str, own: OwnModel | None
) -> OpenedModel:
    """Open a model by name or preset, with weights under their authors' names or fresh ones.

    The number of classes is read from the head's weights. Raises InputError for weights that do
    not fit, and for a part of the model that none of the files holds.
    """
    settings, files = _settings_of(choice, dataset, own), choice.files
    found = None if choice.classes else _count_logits(settings, files, own)
    classes = choice.classes or found or _usual(settings)
    logits = found or settings.train.logits(classes)
    model = build(settings, logits, own)
    loaded = tuple(load_weights(model, path) for path in files)
    untouched = set.intersection(*(set(report.untouched) for report in loaded)) if loaded else None
    if untouched:
        raise InputError(
            f"{', '.join(map(str, files))}: no weights for {', '.join(sorted(untouched))}: give "
            "the file that holds them with a further --checkpoint"
        )
    opened = OpenedModel(
        module=model.to(device).eval(),
        settings=settings,
        classes=class_names(max(classes, 2), choice.labels),
        device=device,
        files=files,
        loaded=loaded,
    )
    return _tried(opened, own, logits)


def _settings_of(choice: ModelChoice, dataset: str, own: OwnModel | None) -> Settings:
    if own is not None:
        return own_settings(own, choice.classes or VPO_CLASSES, choice.preset, choice.overrides)
    if (choice.model is None) == (choice.preset is None):
        raise InputError(
            "a published checkpoint does not say what it is: give either --model NAME (avs-bench "
            f"models lists them) or --preset NAME ({', '.join(preset_names(PRESETS))})"
        )
    if choice.preset is not None:
        return read_preset(choice.preset, choice.overrides)
    name = choice.model or ""
    refuse_unknown(name)
    if published := published_settings(name, dataset):
        return published
    with torch.device("meta"):
        return _settings_by(needs_of(build_model(name, usual_classes(name))), name)


def _settings_by(needs: Needs, name: str) -> Settings:
    """Return the settings of a model by what it says of itself."""
    settings = read_preset(READING, needs.as_overrides())
    return replace(settings, model=ModelSettings(name, {}))


def _usual(settings: Settings) -> int:
    return usual_classes(settings.model.name)


def _count_logits(settings: Settings, files: Sequence[Path], own: OwnModel | None) -> int | None:
    """Return the number of classes whose head fits the files; None if none of them tells.

    It is told by what differs from a model with the usual number of logits.
    """
    if not files:
        return None
    with nullcontext() if own else torch.device("meta"):  # own code may not know that device
        model = build(settings, _usual(settings), own)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for path in files:
        state = read_state_dict(path)
        best = best_layout(model, state)
        _, report = match(model, state, best, path)
        odd = [(tuple(state[n].shape), shapes[best.names[n]]) for n in report.misshapen]
        counts = class_counts(odd)
        if counts:
            return counts[0]
    return _usual(settings)
