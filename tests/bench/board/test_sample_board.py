"""`make board`, without its minutes of training."""

from benchmarks import sample_board
from benchmarks.listening.study import PLAIN, TWIN, Cost, Job, Outcome
from tests.bench.board.conftest import hurry
from tests.bench.report.made_results import pictures, result


def test_ranks_the_variants_of_the_study_with_all_their_seeds(tmp_path, monkeypatch, capsys):
    asked = []

    def outcomes(study):
        asked.append(study)
        return [
            Outcome(
                Job(variant, seed, study.runs / f"{variant.name}-{seed}"),
                result(pictures(accuracy, 6, seed=seed), seed=seed, synthetic=True),
                Cost(0),
            )
            for variant, accuracy in ((TWIN, 0.4), (PLAIN, 0.7))
            for seed in (0, 1)
        ]

    hurry(monkeypatch)
    monkeypatch.setattr(sample_board, "outcomes", outcomes)
    folders = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "board")]
    sample_board.main([*folders, "--seeds", "2", "--epochs", "3"])
    assert capsys.readouterr().out.startswith(f"{tmp_path}/board/index.html: 2 methods, 0.")
    (study,) = asked
    assert (study.seeds, study.overrides) == ((0, 1), ("train.epochs=3",))
    page = (tmp_path / "board" / "index.html").read_text()
    assert page.index(">Cross-attention<") < page.index(">Visual only<")
    assert page.count("verified, 2 seeds, 2026") == 2
    assert '<span class="badge">synthetic</span>' in page
