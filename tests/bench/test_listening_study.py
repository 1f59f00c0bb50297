"""The verdicts of the listening study, from planted scores."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avs_bench.metrics import Confusion
from avs_bench.results.records import ProbedSet, Result, ScoredSet, scored_item, scored_set
from benchmarks.listening.document import _goals, answer
from benchmarks.listening.goals import ratios, verdicts
from benchmarks.listening.study import (
    LISTENER,
    PROBES,
    SCORED,
    TWIN,
    VARIANTS,
    Cost,
    Job,
    Outcome,
    Study,
    Variant,
    jobs_of,
)
from tests.bench.report.made_results import CLASSES, by_ear, result

PIXELS = 1000


def scored(labelled: int, right: int, wrong: int) -> ScoredSet:
    """Return one picture: `labelled` cat pixels, `right` of them found, `wrong` found elsewhere."""
    target = (np.arange(PIXELS) < labelled).astype(np.uint8)
    pred = np.zeros(PIXELS, np.uint8)
    pred[:right] = 1
    pred[PIXELS - wrong :] = 1
    record = Confusion.of(pred, target, len(CLASSES))
    return scored_set("dataset", len(CLASSES), [scored_item("p", "p", {}, record)])


def outcome(variant: Variant, seed: int, right: int, heard_nothing: int) -> Outcome:
    """Return a job that finds `right` of 500 pixels, and so many where nothing is heard."""
    probed = scored(0, 0, heard_nothing)
    probes = tuple(ProbedSet(name, "?", "here", 0, probed, probed) for name in PROBES)
    scores: Result = result(scored(500, right, 0), seed=seed, probes=probes)
    return Outcome(Job(variant, seed, Path(variant.name)), scores, Cost(1.0))


def test_goals_are_met_or_missed_by_the_counts() -> None:
    runs = {
        TWIN.name: [outcome(TWIN, seed, 100, 200) for seed in range(2)],
        LISTENER.name: [outcome(LISTENER, seed, 500, 50) for seed in range(2)],
    }
    assert ratios(runs, LISTENER, "noise") == pytest.approx([0.25, 0.25])
    score, gap, silence, noise, absent = verdicts(runs, LISTENER)
    assert "0.667: goal at least 0.7, **missed**" in score  # the third class is nowhere: 2 / 3
    assert "**met**" in gap
    assert "0.250 of the twin's: goal under 0.05, **missed**" in silence
    assert "**missed**" in noise  # 0.25 is not under 0.25
    assert "**met**" in absent


def test_the_document_begins_with_the_answer_in_one_sentence_of_the_runs() -> None:
    runs = {
        TWIN.name: [outcome(TWIN, 0, 100, 200)],
        LISTENER.name: [outcome(LISTENER, 0, 500, 50)],
        SCORED.name: [outcome(SCORED, 0, 500, 10)],
    }
    said = answer(runs).split("**")[1]
    assert said.count(". ") == 0
    assert "a model that follows the sound (miou_dataset 0.667" in " ".join(said.split())
    assert "0.250 of that twin's" in " ".join(said.split())
    assert "leaves 0.050 of them" in " ".join(said.split())
    deaf = runs | {LISTENER.name: runs[TWIN.name]}
    assert "no model that listens" in " ".join(answer(deaf).split())


def test_what_is_kept_in_docs_has_the_shape_that_is_written() -> None:
    text = (Path(__file__).parents[2] / "docs/listening.md").read_text(encoding="utf-8")
    runs = {v.name: [outcome(v, seed, 500, 50) for seed in range(3)] for v in VARIANTS}
    runs[TWIN.name] = [outcome(TWIN, seed, 100, 200) for seed in range(3)]
    for made in (answer(runs), _goals(runs)):
        shape = [_without_figures(line) for line in made.split("\n\n")]
        kept = _without_figures(text)
        assert all(part in kept for part in shape), shape


def _without_figures(text: str) -> str:
    words = re.sub(r"[+-]?(nan|\d+(\.\d+)?)|\*\*(met|missed)\*\*", "#", text)
    return " ".join(words.split())


def test_a_twin_that_learnt_nothing_proves_nothing() -> None:
    runs = {
        TWIN.name: [outcome(TWIN, 0, 0, 0)],
        LISTENER.name: [outcome(LISTENER, 0, 500, 0)],
    }
    assert math.isnan(ratios(runs, LISTENER, "silence")[0])
    assert all("**missed**" in line for line in list(verdicts(runs, LISTENER))[2:])


def test_the_table_begins_with_the_listening_score_of_every_variant() -> None:
    document = pytest.importorskip("benchmarks.listening.document", exc_type=ImportError)
    runs = {
        variant.name: [
            replace(one, result=replace(one.result, sets=(*one.result.sets, by_ear(3 * seed, 12))))
            for seed in range(2)
            for one in [outcome(variant, seed, 500, 50)]
        ]
        for variant in VARIANTS
    }
    heads, _, *lines = document._table(runs).splitlines()
    assert heads.startswith("| variant | listening_score | listening_score_soft | miou_dataset |")
    assert len(lines) == len(VARIANTS)
    assert all("| 0.125 ± 0.177 | 0.125 ± 0.177 | 0.667 ± 0.000 |" in line for line in lines)
    runs[TWIN.name] = [outcome(TWIN, seed, 500, 50) for seed in range(2)]
    assert "| visual only | – | – | 0.667 ± 0.000 |" in document._table(runs)


def test_jobs_come_seed_by_seed_so_that_a_stopped_study_has_whole_rounds(tmp_path: Path) -> None:
    study = Study(tmp_path, tmp_path, seeds=(0, 1), jobs=1, overrides=(), device="cpu")
    jobs = jobs_of(study)
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)
    assert len({job.folder for job in jobs}) == len(jobs)
