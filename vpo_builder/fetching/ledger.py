"""The ledger: every attempt to fetch something, why it failed, and whether to try again.

SQLite in WAL mode, one per output folder: written by one process, readable during a build. What
has come is known by its file being there; the ledger says what has not come, and when and why.
"""

import contextlib
import errno
import hashlib
import json
import os
import resource
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

import msgspec

from vpo_builder.fetching.fetch_errors import FetchReason
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import state_change

Kind = Literal["clip", "image", "archive", "table", "video"]

STATE_FOLDER = ".fetch"
LEDGER = "ledger.sqlite"
FETCHED = "fetched"
TRANSIENT = "transient"
SCHEMA = 1
_LOCK_SECONDS = 30.0
_SMALL_BYTES = 1 << 20  # less free than this, and a failed write was for want of room

_TABLES = """
CREATE TABLE IF NOT EXISTS tools (id TEXT PRIMARY KEY, versions TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    record TEXT NOT NULL,
    source TEXT NOT NULL,
    category TEXT NOT NULL,
    outcome TEXT NOT NULL,
    permanent INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    detail TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    started REAL NOT NULL,
    finished REAL NOT NULL,
    tools TEXT NOT NULL REFERENCES tools (id),
    UNIQUE (kind, record, source, outcome, started)
);
"""
_LATEST = 253_402_300_800  # the year 10,000, which no date can say
_COLUMNS = (
    "kind, record, source, category, outcome, permanent, settled, detail, size_bytes, "
    "started, finished"
)


@dataclass(frozen=True)
class Attempt:
    """One attempt: what, from where, how it ended; times are seconds since 1970.

    `outcome` is "fetched", a FetchReason, or the Reason why a fetched clip cannot be used.
    `settled`: a build goes on without it instead of asking again. `category` is its class.
    """

    kind: Kind
    record: str
    source: str
    category: str
    outcome: str
    permanent: bool
    settled: bool
    detail: str
    size_bytes: int
    started: float
    finished: float


class Ledger:
    """The ledger in a file, made if it is not there."""

    def __init__(self, path: Path, tools: Mapping[str, str]) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        versions = json.dumps(dict(tools), sort_keys=True)
        self._tools = hashlib.sha256(versions.encode()).hexdigest()[:16]
        with self._errors():
            self._database = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._refuse_newer()
            self._database.executescript(_TABLES)
            self._database.execute(f"PRAGMA user_version={SCHEMA}")
            self._database.execute(
                "INSERT OR IGNORE INTO tools VALUES (?, ?)", (self._tools, versions)
            )

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(sqlite3.Error):  # a full disk has been told of already
            self._database.close()

    def record(self, attempt: Attempt) -> None:
        """Write an attempt down."""
        marks = ", ".join("?" * 12)
        state_change("attempt ended")
        with self._errors():
            self._database.execute(
                f"INSERT OR IGNORE INTO attempts ({_COLUMNS}, tools) VALUES ({marks})",
                (*astuple(attempt), self._tools),
            )
        state_change("attempt recorded")

    def given_up(self, kind: Kind, source: str) -> dict[str, str]:
        """Return the outcome of each record of a source that a build goes on without."""
        rows = self._last_attempts(kind, source)
        return {record: outcome for record, outcome, settled in rows if settled}

    def to_ask_again(self, kind: Kind, source: str) -> set[str]:
        """Return the records of a source that failed and are to be asked for again."""
        rows = self._last_attempts(kind, source)
        return {record for record, outcome, settled in rows if outcome != FETCHED and not settled}

    def has_come(self, kind: Kind, source: str) -> bool:
        """Tell whether anything of a source has been fetched, here and at any time."""
        return any(outcome == FETCHED for _, outcome, _ in self._last_attempts(kind, source))

    def reopen(self, what: str) -> int:
        """Let what ended for a reason, or for any transient one, be asked for again.

        Returns how many records that are.
        """
        where, values = "outcome = ?", [what]
        if what == TRANSIENT:
            values = [str(reason) for reason in FetchReason if not reason.permanent]
            where = f"outcome IN ({', '.join('?' * len(values))})"
        with self._errors():
            count = self._database.execute(
                f"SELECT count(DISTINCT kind || ' ' || record) FROM attempts "
                f"WHERE settled AND {where}",
                values,
            ).fetchone()[0]
            self._database.execute(f"UPDATE attempts SET settled = 0 WHERE {where}", values)
        return int(count)

    def ask_again(self, kind: Kind, source: str, records: Iterable[str]) -> None:
        """Let records be asked for again: the fault was the source's, not theirs."""
        with self._errors():
            self._database.executemany(
                "UPDATE attempts SET settled = 0 WHERE kind = ? AND source = ? AND record = ?",
                [(kind, source, record) for record in records],
            )

    def attempts(self) -> Iterator[Attempt]:
        """Yield every attempt in the order of time."""
        with self._errors():
            yield from _attempts(self._database)

    def unite(self, others: Iterable[Path]) -> None:
        """Take over the attempts of other ledgers; those that are here already stay once."""
        for path in others:
            with self._errors():
                self._database.execute("ATTACH ? AS other", (str(path),))
                self._database.execute("INSERT OR IGNORE INTO tools SELECT * FROM other.tools")
                self._database.execute(
                    f"INSERT OR IGNORE INTO attempts ({_COLUMNS}, tools) "
                    f"SELECT {_COLUMNS}, tools FROM other.attempts"
                )
                self._database.execute("DETACH other")

    def _last_attempts(self, kind: Kind, source: str) -> list[tuple[str, str, int]]:
        with self._errors():
            rows = self._database.execute(
                "SELECT record, outcome, settled, max(finished) FROM attempts "
                "WHERE kind = ? AND source = ? GROUP BY record",
                (kind, source),
            ).fetchall()
        return [(record, outcome, settled) for record, outcome, settled, _ in rows]

    def _refuse_newer(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA):
            raise InputError(
                f"{self._path}: ledger version {version}, this program writes {SCHEMA}: use the "
                "version of vpo-build that made it"
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Name SQLite's errors: no room is an OSError as for any file, the rest is the user's."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise _disk_error(self._path) from error
            raise InputError(
                f"{self._path}: the ledger cannot be used: {error}; if another program holds it, "
                "end that; if it is damaged, move it away: what was fetched stays"
            ) from None


def read_attempts(path: Path) -> Iterator[Attempt]:
    """Yield every attempt of a ledger in the order of time, without writing to it.

    In a folder that may not be written to, the WAL's index cannot be made: there nobody builds,
    and the file is read as it is.
    """
    uri = path.resolve().as_uri()
    mode = "mode=ro" if os.access(path.parent, os.W_OK) else "immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(f"{uri}?{mode}", uri=True)) as database:
            yield from _attempts(database)
    except (sqlite3.Error, msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"{path}: the ledger cannot be read: {error}") from None


def _attempts(database: sqlite3.Connection) -> Iterator[Attempt]:
    names = [field.name for field in fields(Attempt)]
    for row in database.execute(f"SELECT {_COLUMNS} FROM attempts ORDER BY finished, id"):
        values = dict(zip(names, row, strict=True))
        values |= {name: bool(values[name]) for name in ("permanent", "settled")}
        attempt = msgspec.convert(values, Attempt)
        if not (0 <= attempt.started < _LATEST and 0 <= attempt.finished < _LATEST):
            raise ValueError(f"an attempt ended at {attempt.finished}, expected seconds since 1970")
        yield attempt


def _disk_error(path: Path) -> OSError:
    """Return the error that a write to `path` must have met: SQLite only says "disk I/O"."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    number = errno.EIO
    if limit != resource.RLIM_INFINITY:
        number = errno.EFBIG
    elif os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize < _SMALL_BYTES:
        number = errno.ENOSPC
    return OSError(number, os.strerror(number), str(path))
