"""Scores the model of a checkpoint on a subset of a dataset, and says where all of it came from."""

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from avs_bench.checkpoints.opening import OpenedModel, Published, open_published
from avs_bench.checkpoints.run_checkpoint import (
    read_checkpoint,
    refuse_other_classes,
    trained_model,
)
from avs_bench.config import ModelSettings, Settings, read_preset
from avs_bench.data.example import AVSDataset
from avs_bench.data.holdout import class_indices
from avs_bench.data.spectrograms import VGGISH_STEP
from avs_bench.names import Family
from avs_bench.probes import PROBES, ProbeScorer
from avs_bench.results.records import Result
from avs_bench.scoring.evaluate import Watcher, evaluate
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import to_tree


@dataclass(frozen=True)
class Questions:
    """What an evaluation asks beside the scores of the dataset's own family.

    `families` are further metric families, `probes` names of `PROBES` asked with `probe_seed`,
    `unseen` the names of classes that training left out; none: those that the run held out.
    """

    families: tuple[Family, ...] = ()
    probes: tuple[str, ...] = ()
    probe_seed: int = 0
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A model to score, and where it comes from as its result will say.

    `stored` are the settings that the result keeps, `files` what the weights were read from, the
    first of which names the checkpoint; `trained_on` and its manifest are those of `Result`.
    """

    model: nn.Module
    settings: Settings
    stored: dict[str, Any]
    files: tuple[Path, ...]
    epochs: int
    trained_on: str
    trained_on_sha256: str


def score_checkpoint(
    path: Path,
    dataset: AVSDataset,
    subset: Subset,
    device: torch.device,
    questions: Questions = Questions(),
    *,
    command: str = "",
    watch: Watcher | None = None,
) -> Result:
    """Evaluate the model of a checkpoint file, with the settings that it was trained with.

    Raises InputError for a dataset with other classes than the model's, and for an unknown probe
    or class.
    """
    refuse_unknown_probes(questions.probes)
    checkpoint = read_checkpoint(path)
    origin = checkpoint.origin
    refuse_other_classes(origin, dataset, str(path))
    subject = Subject(
        model=trained_model(checkpoint, device),
        settings=origin.settings,
        stored=to_tree(origin.settings),
        files=(path,),
        epochs=checkpoint.epochs,
        trained_on=origin.dataset,
        trained_on_sha256=origin.manifest_sha256,
    )
    return score(subject, dataset, subset, device, questions, command=command, watch=watch)


def score(
    subject: Subject,
    dataset: AVSDataset,
    subset: Subset,
    device: torch.device,
    questions: Questions,
    *,
    command: str = "",
    watch: Watcher | None = None,
) -> Result:
    """Return what a model scores and answers.

    Its classes are known to be the dataset's and the probes to exist: both are refused before
    weights are read.
    """
    model, settings = subject.model, subject.settings
    unseen = class_indices(dataset, questions.unseen or settings.train.holdout_classes)
    needed = (*questions.families, *(("dataset",) if questions.probes else ()))
    probes = [
        ProbeScorer(
            PROBES[name],
            dataset.subsets[subset],
            len(dataset.classes),
            settings.audio,
            questions.probe_seed,
        )
        for name in questions.probes
    ]
    sets = evaluate(
        model,
        dataset,
        subset,
        settings,
        device,
        families=needed,
        unseen=unseen,
        probes=probes,
        watch=watch,
    )
    return Result(
        model=settings.model.name,
        settings=subject.stored,
        checkpoint=subject.files[0].stem,
        epochs=subject.epochs,
        checkpoint_sha256=_sha256(subject.files),
        trained_on=subject.trained_on,
        trained_on_sha256=subject.trained_on_sha256,
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        synthetic=dataset.synthetic,
        subset=subset,
        classes=dataset.classes,
        command=command,
        versions=versions(),
        sets=sets,
        probes=tuple(probe.scores() for probe in probes),
    )


def refuse_unknown_probes(names: Sequence[str]) -> None:
    """Raise InputError for a name that is not in `PROBES`."""
    for name in names:
        if name not in PROBES:
            raise InputError(f"no probe {name!r}: choose of {', '.join(PROBES)}")


def versions() -> dict[str, str]:
    """Return the versions of everything between a checkpoint and its figures."""
    try:
        own = metadata.version("avs-toolkit")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        own = "not installed"
    return {
        "avs-toolkit": own,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def _sha256(files: Sequence[Path]) -> str:
    """The hash of all bytes, file after file."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


UNKNOWN_DATA = "its authors' data"
READING = "tiny"
"""The preset whose batch size and loader serve a model that has no preset: no score hangs on it."""


def score_published(
    paths: Sequence[Path],
    published: Published,
    dataset: AVSDataset,
    subset: Subset,
    device: torch.device,
    questions: Questions,
    *,
    command: str = "",
    watch: Watcher | None = None,
) -> Result:
    """Evaluate published weights, several files after each other (TPAVI and VGGish).

    Such files name no classes, so only their number is held against the dataset's. The result
    keeps the settings that decide what the model sees and hears, and no others. Raises InputError
    as `open_published`, and for another number of classes or an unknown probe or class.
    """
    refuse_unknown_probes(questions.probes)
    opened = open_published(paths, published, device)
    if len(opened.classes) != len(dataset.classes):
        raise InputError(
            f"{paths[0]}: weights for {len(opened.classes)} classes, but {dataset.folder} has "
            f"{len(dataset.classes)}: give the dataset that they were trained for"
        )
    settings = _settings(opened, published)
    stored = to_tree(settings)
    subject = Subject(
        model=opened.model,
        settings=settings,
        stored={group: stored[group] for group in ("model", "audio", "image")},
        files=tuple(paths),
        epochs=0,
        trained_on=UNKNOWN_DATA,
        trained_on_sha256="",
    )
    return score(subject, dataset, subset, device, questions, command=command, watch=watch)


def _settings(opened: OpenedModel, published: Published) -> Settings:
    if published.preset is not None:
        return read_preset(published.preset, published.overrides)
    base = read_preset(READING)
    step = VGGISH_STEP if opened.clip_frames > 1 else base.audio.frame_step
    return replace(
        base,
        model=ModelSettings(opened.name, {}),
        audio=replace(
            base.audio, channels=opened.channels, seconds=opened.seconds, frame_step=step
        ),
        image=replace(
            base.image,
            long_side=opened.long_side,
            frames=opened.clip_frames,
            stretched=opened.stretched,
        ),
    )
