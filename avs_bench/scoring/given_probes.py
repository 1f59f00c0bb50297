"""Scores another program's answers to the sounds of `avs-bench probe-set`. Needs no torch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from avs_bench.data.example import AVSDataset
from avs_bench.probes import PROBES, RIGHT_SOUND, Probe, ProbeCounts, chosen_probes
from avs_bench.probes.choice import AT
from avs_bench.probes.corruptions import CORRUPTIONS, TOWARD_TWIN
from avs_bench.probes.counts import Told
from avs_bench.results.records import ProbedSet, Result
from avs_bench.results.tally import Tally, tally_of
from avs_bench.scoring.answer_files import AnswerFiles
from avs_bench.scoring.answer_reading import AnswerReader
from avs_bench.scoring.by_ear import EarScorer
from avs_bench.scoring.given import Terms, score_given, scored_data
from avs_bench.scoring.scorers import Answer
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError


def score_with_probes(
    files: AnswerFiles,
    dataset: AVSDataset,
    subset: Subset,
    terms: Terms,
    *,
    command: str = "",
    watchers: Sequence[Callable[[Answer], None]] = (),
    label: str = "",
) -> Result:
    """Return what `score_given` does, with the answers to `terms.probes`.

    The pictures' own sounds are then scored at dataset level too, which probes are held against.
    What `EarScorer` finds is there as in `score`.
    """
    asked = terms.probes
    chosen_probes(asked)  # refuses an unknown one before anything is read
    own = replace(terms, families=(*terms.families, "dataset")) if asked else terms
    right = own_answers(files) if asked else files
    scored, _ = scored_data(dataset, subset, terms)
    classes, examples = len(scored.classes), scored.subsets[subset]
    ears = EarScorer(classes, examples, asked, terms.probe_seed)
    both = (*watchers, ears.add)
    result = score_given(right, dataset, subset, own, command=command, watchers=both, label=label)
    probed = score_given_probes(
        files, dataset, subset, terms, asked, terms.probe_seed, ears.told_by
    )
    result = replace(result, sets=(*result.sets, *ears.sets()))
    tally = tally_of(result)
    if not probed or tally is None:
        return result
    told = replace(tally, probes={one.probe: how for one, how in probed})
    settings = result.settings | told.settings
    probes = ears.probed([one for one, _ in probed])
    return replace(result, settings=settings, probes=probes)


def own_answers(files: AnswerFiles) -> AnswerFiles:
    """Return the answers to the pictures' own sounds, all but those in a folder of a probe.

    If there is a folder of the right sound, those in it alone.
    """
    names = [name for name in files.names if not any(map(_is_probe, _folders(name)))]
    right = [name for name in names if RIGHT_SOUND.name in _folders(name)]
    return replace(files, names=tuple(right or names))


def score_given_probes(
    files: AnswerFiles,
    dataset: AVSDataset,
    subset: Subset,
    terms: Terms,
    probes: Sequence[str],
    seed: int = 0,
    told_by: Callable[[Probe], Told | None] = lambda _: None,
) -> tuple[tuple[ProbedSet, Tally], ...]:
    """Return what answers to probes score, and how they were read.

    Those to each lie in a folder of the probe's name. The scores are those of `eval --probe` for
    these answers. Raises InputError for an unknown probe, for one without a folder, and as
    `score_given` for answers that do not fit.
    """
    examples, classes = dataset.subsets[subset], len(dataset.classes)
    asked = [
        (_answers_to(one.name, files), ProbeCounts(one, examples, classes, seed, told_by(one)))
        for one in chosen_probes(probes)
    ]
    return tuple(_score(counts, answers, dataset, terms) for answers, counts in asked)


def _answers_to(probe: str, files: AnswerFiles) -> AnswerFiles:
    names = tuple(name for name in files.names if probe in _folders(name))
    if not names:
        raise InputError(
            f"{files.path}: no folder {probe} with answers: answer the sounds that avs-bench "
            f"probe-set writes to {probe}, and put {probe}/<sample id>.png there"
        )
    return replace(files, names=names)


def _score(
    counts: ProbeCounts, files: AnswerFiles, dataset: AVSDataset, terms: Terms
) -> tuple[ProbedSet, Tally]:
    asked = list(counts.asked.values())
    reader = AnswerReader(files, dataset, asked, terms.values, terms.resize)
    if not terms.allow_missing:
        reader.refuse_unfit()
    for answer in reader.answers():
        counts.add(answer.example.example_id, answer.pred, answer.target)
    if not terms.allow_missing:
        reader.refuse_unfit()
    return counts.scores(), reader.tally


def _folders(name: str) -> set[str]:
    return set(PurePosixPath(name).parts[:-1])


def _is_probe(name: str) -> bool:
    return name in PROBES or name.partition(AT)[0] in (*CORRUPTIONS, TOWARD_TWIN.name)
