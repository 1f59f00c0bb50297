"""The command that reports scores: `avs-bench report`."""

from pathlib import Path

import click

from avs_bench.commands.options import PATH
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    epilog=examples(
        "One run; several, tested against the first:",
        "avs-bench report run",
        "avs-bench report run-a run-b --compare --out report",
        "For a leaderboard:",
        "avs-bench report run --submit mine.json --about name=Mine --about year=2026",
    )
)
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, help="Folder for the report; without it, RUN/report.")
@click.option("--compare", is_flag=True, help="Test the other models against the first.")
@click.option("--submit", type=PATH, metavar="FILE", help="Write a leaderboard json of RUNS too.")
@click.option(
    "--about",
    "said",
    multiple=True,
    metavar="KEY=VALUE",
    help="With --submit: name, year, link, parameters or flops of the method.",
)
@one_line_errors
def report(
    runs: tuple[Path, ...],
    out: Path | None,
    compare: bool,
    submit: Path | None,
    said: tuple[str, ...],
) -> None:
    """Report everything that RUNS were scored on: a page, Markdown, LaTeX and csv.

    A RUN is the folder of a run, a scores-*.json or a submission. Runs that differ in nothing but
    their seed are one model, with a row of mean and deviation. The tables are printed too. A
    submission holds the counts of every picture, so that others can make each figure anew.
    """
    from avs_bench.report.about import read_about
    from avs_bench.report.report import write_report
    from avs_bench.report.runs import read_runs
    from avs_bench.report.submission import refuse_other_files, submission_of, write_submission

    folder = out or (runs[0] if runs[0].is_dir() else runs[0].parent) / "report"
    about = read_about(said)
    if submit:
        refuse_other_files(submit)
    elif said:
        raise InputError("--about goes into a submission: add --submit FILE")
    read = read_runs(runs)
    written = write_report(read, folder, compare=compare)
    if submit:
        write_submission(submit, submission_of([(run.name, run.results) for run in read], about))
    click.echo(written.text)
    click.echo()
    for path in (*written.files, *([submit] if submit else [])):
        say(path)
