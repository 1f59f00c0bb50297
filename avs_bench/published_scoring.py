"""Scores weights that their authors published, under the authors' own names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from avs_bench.config import ModelSettings, Settings, read_preset
from avs_bench.data.example import AVSDataset
from avs_bench.data.spectrograms import VGGISH_STEP
from avs_bench.evaluation import Questions, Subject, Watcher, refuse_unknown_probes, score
from avs_bench.prediction.opening import OpenedModel, Published, open_published
from avs_bench.results import Result
from vpo_builder.errors import InputError
from vpo_builder.schema import Subset
from vpo_builder.settings import to_tree

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
