"""The section of `make stereo`, from planted choices."""

import tomllib
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from avs_bench.metrics import InstanceScores, SeenObjects, bootstrap
from avs_bench.results.records import ProbedSet, ScoredSet, scored_item, scored_set
from benchmarks.listening import stereo
from benchmarks.listening.stereo import MONO, STEREO, SWAPPED, answer, main
from benchmarks.listening.study import Cost, Job, Outcome
from benchmarks.sections import END
from tests.bench.report.made_results import CLASSES, pictures, result

LEFT = np.repeat([[1, 1, 1, 0, 0, 0]], 2, axis=0).astype(bool)
MASKS = np.stack([LEFT, LEFT[:, ::-1]])
QUESTIONS = 8
BEGIN = "<!-- written by `make stereo` -->"
SIZES = SimpleNamespace(subsets={"train": range(9), "val": range(2), "test": range(3)})


def chosen(right: int, *, own_is_heard: bool = True) -> ScoredSet:
    """Answer so many of the questions by the left object, which sounds in the dataset."""
    heard = (own_is_heard, not own_is_heard)
    seen = SeenObjects(MASKS, (1, 1), heard, (True, False))
    items = []
    for n in range(QUESTIONS):
        pred = (MASKS[0] if n < right else MASKS[1]).astype(np.uint8)
        items.append(scored_item(f"p{n}", f"p{n}", {}, InstanceScores.of(pred, seen, 3)))
    return scored_set("instances", len(CLASSES), items)


def outcome(variant, own: int, kept: dict[str, int]) -> Outcome:
    sets = (pictures(0.6, QUESTIONS), chosen(own))
    probes = tuple(
        ProbedSet(name, "?", "", 0, sets[0], sets[0], instances=chosen(left, own_is_heard=False))
        for name, left in kept.items()
    )
    settings = {
        "model": {"name": "small"},
        "train": {"seed": 0, "epochs": 5},
        "image": {"long_side": 96},
    }
    scores = result(*sets, probes=probes, settings=settings)
    return Outcome(Job(variant, 0, Path(variant.name)), scores, Cost(90.0))


FOUND = [
    outcome(MONO, 4, {}),
    outcome(STEREO, 7, {f"toward-twin@{n}": 6 - n for n in range(1, 6)} | {SWAPPED: 2}),
]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(stereo, "bootstrap", partial(bootstrap, resamples=20))


def test_the_section_has_both_models_the_pan_curve_and_the_control(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"# By ear\n\n{BEGIN}\n{END}\n\n## After\n")
    monkeypatch.setattr(stereo, "build_from", lambda *_: None)
    monkeypatch.setattr(stereo, "_sources", lambda *_: [])
    monkeypatch.setattr(stereo, "outcomes", lambda _: FOUND)
    monkeypatch.setattr(stereo, "read_vpo", lambda _: SIZES)
    main(["--data", str(tmp_path), "--page", str(page)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith(
        "# By ear\n\n<!-- written by `make stereo` -->\n\n## One channel and two"
    )
    assert text.endswith(f"{END}\n\n## After\n")
    assert "| `kept_instances` | 87.50 | 62.50 | 50.00 | 37.50 | 25.00 | 12.50 | 25.00 |" in text
    assert (
        "| `accuracy_instances` | 87.50 | 37.50 | 50.00 | 62.50 | 75.00 | 87.50 | 75.00 |" in text
    )
    assert "8 questions in 3 test samples" in " ".join(text.split())
    assert "5 epochs" in text
    assert "3 processor minutes" in " ".join(text.split())
    assert cells(text, "| one")[-1].startswith("50.00 [")
    assert cells(text, "| two")[-1].startswith("87.50 [")
    assert capsys.readouterr().out.startswith("**A model of two channels chooses")


def cells(text: str, start: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


def test_the_sentence_says_what_is_chosen_and_what_is_left_at_the_twins_place():
    said = " ".join(answer(*(one.result for one in FOUND)).split())
    assert "the one that sounds in 87.50 [" in said
    assert "of one channel in 50.00 [" in said
    assert "a guess in 50.00 %" in said
    assert "keeps its choice in 12.50 [" in said
    assert "exchanged in 25.00 [" in said


def test_a_corpus_has_as_many_pictures_in_which_one_of_the_kinds_repeats(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(stereo, "write_pictures", lambda _, scenes, seed: drawn.update(scenes))
    monkeypatch.setattr(stereo, "write_recordings", lambda *_, **__: None)
    words = stereo._sources(tmp_path, 10)
    kinds = [[i.name for i in s.items if i.name in stereo.KINDS] for s in drawn.values()]
    assert sum(len(set(names)) < len(names) for names in kinds) == 10
    assert sum(len(set(names)) == len(names) > 1 for names in kinds) == stereo.PLAIN
    assert len(kinds) == 10 + stereo.PLAIN
    table = tomllib.loads((tmp_path / "classes.toml").read_text(encoding="utf-8"))
    assert [one["name"] for one in table["class"]] == list(stereo.KINDS)
    assert words[4:6] == ["--classes", str(tmp_path / "classes.toml")]
    monkeypatch.setattr(stereo, "write_pictures", lambda *_: pytest.fail("it is there"))
    assert stereo._sources(tmp_path, 10) == words
