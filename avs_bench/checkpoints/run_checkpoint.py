"""Checkpoints: everything needed to score a model, and, in the last one, to train on.

They hold tensors and plain values only, so `torch.load(weights_only=True)` reads them: a
checkpoint from a stranger can run no code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec
import torch
from torch import nn

from avs_bench.checkpoints.state_dicts import UNREADABLE
from avs_bench.config import Settings
from avs_bench.data.example import AVSDataset
from avs_bench.models import build_model
from avs_bench.models.execution import store_channels_last
from avs_bench.models.own import OwnModel
from avs_bench.runtime.own_code import refuse_unasked
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import from_tree, to_tree
from vpo_builder.runtime.whole_files import atomic_path

FORMAT = 1
OTHER_WEIGHTS = "the file was edited; give another"
KEYS = {"settings", "classes", "dataset", "manifest_sha256", "epochs", "model", "training"}


@dataclass(frozen=True)
class Origin:
    """What a model was trained on and how: the part of a checkpoint that no step changes."""

    settings: Settings
    classes: tuple[str, ...]
    dataset: str
    manifest_sha256: str


@dataclass(frozen=True)
class Checkpoint:
    """A file's content after `epochs` whole epochs.

    `model` is the state dict that val scores, `training` what a resumed run needs besides (empty
    in best.pt); `where` names the file in errors.
    """

    origin: Origin
    epochs: int
    model: Mapping[str, torch.Tensor]
    training: Mapping[str, Any]
    where: str = "the checkpoint"


@dataclass(frozen=True)
class _Plain:
    """What a file holds beside the model's tensors."""

    settings: dict[str, Any]
    classes: tuple[str, ...]
    dataset: str
    manifest_sha256: str
    epochs: int
    training: dict[str, Any]


def origin_of(settings: Settings, dataset: AVSDataset) -> Origin:
    """Return the origin of a run with these settings on this dataset."""
    return Origin(settings, dataset.classes, dataset.name, dataset.sha256)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file as a whole or not at all; equal checkpoints are equal bytes."""
    content = {
        "format": FORMAT,
        "settings": to_tree(checkpoint.origin.settings),
        "classes": list(checkpoint.origin.classes),
        "dataset": checkpoint.origin.dataset,
        "manifest_sha256": checkpoint.origin.manifest_sha256,
        "epochs": checkpoint.epochs,
        "model": dict(checkpoint.model),
        "training": dict(checkpoint.training),
    }
    with atomic_path(path, durable=True) as temporary, temporary.open("wb") as file:
        try:
            torch.save(content, file)  # a file's name would be written into it
        except RuntimeError as error:  # of a zip that is cut short, because the disk is full
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Return the content of a checkpoint; raise InputError for anything else."""
    content = _load(path, device)
    if not isinstance(content, dict) or content.get("format") != FORMAT or KEYS - content.keys():
        raise InputError(
            f"{path}: not a checkpoint of this version of avs-bench (format {FORMAT}): "
            "give the best.pt or last.pt of a run"
        )
    model = content.pop("model")
    if not isinstance(model, dict) or not all(isinstance(v, torch.Tensor) for v in model.values()):
        raise InputError(f"{path}: its model is no state dict of tensors: the file was edited")
    try:
        plain = msgspec.convert(content, _Plain)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}: the file was edited; give another checkpoint") from None
    settings = from_tree(Settings, plain.settings, str(path))
    origin = Origin(settings, plain.classes, plain.dataset, plain.manifest_sha256)
    return Checkpoint(origin, plain.epochs, model, plain.training, str(path))


def build(
    settings: Settings, logits: int, own: OwnModel | None = None, where: str = "the settings"
) -> nn.Module:
    """Return the model that the settings name, or the user's own, with fresh weights.

    Raises InputError for an unknown one, and where the settings, which are from `where`, name code
    of the user's own that the user has not.
    """
    if own is not None:
        return own.build(logits, settings.model.options)
    refuse_unasked(settings.model.name, "--model", where)
    known = sorted(signature(build_model).parameters.keys() - {"name", "classes", "audio_channels"})
    for option in settings.model.options:
        if option not in known:
            raise InputError(
                f"setting model.options: unknown option {option!r}: choose of {', '.join(known)}"
            )
    options = {"audio_channels": settings.audio.channels, **settings.model.options}
    return build_model(settings.model.name, logits, **options)


def model_of(
    settings: Settings, classes: int, own: OwnModel | None = None, where: str = "the settings"
) -> nn.Module:
    """Return the model that a run with these settings trains, for `classes` classes."""
    return build(settings, settings.train.logits(classes), own, where)


def trained_model(
    checkpoint: Checkpoint, device: torch.device, own: OwnModel | None = None
) -> nn.Module:
    """Return the checkpoint's model with its weights, in evaluation mode.

    `own` is the code of one that is none of ours, which the file only names. It lies in memory as
    it was trained, so that it repeats val's scores to the last digit. Raises InputError for weights
    that are not those of the model that the settings name.
    """
    origin = checkpoint.origin
    model = model_of(origin.settings, len(origin.classes), own, checkpoint.where)
    try:
        model.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        faults = "; ".join(" ".join(line.split()) for line in str(error).splitlines()[1:])
        raise InputError(
            f"{checkpoint.where}: its weights are not those of a "
            f"{own.name if own else origin.settings.model.name} for "
            f"{len(origin.classes)} classes: {faults[:300]}: "
            f"{'give the code that it was trained with' if own else OTHER_WEIGHTS}"
        ) from None
    if origin.settings.train.channels_last:
        store_channels_last(model)
    return model.to(device).eval()


def refuse_other_classes(origin: Origin, dataset: AVSDataset, what: str) -> None:
    """Raise InputError unless the dataset has the classes that `what` was trained for."""
    if origin.classes == dataset.classes:
        return
    pairs = zip(origin.classes, dataset.classes, strict=False)
    differing = (
        f"index {index} was {trained!r} and is {given!r}"
        for index, (trained, given) in enumerate(pairs)
        if trained != given
    )
    first = next(differing, "one table continues the other")
    raise InputError(
        f"{dataset.folder}: {len(dataset.classes)} classes, but {what} was trained for "
        f"{len(origin.classes)} ({first}): give a dataset with the class table of "
        f"{origin.dataset}; avs-bench eval can score what both share with --class-map names, or "
        "any object with --class-map foreground"
    )


def refuse_other_origin(stored: Origin, wanted: Origin, what: Path) -> None:
    """Raise InputError unless a run may go on with the settings and the dataset now given."""
    old, new = _flat(to_tree(stored.settings)), _flat(to_tree(wanted.settings))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise InputError(
                f"{what}: was begun with {key} = {_shown(old.get(key))}, now it is "
                f"{_shown(new.get(key))}: leave the flag out, or begin another run with --out"
            )
    if stored.manifest_sha256 != wanted.manifest_sha256:
        raise InputError(
            f"{what}: was begun on {stored.dataset} with manifest {stored.manifest_sha256[:12]}, "
            f"now it is {wanted.dataset} with {wanted.manifest_sha256[:12]}: "
            "give the same --data, or begin another run with --out"
        )


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint of a run of ours, and not bare weights or nothing readable."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE:
        return False
    return isinstance(content, dict) and not KEYS - content.keys()


def _load(path: Path, device: torch.device | str) -> Any:
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint: train first") from None
    except UNREADABLE as error:
        raise InputError(
            f"{path}: cannot be read as a checkpoint ({_reason(error)}): it is cut short, or no "
            "checkpoint: give the best.pt or last.pt of a run"
        ) from None


def _reason(error: Exception) -> str:
    """Return what an error says in a sentence, without torch's advice to run the file's code."""
    if isinstance(error, UnpicklingError):
        return "there is something other than tensors and plain values in it"
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0].split('. ')[0]}".rstrip(": ")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()
