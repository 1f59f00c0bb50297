"""The commands that score models and report scores: `avs-bench eval` and `report`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from avs_bench.checkpoint_options import PATH, checkpoint_options, refuse_contradictions
from avs_bench.extras import require_torch
from vpo_builder.errors import one_line_errors
from vpo_builder.schema import SUBSETS, Subset

FAMILIES = ("dataset", "frame", "video")
PROBES = "silence,noise,shuffled,off-screen,single,swap-channels"


@click.command("eval")
@checkpoint_options("is evaluated")
@click.option("--data", "folder", required=True, type=PATH, help="Dataset to score on.")
@click.option("--subset", type=click.Choice(SUBSETS), default="test", show_default=True)
@click.option("--probe", "probes", default="", metavar="NAMES", help=f"Of {PROBES}.")
@click.option("--probe-seed", default=0, show_default=True, help="Chooses the probes' sounds.")
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(FAMILIES),
    help="Score in this metric family too; the dataset's own is always scored.",
)
@click.option(
    "--unseen",
    default="",
    metavar="CLASSES",
    help="Classes that training left out; without it, those that the run held out.",
)
@click.option(
    "--examples",
    default=6,
    show_default=True,
    type=click.IntRange(0),
    help="Best and worst examples kept for the report, of each.",
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, auto.")
@one_line_errors
def evaluate(
    run: Path | None,
    checkpoints: tuple[Path, ...],
    model: str | None,
    preset: str | None,
    overrides: tuple[str, ...],
    folder: Path,
    subset: Subset,
    probes: str,
    probe_seed: int,
    families: tuple[str, ...],
    unseen: str,
    examples: int,
    device: str,
) -> None:
    """Score a model on a subset; the counts are stored beside its checkpoint."""
    require_torch()
    from avs_bench.data.datasets import read_dataset
    from avs_bench.device import open_device
    from avs_bench.evaluation import Questions, score_checkpoint, watcher_of
    from avs_bench.prediction.opening import Published
    from avs_bench.published_scoring import score_published
    from avs_bench.report.runs import run_of
    from avs_bench.report.tables import tables_of
    from avs_bench.report.text import markdown
    from avs_bench.result_files import examples_folder, write_result
    from avs_bench.showcase import Showcase

    named = {"--model": model, "--preset": preset}
    refuse_contradictions("eval", run, checkpoints, named, {"--set": overrides})
    published = Published(model, preset, overrides) if model or preset else None
    paths = (run / "best.pt",) if run else checkpoints
    questions = Questions(families, _listed(probes), probe_seed, _listed(unseen))
    dataset = read_dataset(folder)
    showcase = Showcase(examples, dataset.classes)
    told = {
        "command": _command(paths, published, folder, subset, questions),
        "watch": watcher_of(showcase, dataset) if examples else None,
    }
    asked = (dataset, subset, open_device(device), questions)
    result = (
        score_published(paths, published, *asked, **told)
        if published
        else score_checkpoint(paths[0], *asked, **told)
    )
    home = paths[0].parent
    showcase.write(examples_folder(home, result))
    stored = write_result(home, result)
    click.echo(markdown(tables_of([run_of(home.resolve().name, home, (result,))]).every))
    click.echo(f"\n{stored}")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, help="Folder for the report; without it, RUN/report.")
@click.option("--compare", is_flag=True, help="Test the other runs against the first, in pairs.")
@click.option("--submit", type=PATH, metavar="FILE", help="Write a leaderboard json of RUNS too.")
@one_line_errors
def report(runs: tuple[Path, ...], out: Path | None, compare: bool, submit: Path | None) -> None:
    """Report everything that RUNS were scored on: a page, Markdown, LaTeX and csv.

    A RUN is the folder of a run, a scores-*.json or a submission. Runs that differ in nothing but
    their seed become one row. The Markdown is printed too. A submission holds the counts of every
    picture, so that others can make each figure anew.
    """
    from avs_bench.report.runs import read_runs
    from avs_bench.report.submission import refuse_other_files, submission_of, write_submission
    from avs_bench.report.writing import write_report

    folder = out or (runs[0] if runs[0].is_dir() else runs[0].parent) / "report"
    if submit:
        refuse_other_files(submit)
    read = read_runs(runs)
    written = write_report(read, folder, compare=compare)
    if submit:
        write_submission(submit, submission_of((run.name, run.results) for run in read))
    click.echo(written.markdown)
    click.echo()
    for path in (*written.files, *([submit] if submit else [])):
        click.echo(path)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _command(
    paths: Sequence[Path], published: Any, folder: Path, subset: Subset, questions: Any
) -> str:
    """The evaluation as it can be typed again, whatever was left to defaults."""
    words = ["avs-bench", "eval"]
    for path in paths:
        words += ["--checkpoint", path]
    if published:
        words += ["--model", published.model] * bool(published.model)
        words += ["--preset", published.preset] * bool(published.preset)
        for override in published.overrides:
            words += ["--set", override]
    words += ["--data", folder, "--subset", subset]
    for family in questions.families:
        words += ["--family", family]
    if questions.probes:
        words += ["--probe", ",".join(questions.probes), "--probe-seed", questions.probe_seed]
    if questions.unseen:
        words += ["--unseen", ",".join(questions.unseen)]
    return shlex.join(map(str, words))
