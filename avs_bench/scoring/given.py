"""Scores the answers of any program, as `score` scores a model's. Needs no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avs_bench.data.class_map import FOREGROUND, ClassMap, in_scored_table, read_class_map
from avs_bench.data.example import AVSDataset
from avs_bench.data.holdout import class_indices, with_unseen_groups
from avs_bench.names import OwnFamily, Resize, Values
from avs_bench.results.files import read_result
from avs_bench.results.records import Result, versions
from avs_bench.scoring.answer_files import AnswerFiles
from avs_bench.scoring.answer_reading import AnswerReader, Mapped
from avs_bench.scoring.answer_template import refuse_other_template
from avs_bench.scoring.scorers import Answer, scorer_of
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress

ANSWERS = "answers"
"""What stands for a checkpoint's name: the same for every seed of a method."""


@dataclass(frozen=True)
class Terms:
    """What is said of the answers, and what becomes of those that do not fit.

    `values` and `resize` are those of `Form`. `allow_missing`: samples without one usable answer
    count as background, and files that answer no sample are passed over. `families` are scored
    beside the dataset's own; `unseen` names the classes that training left out; `seed` tells runs
    of one method apart. `probes`, drawn with `probe_seed`, are for `score_with_probes`.
    `class_map`, see `read_class_map`, is for answers of other classes than the dataset's: those of
    `labels`, by index; without them answers have the dataset's.
    """

    name: str
    values: Values = "classes"
    resize: Resize | None = None
    allow_missing: bool = False
    families: tuple[OwnFamily, ...] = ()
    unseen: tuple[str, ...] = ()
    seed: int | None = None
    probes: tuple[str, ...] = ()
    probe_seed: int = 0
    class_map: str = ""
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise InputError for terms that do not go together."""
        if self.labels and not self.class_map:
            raise InputError(
                "--labels names the classes of answers for --class-map: give both, or none where "
                "they are the dataset's"
            )
        if self.class_map and not self.labels and self.class_map != FOREGROUND:
            raise InputError(
                f"--class-map {self.class_map}: which classes do the answers have? Give --labels "
                "FILE, a json of their names to indices"
            )
        if self.labels and self.values == "mask":
            raise InputError(
                "--values mask: those values are of the dataset's classes: leave out --labels"
            )
        if self.class_map and self.probes:
            raise InputError(
                "--probe: avs-bench probe-set draws its sounds for all classes: score the answers "
                "to them without --class-map"
            )

    @property
    def training(self) -> dict[str, int]:
        """What a result's settings say of training."""
        return {} if self.seed is None else {"seed": self.seed}


def scored_data(
    dataset: AVSDataset, subset: Subset, terms: Terms
) -> tuple[AVSDataset, ClassMap | None]:
    """Return the dataset in the table that is scored, and how answers get there; None: in theirs.

    Raises InputError for unknown classes and tables that share none.
    """
    given, answered = terms.class_map, terms.labels or dataset.classes
    class_map = read_class_map(given, answered, dataset.classes) if given else None
    grouped = with_unseen_groups(dataset, class_indices(dataset, terms.unseen))
    return in_scored_table(grouped, subset, class_map)


def score_given(
    files: AnswerFiles,
    dataset: AVSDataset,
    subset: Subset,
    terms: Terms,
    *,
    command: str = "",
    watchers: Sequence[Callable[[Answer], None]] = (),
    label: str = "",
) -> Result:
    """Return what the answers of a program score on a subset, in the form of `score`.

    Raises InputError for an answer that cannot be read, and, unless `allow_missing`, if any are
    missing, doubled, surplus or of another size than their mask.
    """
    whole, (dataset, class_map) = dataset, scored_data(dataset, subset, terms)
    mapped = Mapped(class_map, whole, whole.subsets[subset]) if class_map else None
    examples = dataset.subsets[subset]
    if not examples:
        raise InputError(f"{dataset.folder}: its {subset} subset is empty: nothing to score")
    families = dict.fromkeys([dataset.family, *terms.families])
    scorers = [scorer_of(name, len(dataset.classes), examples) for name in families]
    refuse_other_template(files, dataset, subset)
    reader = AnswerReader(files, dataset, examples, terms.values, terms.resize, mapped)
    if not terms.allow_missing:
        reader.refuse_unfit()
    answers = reader.answers()
    for answer in progress(answers, len(examples), label) if label else answers:
        if reader.tally.wrong_size and not terms.allow_missing:
            continue  # reads on to count them all
        for scorer in scorers:
            scorer.add(answer)
        for watch in watchers:
            watch(answer)
    if not terms.allow_missing:
        reader.refuse_unfit()
    return Result(
        model=terms.name,
        settings=reader.tally.settings | {"train": terms.training},
        checkpoint=ANSWERS,
        epochs=0,
        checkpoint_sha256=reader.sha256,
        trained_on="",
        trained_on_sha256="",
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        synthetic=dataset.synthetic,
        subset=subset,
        classes=dataset.classes,
        command=command,
        versions=versions(),
        sets=tuple(scorer.scores() for scorer in scorers),
        class_map=class_map,
    )


def refuse_other_scores(home: Path, terms: Terms) -> None:
    """Raise InputError for a folder that holds another method's scores, or another seed's."""
    for path in sorted(home.glob(f"scores-{ANSWERS}-*.json")):
        old = read_result(path)
        if (old.model, old.settings.get("train", {})) != (terms.name, terms.training):
            raise InputError(f"{path}: scores of {old.model[:60]!r}: give another --out")
