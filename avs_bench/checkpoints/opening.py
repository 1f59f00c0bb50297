"""Opens a model to predict with: a checkpoint of ours, or published weights by their own names."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from avs_bench.checkpoints.catalogue import CARDS, EXAMPLE
from avs_bench.checkpoints.loading import class_counts, layouts, load_weights, match
from avs_bench.checkpoints.run_checkpoint import read_checkpoint, trained_model
from avs_bench.checkpoints.state_dicts import read_state_dict
from avs_bench.config import read_preset
from avs_bench.models.registry import build_model, refuse_unknown
from vpo_builder.runtime.errors import InputError

CLASS_NAMES = Path(__file__).parent / "class_names.toml"


@dataclass(frozen=True)
class OpenedModel:
    """A model with its weights in evaluation mode, and what it takes to run it.

    `classes` are names by index; `seconds` and `channels` what it hears, `long_side` what it sees
    (0: pictures as they are), `stretched` to a square or not. `clip_frames` pictures are seen
    together: 5 for TPAVI (P2), else 1.
    """

    name: str
    model: nn.Module
    classes: tuple[str, ...]
    seconds: int
    channels: int
    long_side: int
    stretched: bool
    clip_frames: int


@dataclass(frozen=True)
class Published:
    """How to read files that say nothing of themselves: the weights of a paper.

    `model` is a name of `avs-bench models`, or `preset` (with `overrides`) gives the model, its
    options, image size and sound; `labels` is a json of class names to indices, as AVSBench's
    label2idx.json.
    """

    model: str | None = None
    preset: str | None = None
    overrides: tuple[str, ...] = ()
    labels: Path | None = None


def open_trained(path: Path, device: torch.device) -> OpenedModel:
    """Open a checkpoint that `avs-bench train` wrote."""
    checkpoint = read_checkpoint(path)
    settings = checkpoint.origin.settings
    name = settings.model.name
    return OpenedModel(
        name=name,
        model=trained_model(checkpoint, device),
        classes=checkpoint.origin.classes,
        seconds=settings.audio.seconds,
        channels=settings.audio.channels,
        long_side=settings.image.long_side,
        stretched=settings.image.stretched,
        clip_frames=settings.image.frames,
    )


def open_published(
    paths: Sequence[Path], published: Published, device: torch.device
) -> OpenedModel:
    """Open weights under their authors' names, several files after each other (TPAVI and VGGish).

    The number of classes is read from the head's weights. Raises InputError for weights that do
    not fit, and for a part of the model that none of the files holds.
    """
    kind = _kind(published)
    classes = _count_classes(kind, paths)
    model = build_model(kind.name, classes, **kind.options)
    untouched = set.intersection(*(set(load_weights(model, path).untouched) for path in paths))
    if untouched:
        raise InputError(
            f"{', '.join(map(str, paths))}: no weights for {', '.join(sorted(untouched))}: give "
            "the file that holds them with a further --checkpoint"
        )
    return OpenedModel(
        name=kind.name,
        model=model.to(device).eval(),
        classes=class_names(max(classes, 2), published.labels),
        seconds=kind.seconds,
        channels=kind.channels,
        long_side=kind.long_side,
        stretched=kind.stretched,
        clip_frames=CARDS[kind.name].frames,
    )


def class_names(classes: int, labels: Path | None = None) -> tuple[str, ...]:
    """Return the names of a class table of that size: from a file, a known one, or numbers."""
    if labels is not None:
        return _read_labels(labels, classes)
    known = tomllib.loads(CLASS_NAMES.read_text(encoding="utf-8"))
    names = known.get(str(classes), {}).get("names")
    return tuple(names or ["background", *(f"class {index}" for index in range(1, classes))])


@dataclass(frozen=True)
class _Kind:
    name: str
    options: Mapping[str, Any]
    seconds: int
    channels: int
    long_side: int
    stretched: bool


def _kind(published: Published) -> _Kind:
    if (published.model is None) == (published.preset is None):
        raise InputError(
            "a published checkpoint does not say what it is: give either --model NAME "
            "(avs-bench models lists them) or --preset NAME"
        )
    if published.preset is not None:
        settings = read_preset(published.preset, published.overrides)
        channels, image = settings.audio.channels, settings.image
        return _Kind(
            name=settings.model.name,
            options={"audio_channels": channels, **settings.model.options},
            seconds=settings.audio.seconds,
            channels=channels,
            long_side=image.long_side,
            stretched=image.stretched,
        )
    name = published.model or ""
    refuse_unknown(name)
    card = CARDS[name]
    return _Kind(
        name=name,
        options={},
        seconds=1 if card.sound == EXAMPLE else 3,
        channels=card.sound[0],
        long_side=max(card.image),
        stretched=card.frames > 1,  # TPAVI's authors stretch every frame to 224×224
    )


def _count_classes(kind: _Kind, paths: Sequence[Path]) -> int:
    """Return the number of classes whose head fits the files; the card's own if none tells."""
    usual = CARDS[kind.name].classes
    with torch.device("meta"):
        model = build_model(kind.name, usual, **kind.options)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for path in paths:
        state = read_state_dict(path)
        best = max(layouts(model), key=lambda one: sum(name in one.names for name in state))
        _, report = match(model, state, best)
        odd = [(tuple(state[n].shape), shapes[best.names[n]]) for n in report.misshapen]
        counts = class_counts(odd)
        if counts:
            return counts[0]
    return usual


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
