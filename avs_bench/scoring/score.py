"""Scores the model of a checkpoint on a subset of a dataset, and says where all of it came from."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from avs_bench.checkpoints.catalogue import count_flops
from avs_bench.checkpoints.opening import OpenedModel
from avs_bench.checkpoints.seen_pictures import count_seen
from avs_bench.data.class_map import ClassMap, in_scored_table, read_class_map
from avs_bench.data.example import AVSDataset
from avs_bench.data.holdout import class_indices, with_unseen_groups
from avs_bench.models.execution import Execution
from avs_bench.models.own import errors_in
from avs_bench.names import OwnFamily
from avs_bench.probes import chosen_probes
from avs_bench.probes.definitions import Pixels, Probe
from avs_bench.probes.scores import ProbeScorer
from avs_bench.results.records import Cost, ProbedSet, Result, ScoredSet, SeenCount, versions
from avs_bench.results.showcase import Showcase
from avs_bench.scoring.by_ear import EarScorer
from avs_bench.scoring.evaluate import evaluate, watcher_of
from avs_bench.scoring.translator import Translator
from vpo_builder.dataset.schema import Subset


@dataclass(frozen=True)
class Questions:
    """What an evaluation asks beside the scores of the dataset's own family.

    `families` are further metric families, `probes` names of `PROBES` asked with `probe_seed`,
    `unseen` the names of classes that training left out; none: those that the run held out.
    `class_map`, see `read_class_map`, is for a dataset with another class table than the model's.
    `pictures` asks so many alone, as `AVSDataset.with_pictures`, with the sounds that they have
    among all; 0: all.
    """

    families: tuple[OwnFamily, ...] = ()
    probes: tuple[str, ...] = ()
    probe_seed: int = 0
    unseen: tuple[str, ...] = ()
    class_map: str = ""
    pictures: int = 0

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
    showcase: Showcase | None = None,
    translator: Translator | None = None,
    label: str = "",
) -> Result:
    """Return what a model scores and answers, with the settings that it was opened with.

    A `showcase` and a `translator` are given every answer; what `EarScorer` finds comes last.
    Raises InputError for an unknown class, and for classes that are not the model's nor mapped.
    """
    settings, origin = opened.settings, opened.origin
    dataset, class_map = _scored_data(opened, dataset, subset, questions)
    dataset, chosen = _asked(dataset, subset, questions)
    examples, classes, seed = dataset.subsets[subset], len(dataset.classes), questions.probe_seed
    ears = EarScorer(classes, examples, questions.probes, seed)
    asked, by_ear = (examples, classes, settings.audio, seed), [p for p in chosen if not p.picture]
    heard = {p.name: ProbeScorer(p, *asked, ears.told_by(p)) for p in by_ear}
    evaluated = partial(
        evaluate, opened.module, dataset, subset, settings, opened.device, class_map=class_map
    )
    if translator:
        translator.start(dataset, subset)
    with errors_in(opened.name, f"scoring {subset}"):
        sets = evaluated(
            families=(*questions.families, *(("dataset",) if questions.probes else ())),
            probes=tuple(heard.values()),
            watch=watcher_of(showcase, dataset) if showcase else None,
            watchers=[ears.add, *([translator.add] if translator else [])],
            label=label,
        )
        worse = partial(_seen_worse, evaluated, seed=seed, label=label)
        probed = tuple(heard[p.name].scores() if p.name in heard else worse(p) for p in chosen)
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
        sets=(*sets, *ears.sets()),
        probes=ears.probed(probed),
        seen=_seen(opened, dataset, subset),
        class_map=class_map,
        cost=_cost(opened),
        precision=Execution.of_scoring(settings).on(opened.device).computed_in,
    )


def _seen_worse(
    evaluated: Callable[..., tuple[ScoredSet, ...]], probe: Probe, seed: int, label: str
) -> ProbedSet:
    """Return what is scored on changed pictures, whose sounds and masks are their own."""
    assert probe.picture is not None, "the caller chose it for its pictures"
    change = _Changed(probe.picture, seed)
    shown = f"{label}, {probe.name}" if label else ""
    *_, scores = evaluated(families=("dataset",), change=change, label=shown)
    return ProbedSet(probe.name, probe.question, probe.source, seed, scores, scores)


@dataclass(frozen=True)
class _Changed:
    """A probe's change of pictures, which travels to the processes that read them."""

    picture: Callable[[Pixels, int, str], Pixels]
    seed: int

    def __call__(self, pixels: Pixels, example_id: str) -> Pixels:
        return self.picture(pixels, self.seed, example_id)


def _scored_data(
    opened: OpenedModel, dataset: AVSDataset, subset: Subset, questions: Questions
) -> tuple[AVSDataset, ClassMap | None]:
    """Return the dataset in the table that is scored, and how it got there; None: it has its own.

    Groups of unseen classes are those of its own table.
    """
    given = questions.class_map
    class_map = read_class_map(given, opened.classes, dataset.classes) if given else None
    if class_map is None:
        opened.refuse_other_classes(dataset)
    names = questions.unseen or opened.settings.train.holdout_classes
    mapped_alone = class_map is not None and not questions.unseen
    unseen = class_indices(dataset, names, known_alone=mapped_alone)
    return in_scored_table(with_unseen_groups(dataset, unseen), subset, class_map)


def _asked(
    dataset: AVSDataset, subset: Subset, questions: Questions
) -> tuple[AVSDataset, tuple[Probe, ...]]:
    """Return the pictures that are asked, and the probes with their sounds of the whole subset."""
    chosen, whole = chosen_probes(questions.probes), dataset.subsets[subset]
    if not questions.pictures:
        return dataset, chosen
    part = dataset.with_pictures(subset, questions.pictures)
    return part, tuple(probe.drawing_from(whole) for probe in chosen)


def _seen(opened: OpenedModel, dataset: AVSDataset, subset: Subset) -> SeenCount | None:
    """Return how much of a subset a run has seen, by what it left beside its checkpoints."""
    if opened.origin is None or not opened.files:
        return None
    home, trained_on = opened.files[0].parent, opened.origin.manifest_sha256
    return count_seen(home, trained_on, dataset, subset)


def _cost(opened: OpenedModel) -> Cost:
    """Count two items and halve: of one, small pictures leave a norm a single value."""
    parameters = sum(p.numel() for p in opened.module.parameters())
    flops = count_flops(opened.module, *opened.needs.example(2, opened.device))
    return Cost(parameters, flops // 2)


def _sha256(files: Sequence[Path]) -> str:
    """The hash of all bytes, file after file."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()
