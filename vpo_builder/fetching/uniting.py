"""Unites what the shards of a build have left: their ledgers and their recordings."""

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path

from vpo_builder.errors import InputError
from vpo_builder.fetching.ledger import LEDGER, STATE_FOLDER, Ledger
from vpo_builder.lock import output_lock

SHARDS = "shards"
RECORDINGS = "recordings"
DONE = "done"
"""A file in the folder of a shard that has ended."""


def unite_shards(out: Path) -> None:
    """Take the ledgers and recordings of every shard into those of the output folder.

    Raises InputError if there is no shard, and while one of them is at work; a share that was
    left undone is told of on stderr: the build does it.
    """
    state = out / STATE_FOLDER
    shards = sorted(path for path in (state / SHARDS).glob("*-of-*") if path.is_dir())
    if not shards:
        raise InputError(
            f"--merge: no shard has worked in {out}: run the same command with --shard i/n first, "
            "once for each share"
        )
    with output_lock(out), contextlib.ExitStack() as locks:
        for shard in shards:
            locks.enter_context(output_lock(shard))
        ledgers = [shard / LEDGER for shard in shards if (shard / LEDGER).is_file()]
        if ledgers:
            with Ledger(state / LEDGER, {}) as ledger:
                ledger.unite(ledgers)
        for recording in (path for shard in shards for path in (shard / RECORDINGS).glob("*.*")):
            (state / RECORDINGS).mkdir(exist_ok=True)
            recording.replace(state / RECORDINGS / recording.name)
    for line in _undone(shards):
        print(line, file=sys.stderr)


def _undone(shards: Iterable[Path]) -> list[str]:
    """Return a line for the shares of which no shard has come to its end."""
    done = {shard.name for shard in shards if (shard / DONE).exists()}
    counts = {int(shard.name.rpartition("-")[2]) for shard in shards}
    lines = []
    for count in sorted(counts):
        missing = [i for i in range(1, count + 1) if f"{i}-of-{count}" not in done]
        if missing:
            shown = ", ".join(map(str, missing[:10])) + (", …" if len(missing) > 10 else "")
            lines.append(f"--merge: of {count} shards, not ended: {shown}; their share is done now")
    return lines
