"""Scores the model of a checkpoint on a subset of a dataset, and says where all of it came from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from avs_bench.checkpoints.opening import OpenedModel
from avs_bench.data.example import AVSDataset
from avs_bench.data.holdout import class_indices
from avs_bench.names import Family
from avs_bench.probes import chosen_probes
from avs_bench.probes.scores import ProbeScorer
from avs_bench.results.records import Result, versions
from avs_bench.scoring.evaluate import Watcher, evaluate
from vpo_builder.dataset.schema import Subset


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

    def __post_init__(self) -> None:
        """Raise InputError for a name that is not in `PROBES`."""
        chosen_probes(self.probes)


def score(
    opened: OpenedModel,
    dataset: AVSDataset,
    subset: Subset,
    questions: Questions = Questions(),
    *,
    command: str = "",
    watch: Watcher | None = None,
    label: str = "",
) -> Result:
    """Return what a model scores and answers, with the settings that it was opened with.

    Raises InputError for a dataset with other classes than the model's, and for an unknown class.
    """
    opened.refuse_other_classes(dataset)
    settings, origin = opened.settings, opened.origin
    unseen = class_indices(dataset, questions.unseen or settings.train.holdout_classes)
    needed = (*questions.families, *(("dataset",) if questions.probes else ()))
    probes = [
        ProbeScorer(
            probe,
            dataset.subsets[subset],
            len(dataset.classes),
            settings.audio,
            questions.probe_seed,
        )
        for probe in chosen_probes(questions.probes)
    ]
    sets = evaluate(
        opened.module,
        dataset,
        subset,
        settings,
        opened.device,
        families=needed,
        unseen=unseen,
        probes=probes,
        watch=watch,
        label=label,
    )
    return Result(
        model=opened.name,
        settings=opened.stored_settings,
        checkpoint=opened.files[0].stem if opened.files else "in memory",
        epochs=opened.epochs,
        checkpoint_sha256=_sha256(opened.files),
        trained_on=opened.trained_on,
        trained_on_sha256=origin.manifest_sha256 if origin else "",
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        synthetic=dataset.synthetic,
        subset=subset,
        classes=dataset.classes,
        command=command,
        versions=versions(torch=str(torch.__version__)),
        sets=sets,
        probes=tuple(probe.scores() for probe in probes),
    )


def _sha256(files: Sequence[Path]) -> str:
    """The hash of all bytes, file after file."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()
