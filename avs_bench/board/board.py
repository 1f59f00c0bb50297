"""Writes a board: a folder that opens from disk, whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avs_bench.board.counts import counts_script
from avs_bench.board.entries import Refused, read_methods
from avs_bench.board.page import board_page, method_page
from avs_bench.board.standings import Standing, standings_of
from avs_bench.report.score_tables import probe_tables_by_place
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.whole_folders import atomic_folder

PAGE, METHODS, COUNTS = "index.html", "methods", "counts"


@dataclass(frozen=True)
class Board:
    """A board that was written: its page, how many methods and tables it has, what was refused."""

    page: Path
    methods: int
    tables: int
    refused: tuple[Refused, ...]


def write_board(paths: Sequence[Path], out: Path, *, skip_refused: bool = False) -> Board:
    """Write the board of the submissions at `paths` into `out`, replacing an older one there.

    Raises InputError for a submission that is refused, unless `skip_refused`, and for an `out`
    that holds something else.
    """
    _refuse_other_content(out)
    methods, refused = read_methods(paths, skip_refused=skip_refused)
    told = progress(methods, len(methods), "probes")
    probes = {method.key: probe_tables_by_place([method.model]) for method in told}
    standings = standings_of(methods)
    with atomic_folder(out) as fresh:
        _write_counts(standings, fresh / COUNTS)
        (fresh / METHODS).mkdir()
        for method in progress(methods, len(methods), "pages of methods"):
            page = method_page(method, standings, tuple(probes[method.key].values()))
            (fresh / METHODS / f"{method.key}.html").write_text(page, encoding="utf-8")
        page = board_page(standings, methods, refused)
        (fresh / PAGE).write_text(page, encoding="utf-8")
    return Board(out / PAGE, len(methods), len(standings), refused)


def _write_counts(standings: Sequence[Standing], folder: Path) -> None:
    folder.mkdir()
    for line in (line for standing in standings for line in standing.lines if line.scored):
        entries = line.scored.entries if line.scored else ()
        for number, entry in zip(line.counts, entries, strict=True):
            script = counts_script(number, entry.scores)
            (folder / f"{number}.js").write_text(script, encoding="ascii")


def _refuse_other_content(out: Path) -> None:
    """Raise for an `out` that is neither new, nor empty, nor a board."""
    if out.is_dir():
        names = {path.name for path in out.iterdir()}
        if names in (set(), {PAGE, METHODS, COUNTS}):
            return
    elif not out.exists():
        return
    raise InputError(f"{out}: holds something that is no board: give a new folder with --out")
