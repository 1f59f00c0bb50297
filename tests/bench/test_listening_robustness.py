"""The section and the plot of `make curves`, from planted counts."""

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from avs_bench.metrics import bootstrap, compare
from avs_bench.probes import corruption_curves
from avs_bench.results.files import write_result, write_robust
from avs_bench.results.records import ScoredSet, scored_set
from benchmarks.listening import robustness
from benchmarks.listening.robustness import ASKED, SHOWN, main
from benchmarks.listening.study import COST, PLAIN, SCORED, TWIN
from benchmarks.sections import END, write_section
from tests.bench.probes.test_corruption_curves import item, miou, probed
from tests.bench.report.made_results import by_ear, result
from vpo_builder.runtime.errors import InputError

BEGIN = "<!-- written by `make curves` -->"
PICTURES = range(12)
FOUND = {TWIN: 8, PLAIN: 18, SCORED: 18}
"""Of the 20 pixels of each object, in every picture unchanged."""


def scored(right: int) -> ScoredSet:
    return scored_set("dataset", 3, [item(f"p{n}", right - n % 2) for n in PICTURES])


def level(name: str, right: int):
    return probed(name, *(right - n % 2 for n in PICTURES))


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    for module in (corruption_curves, robustness):
        monkeypatch.setattr(module, "bootstrap", partial(bootstrap, resamples=20))
    monkeypatch.setattr(robustness, "compare", partial(compare, resamples=40))


@pytest.fixture
def study(tmp_path):
    """Three finished runs and what was asked of them: by sound the scored one loses least."""
    left = {TWIN: (8, 4), PLAIN: (9, 6), SCORED: (14, 6)}
    for variant in SHOWN:
        folder = tmp_path / "runs" / f"{variant.name}-0"
        folder.mkdir(parents=True)
        (folder / COST).write_text('{"processor_seconds":1.0,"seconds":1.0}')
        sound, picture = left[variant]
        probes = tuple(
            level(f"{name}@1", 3 if name == "reverberation" and variant is not TWIN else sound)
            for name in ASKED[:4]
        ) + tuple(level(f"{name}@1", picture) for name in ASKED[4:])
        sets = (scored(FOUND[variant]), by_ear(0 if variant is TWIN else 6))
        words = ["avs-bench", "robust", "--checkpoint", str(folder / "best.pt")]
        words += ["--data", str(tmp_path / "data/VPO/VPO-SS"), "--subset", "test"]
        words += ["--corruption", ",".join(ASKED), "--levels", "1,2,3,4,5"]
        words += ["--pictures", "12", "--probe-seed", "0", "--precision", "bf16"]
        scores = replace(result(*sets), classes=("background", "a", "b"))
        write_result(folder, scores)
        write_robust(
            folder, replace(scores, probes=probes, command=shlex.join(words), precision="bf16")
        )
    (tmp_path / "page.md").write_text(f"# AVS-C\n\n{BEGIN}\nold\n{END}\n\n## One number\n")
    return tmp_path


def run(folder: Path, *words: str) -> str:
    places = ["--data", folder / "data", "--runs", folder / "runs", "--page", folder / "page.md"]
    main([*map(str, places), "--pictures", "12", *words])
    return (folder / "page.md").read_text(encoding="utf-8")


def test_the_section_says_what_the_counts_say_and_asks_nobody_again(study, monkeypatch):
    monkeypatch.setattr(robustness, "logged", lambda *_: pytest.fail("it was asked before"))
    page = run(study)
    assert page.startswith(f"# AVS-C\n\n{BEGIN}\n\n## Three models")
    assert page.endswith(f"{END}\n\n## One number\n")
    assert "old" not in page
    said = " ".join(page.split("**")[1].split())
    assert said.count(". ") == 0
    assert "Cross-attention keeps" in said
    assert "(reverberation) to" in said
    assert "shuffled pairs scored keeps more under the same sounds (+" in said
    assert page.count("\n| ") == 1 + len(SHOWN)
    unchanged = page.split("| visual only | ")[1].split(" | ")[1]
    assert miou(7) < float(unchanged.split()[0]) / 100 < miou(8)
    assert "| cross-attention | 50.00 [" in page
    svg = (study / "page" / "curves.svg").read_bytes()
    assert svg.startswith(b"<?xml")
    run(study)
    assert (study / "page" / "curves.svg").read_bytes() == svg


def test_less_and_no_sure_difference_are_said_too(study):
    found = [robustness.asked(variant, _study(study), 12) for variant in SHOWN]
    twin, plain, more = found
    said = " ".join(robustness.answer(found).split())
    assert "worse than the visual only model from 0.2 s to fall by 60 dB (reverberation) on" in said
    alone = " ".join(robustness.answer([twin, twin, plain]).split())
    assert "worse than the visual only model at no level of sound" in alone
    less, alike = (
        " ".join(robustness.answer([twin, *pair]).split())
        for pair in ([more, plain], [plain, plain])
    )
    assert "keeps less under the same sounds (-" in less
    assert "does not surely differ under the same sounds (+0.0" in alike


def _study(folder: Path) -> robustness.Study:
    return robustness.Study(folder / "data", folder / "runs", (0,), 1, (), "cpu")


def test_other_pictures_and_other_weights_are_asked_anew(study, monkeypatch):
    asked = []
    monkeypatch.setattr(robustness, "logged", lambda words, *_: asked.append(words))
    robustness.asked(PLAIN, _study(study), 11)
    assert asked[0][asked[0].index("--pictures") + 1] == "11"
    folder = study / "runs" / f"{PLAIN.name}-0"
    other = replace(result(scored(18)), checkpoint_sha256="d" * 64)
    write_result(folder, other)
    robustness.asked(PLAIN, _study(study), 12)
    assert len(asked) == 2


def test_a_run_that_is_not_finished_is_named(study):
    (study / "runs" / f"{SCORED.name}-0" / COST).unlink()
    with pytest.raises(SystemExit, match=f"{SCORED.name}-0: no finished run: make listen"):
        run(study)


def test_a_page_without_the_marks_is_left_as_it_is(tmp_path):
    page = tmp_path / "page.md"
    for text in ("# A page\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n"):
        page.write_text(text)
        with pytest.raises(InputError, match="to write between them"):
            write_section(page, "curves", "new")
        assert page.read_text() == text
