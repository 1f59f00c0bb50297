"""Scores of a model on a subset: the counts of every picture or video, and of every probe."""

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from avs_bench.checkpoint import read_checkpoint, refuse_other_classes, trained_model
from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.holdout import class_indices
from avs_bench.data.loader import plain_batches
from avs_bench.inference import predicted_classes, segment_hearings
from avs_bench.metrics import Confusion, Family
from avs_bench.probes import PROBES, ProbeScorer
from avs_bench.processes import ALONE, Processes
from avs_bench.results import Result, ScoredItem, ScoredSet, scored_set
from avs_bench.scoring import Answer, scorer_of
from avs_bench.showcase import Candidate, Showcase
from vpo_builder.errors import InputError
from vpo_builder.schema import Subset
from vpo_builder.settings import to_tree

Watcher = Callable[[Batch, int, Tensor], None]
"""Is shown each batch, the row of an example in it, and its prediction [H', W'] uint8."""


def watcher_of(showcase: Showcase, dataset: AVSDataset) -> Watcher:
    """Return a watcher that offers every example to a showcase."""

    def watch(batch: Batch, row: int, pred: Tensor) -> None:
        example, target = batch.examples[row], batch.targets[row].to(torch.uint8)
        heard = sorted({dataset.classes[source.class_index] for source in example.sources})

        def make() -> Candidate:
            picture = batch.images[row].permute(1, 2, 0).numpy().copy()
            sound = batch.waveforms[row].numpy().copy()
            return Candidate(picture, target.numpy(), pred.numpy(), sound, tuple(heard))

        confusion = Confusion.of(pred, target, len(dataset.classes))
        showcase.offer(example.example_id, example.unit, confusion, make)

    return watch


class ScoringStoppedError(Exception):
    """Scoring was told to stop and has given up what it had."""


def _never() -> int:
    return 0


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


def evaluate(
    model: nn.Module,
    dataset: AVSDataset,
    subset: Subset,
    settings: Settings,
    device: torch.device,
    *,
    families: Sequence[Family] = (),
    unseen: frozenset[int] = frozenset(),
    probes: Sequence[ProbeScorer] = (),
    watch: Watcher | None = None,
    processes: Processes = ALONE,
    stopped_by: Callable[[], int] = _never,
) -> tuple[ScoredSet, ...]:
    """Return what the model scores on a subset, in the dataset's own family and then in `families`.

    The model sees pictures as `settings.image.long_side` says and is scored at the masks' own
    size, so runs at different sizes compare. Nothing depends on the batch, so `processes` score
    whole units each and every one returns all counts; `probes` are asked about the same pictures
    on the way, and keep what this process hears of them. Raises InputError for
    an empty subset and for logits that are not numbers, and ScoringStoppedError in every process
    after the batch in which `stopped_by` was not 0 in one.
    """
    examples = dataset.subsets[subset]
    if not examples:
        raise InputError(f"{dataset.folder}: its {subset} subset is empty: nothing to evaluate")
    model.eval()
    chosen = dict.fromkeys([dataset.family, *families])
    scorers = [scorer_of(name, len(dataset.classes), examples, unseen) for name in chosen]
    for batch in plain_batches(dataset, _share(examples, processes), settings):
        if stopped_by():
            break
        asking = [probe for probe in probes if probe.asks(batch)]
        hearings = [batch, *(probe.hearing(batch) for probe in asking)]
        answers = segment_hearings(model, hearings, device)
        logits = next(answers)
        preds = predicted_classes(logits).cpu()
        for row, example in enumerate(batch.examples):
            if example.mask is None:  # seen beside the others of its clip, and not annotated
                continue
            answer = Answer(example, logits[row], preds[row], batch.targets[row])
            for scorer in scorers:
                scorer.add(answer)
            if watch:
                watch(batch, row, preds[row])
        for probe, heard, answer in zip(asking, hearings[1:], answers, strict=True):
            probe.add(heard, predicted_classes(answer).cpu())
    if processes.largest(stopped_by()):
        raise ScoringStoppedError
    return tuple(_joined(scorer.scores(), processes) for scorer in scorers)


def _share(examples: Sequence[Example], processes: Processes) -> Sequence[Example]:
    """Return the examples whose units fall to this process."""
    if processes.count == 1:
        return examples
    units = list(dict.fromkeys(example.unit for example in examples))
    own = set(units[processes.rank :: processes.count])
    return [example for example in examples if example.unit in own]


def _joined(part: ScoredSet, processes: Processes) -> ScoredSet:
    """Return the items of all processes as one set."""
    messages = processes.messages(msgspec.json.encode(part.items))
    kind = tuple[ScoredItem, ...]
    items = (item for data in messages for item in msgspec.json.decode(data, type=kind))
    return scored_set(part.family, part.classes, items)


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
