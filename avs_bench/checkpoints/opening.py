"""The one place that opens a model: a run's, a checkpoint, published weights or the user's code."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from avs_bench.checkpoints.catalogue import usual_classes
from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.hub import SUFFIX, local_file
from avs_bench.checkpoints.hub_folder import CONFIG, read_hub_model
from avs_bench.checkpoints.loading import (
    LoadedWeights,
    best_layout,
    class_counts,
    load_weights,
    match,
)
from avs_bench.checkpoints.published_settings import published_settings
from avs_bench.checkpoints.run_checkpoint import (
    Origin,
    build,
    model_of,
    read_checkpoint,
    refuse_other_classes,
    trained_model,
)
from avs_bench.checkpoints.state_dicts import read_state_dict
from avs_bench.config import PRESETS, ModelSettings, Settings, read_preset
from avs_bench.data.example import AVSDataset
from avs_bench.models.protocol import Needs, needs_of
from avs_bench.models.registry import build_model, refuse_unknown
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import preset_names, to_tree

CLASS_NAMES = Path(__file__).parent / "class_names.toml"
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


def open_model(choice: ModelChoice, device: torch.device, dataset: str = "") -> OpenedModel:
    """Open the model that a command was asked for; raise InputError for files that do not fit.

    Files may be addresses on a hub (`avs_bench.checkpoints.hub`).

    A model by name sees and hears what its paper has it see and hear on `dataset`, a dataset's
    name; without one, what its main preset says.
    """
    choice = _with_local_files(choice)
    if choice.is_named or not choice.files:
        return _open_named(choice, device, dataset)
    (path,) = choice.files
    checkpoint = read_hub_model(path) if path.suffix == SUFFIX else read_checkpoint(path)
    origin = checkpoint.origin
    return OpenedModel(
        module=trained_model(checkpoint, device),
        settings=origin.settings,
        classes=origin.classes,
        device=device,
        files=(path,),
        origin=origin,
        epochs=checkpoint.epochs,
    )


def open_module(
    module: nn.Module, classes: Sequence[str], device: torch.device, name: str = ""
) -> OpenedModel:
    """Open a model that exists in the user's own code, by what it says of itself."""
    settings = _settings_by(needs_of(module), name or type(module).__name__)
    return OpenedModel(module.to(device).eval(), settings, tuple(classes), device)


def _with_local_files(choice: ModelChoice) -> ModelChoice:
    """Return the same choice with what it names on a hub fetched, configs where they are needed."""
    beside = () if choice.is_named else (CONFIG,)
    return replace(choice, checkpoints=tuple(local_file(f, *beside) for f in choice.checkpoints))


def _open_named(choice: ModelChoice, device: torch.device, dataset: str) -> OpenedModel:
    """Open a model by name or preset, with weights under their authors' names or fresh ones.

    The number of classes is read from the head's weights. Raises InputError for weights that do
    not fit, and for a part of the model that none of the files holds.
    """
    settings, files = _settings_of(choice, dataset), choice.files
    logits = None if choice.classes else _count_logits(settings, files)
    classes = choice.classes or logits or _usual(settings)
    model = build(settings, logits) if logits else model_of(settings, classes)
    loaded = tuple(load_weights(model, path) for path in files)
    untouched = set.intersection(*(set(report.untouched) for report in loaded)) if loaded else None
    if untouched:
        raise InputError(
            f"{', '.join(map(str, files))}: no weights for {', '.join(sorted(untouched))}: give "
            "the file that holds them with a further --checkpoint"
        )
    return OpenedModel(
        module=model.to(device).eval(),
        settings=settings,
        classes=class_names(max(classes, 2), choice.labels),
        device=device,
        files=files,
        loaded=loaded,
    )


def class_names(classes: int, labels: Path | None = None) -> tuple[str, ...]:
    """Return the names of a class table of that size: from a file, a known one, or numbers."""
    if labels is not None:
        return _read_labels(labels, classes)
    known = tomllib.loads(CLASS_NAMES.read_text(encoding="utf-8"))
    names = known.get(str(classes), {}).get("names")
    return tuple(names or ["background", *(f"class {index}" for index in range(1, classes))])


def _settings_of(choice: ModelChoice, dataset: str) -> Settings:
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
    base = read_preset(READING)
    heard = replace(
        base.audio,
        channels=needs.channels,
        seconds=needs.seconds,
        frame_step=needs.frame_step,
    )
    seen = replace(
        base.image,
        long_side=needs.side,
        crop=needs.side,
        frames=needs.frames,
        stretched=needs.stretched,
    )
    return replace(base, model=ModelSettings(name, {}), audio=heard, image=seen)


def _usual(settings: Settings) -> int:
    return usual_classes(settings.model.name)


def _count_logits(settings: Settings, files: Sequence[Path]) -> int | None:
    """Return the number of classes whose head fits the files; None if none of them tells.

    It is told by what differs from a model with the usual number of logits.
    """
    with torch.device("meta"):
        model = build(settings, _usual(settings))
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for path in files:
        state = read_state_dict(path)
        best = best_layout(model, state)
        _, report = match(model, state, best, path)
        odd = [(tuple(state[n].shape), shapes[best.names[n]]) for n in report.misshapen]
        counts = class_counts(odd)
        if counts:
            return counts[0]
    return _usual(settings) if files else None


def _read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """Read names to indices; a copy in the wild counts from 1 and is shifted (protocol §3)."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        pairs = sorted((int(index), str(name)) for name, index in table.items())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: no json of class names to indices: {error}") from None
    indices = [index for index, _ in pairs]
    first = indices[0] if indices else 0
    if first not in (0, 1) or indices != list(range(first, first + classes)):
        raise InputError(
            f"{path}: indices {indices[:3]}… of {len(indices)} names: expected 0 to {classes - 1}, "
            "one for each class of the model"
        )
    return tuple(name for _, name in pairs)
