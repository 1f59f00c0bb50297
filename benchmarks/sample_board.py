"""`make board`: every variant of the listening study, trained small, submitted and ranked."""

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from avs_bench.board.board import write_board
from avs_bench.report.about import About
from avs_bench.report.submission import submission_of, write_submission
from benchmarks.listening.study import Outcome, Study, outcomes
from vpo_builder.runtime.errors import InputError

YEAR = 2026


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not finished, write the submissions and the board, and say how long it took."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    study = Study(
        options.data,
        options.runs,
        tuple(range(options.seeds)),
        options.jobs,
        (f"train.epochs={options.epochs}",),
        "cpu",
    )
    try:
        board = write_board(_submissions(outcomes(study), options.runs), options.out)
    except InputError as error:
        sys.exit(f"Error: {error}")
    minutes = (time.monotonic() - started) / 60
    print(f"{board.page}: {board.methods} methods, {minutes:.1f} minutes")


def _submissions(finished: Sequence[Outcome], folder: Path) -> list[Path]:
    """Write a submission for each variant, of all its seeds; return their paths."""
    paths = []
    for variant, group in groupby(finished, key=lambda one: one.job.variant):
        runs = [(one.job.folder.name, [one.result]) for one in group]
        paths.append(folder / f"{variant.name}.json")
        title = variant.title[:1].upper() + variant.title[1:]
        write_submission(paths[-1], submission_of(runs, About(title, YEAR)))
    return paths


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A board of seven small models.")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where VPO/VPO-SS is")
    parser.add_argument("--runs", type=Path, default=Path("runs/board"))
    parser.add_argument("--out", type=Path, default=Path("runs/board/page"))
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="side by side, a thread each")
    return parser


if __name__ == "__main__":
    main()
