"""Scores the answers of any program, as `score` scores a model's. Needs no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avs_bench.data.example import AVSDataset
from avs_bench.data.holdout import class_indices, with_unseen_groups
from avs_bench.names import OwnFamily, Resize, Values
from avs_bench.results.files import read_result
from avs_bench.results.records import Result, versions
from avs_bench.scoring.answer_files import AnswerFiles
from avs_bench.scoring.answer_reading import AnswerReader
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

    @property
    def training(self) -> dict[str, int]:
        """What a result's settings say of training."""
        return {} if self.seed is None else {"seed": self.seed}


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
    dataset = with_unseen_groups(dataset, class_indices(dataset, terms.unseen))
    examples = dataset.subsets[subset]
    if not examples:
        raise InputError(f"{dataset.folder}: its {subset} subset is empty: nothing to score")
    families = dict.fromkeys([dataset.family, *terms.families])
    scorers = [scorer_of(name, len(dataset.classes), examples) for name in families]
    refuse_other_template(files, dataset, subset)
    reader = AnswerReader(files, dataset, examples, terms.values, terms.resize)
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
    )


def refuse_other_scores(home: Path, terms: Terms) -> None:
    """Raise InputError for a folder that holds another method's scores, or another seed's."""
    for path in sorted(home.glob(f"scores-{ANSWERS}-*.json")):
        old = read_result(path)
        if (old.model, old.settings.get("train", {})) != (terms.name, terms.training):
            raise InputError(f"{path}: scores of {old.model[:60]!r}: give another --out")
