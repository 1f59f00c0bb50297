import errno
import os
import resource
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from vpo_builder.fetching.fetch_errors import PERMANENT, FetchReason
from vpo_builder.fetching.ledger import FETCHED, Attempt, Ledger
from vpo_builder.runtime.errors import InputError

MIRROR = "http://127.0.0.1/{id}"


def attempt(record: str, outcome: str, at: float = 0.0, **changes: object) -> Attempt:
    permanent = outcome in PERMANENT
    row = Attempt("clip", record, MIRROR, "dog", outcome, permanent, permanent, "", 10, at, at + 1)
    return replace(row, **changes)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite", {"yt-dlp": "2026.7.4"})


def test_the_last_attempt_decides_what_a_build_goes_on_without(ledger: Ledger) -> None:
    gone, limited = FetchReason.VIDEO_REMOVED, FetchReason.RATE_LIMITED
    for row in (
        attempt("removed", gone),
        attempt("came back", gone, 0),
        attempt("came back", FETCHED, 5),
        attempt("tried once", limited),
        attempt("given up", limited, 0),
        attempt("given up", limited, 5, settled=True),
        attempt("elsewhere", gone, source="youtube"),
        attempt("an image", gone, kind="image"),
    ):
        ledger.record(row)
    assert ledger.given_up("clip", MIRROR) == {"removed": gone, "given up": limited}


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ("transient", {"removed", "private"}),
        ("video_removed", {"private", "limited"}),
        ("clip_silent", {"removed", "private", "limited"}),
    ],
)
def test_retry_takes_up_only_what_it_names(ledger: Ledger, what: str, left: set[str]) -> None:
    ledger.record(attempt("removed", FetchReason.VIDEO_REMOVED))
    ledger.record(attempt("private", FetchReason.VIDEO_PRIVATE))
    ledger.record(attempt("limited", FetchReason.RATE_LIMITED, 0))
    ledger.record(attempt("limited", FetchReason.RATE_LIMITED, 9, settled=True))
    assert ledger.reopen(what) == 3 - len(left)
    assert ledger.given_up("clip", MIRROR).keys() == left
    assert ledger.reopen(what) == 0


def test_attempts_survive_and_are_read_while_it_is_open(ledger: Ledger, tmp_path: Path) -> None:
    rows = [attempt("a", FETCHED, 1), attempt("b", FetchReason.DNS, 2, detail="no name")]
    for row in reversed(rows):
        ledger.record(row)
    with Ledger(tmp_path / "ledger.sqlite", {}) as reader:
        assert list(reader.attempts()) == rows
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        tools = database.execute(
            "SELECT versions FROM tools JOIN attempts ON tools.id = attempts.tools"
        ).fetchall()
    assert tools == [('{"yt-dlp": "2026.7.4"}',)] * 2


def test_uniting_twice_is_uniting_once(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(attempt("a", FETCHED, 1))
    paths = [tmp_path / f"{number}.sqlite" for number in range(3)]
    for number, path in enumerate(paths):
        with Ledger(path, {"host": str(number)}) as other:
            other.record(attempt("a", FETCHED, 1))
            other.record(attempt(f"b{number}", FetchReason.GONE, 2))
    ledger.unite(paths)
    ledger.unite(paths)
    assert [row.record for row in ledger.attempts()] == ["a", "b0", "b1", "b2"]


def test_a_damaged_or_newer_ledger_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(InputError, match=r"ledger.sqlite: the ledger cannot be used: file is not"):
        Ledger(path, {})
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(InputError, match="ledger version 99"):
        Ledger(path, {})


def test_a_limit_on_file_size_is_told_as_such(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            ledger = Ledger(tmp_path / "ledger.sqlite", {})
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
            for number in range(10_000):
                ledger.record(attempt(str(number), FETCHED, number))
        except OSError as error:
            code = 0 if error.errno == errno.EFBIG and error.filename else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with Ledger(tmp_path / "ledger.sqlite", {}) as ledger:
        assert 0 < sum(1 for _ in ledger.attempts()) < 10_000
