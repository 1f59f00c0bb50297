"""A board that is as large as one may be, and one whose figures are all known."""

import functools
from pathlib import Path

import pytest

import avs_bench.metrics.model_comparison
import avs_bench.report.models
from avs_bench.board.board import write_board
from avs_bench.board.entries import read_methods
from avs_bench.board.page import board_page
from avs_bench.board.standings import standings_of
from avs_bench.metrics.uncertainty import intervals_of
from avs_bench.report.about import About
from avs_bench.results.records import Cost
from tests.bench.board.made_submissions import write, write_many
from tests.bench.report.made_results import by_ear, frames, pictures, result, silence, videos

HOSTILE = '"><script>document.title = "owned"</script>\u202e' + "very_long_" * 6
"""A name of a stranger's."""


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Let intervals be of hardly any resamples: for tests of everything else."""
    few = functools.partial(intervals_of, resamples=4)
    patch.setattr(avs_bench.report.models, "intervals_of", few)
    patch.setattr(avs_bench.metrics.model_comparison, "RESAMPLES", 4)


def quick_board(paths: list[Path], out: Path) -> Path:
    """Return the page of a board of quick intervals."""
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return write_board(paths, out).page


@pytest.fixture(scope="session")
def large_board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of 60 methods on five datasets."""
    root = tmp_path_factory.mktemp("large")
    methods, _ = read_methods(write_many(root / "submissions", 60))
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        page = board_page(standings_of(methods), methods, ())
    (root / "index.html").write_text(page)
    return root / "index.html"


@pytest.fixture(scope="session")
def submissions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return submissions of one run and of three seeds, in every family, and a stranger's."""
    folder = tmp_path_factory.mktemp("submissions")
    right = [pictures(0.75, seed=seed) for seed in range(9)]
    paths = [
        write(
            folder / f"{name.lower()}.json",
            *(
                result(
                    right[first + seed],
                    frames(first + seed, 9),
                    by_ear(first + seed),
                    seed=seed,
                    model=name,
                    cost=Cost(2_000_000 * first + 1_000_000, 10**9),
                    probes=(silence(right[first + seed], 0.5),),
                )
                for seed in range(seeds)
            ),
            about=About(name, 2024 + seeds, "https://example.org/a?b&c"),
        )
        for name, first, seeds in (("One", 0, 1), ("Two", 1, 1), ("Three", 2, 3), ("Four", 5, 3))
    ]
    stranger = result(pictures(0.9, seed=8), model=HOSTILE, checkpoint=HOSTILE.replace("/", ""))
    paths.append(write(folder / "stranger.json", stranger))
    film = {"dataset": "AVSBench-S4", "dataset_sha256": "f" * 64}
    paths += [
        write(folder / f"film-{seed}.json", result(videos(seed, 9), model=f"f{seed}", **film))
        for seed in (1, 2)
    ]
    return paths


@pytest.fixture(scope="session")
def board(submissions: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of the board of `submissions`."""
    return quick_board(submissions, tmp_path_factory.mktemp("out") / "board")
