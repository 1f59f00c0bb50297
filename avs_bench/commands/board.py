"""The command that ranks submissions: `avs-bench board`."""

from pathlib import Path

import click

from avs_bench.commands.options import PATH
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    epilog=examples(
        "avs-bench board submissions/ --out board",
        "What a method has to send:",
        "avs-bench report run --submit mine.json --about name=Mine --about year=2026",
    )
)
@click.argument("submissions", nargs=-1, required=True, type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder for the board.")
@click.option(
    "--skip-refused", is_flag=True, help="List what is refused on the board, and go on without it."
)
@one_line_errors
def board(submissions: tuple[Path, ...], out: Path, skip_refused: bool) -> None:
    """Rank SUBMISSIONS, files or folders of them, on one static page.

    Every figure is made anew from the counts in the files. A submission whose figures do not agree
    with its counts, or whose items are not those that others have on the same manifest, is refused.
    """
    from avs_bench.board.board import write_board

    written = write_board(submissions, out, skip_refused=skip_refused)
    for refused in written.refused:
        say(f"refused {refused.file}: {refused.reason}", err=True)
    counts = ((written.methods, "method"), (written.tables, "table"))
    methods, tables = (f"{count} {word}{'s' * (count != 1)}" for count, word in counts)
    say(f"{written.page}: {methods} in {tables}")
