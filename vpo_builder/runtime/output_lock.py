"""One program at a time in an output folder; the lock of one that was killed is taken over."""

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.outside_text import one_line, say
from vpo_builder.runtime.whole_files import state_change

LOCK, RUN_LOCK = ".vpo-build.lock", ".avs-bench.lock"
"""The lock's name in a folder of datasets and in one of a run: who works there."""
WAIT_SECONDS = 0.1
_UNSUPPORTED = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
_held: dict[Path, int] = {}


@contextlib.contextmanager
def output_lock(folder: Path, *, wait: bool = False, name: str = LOCK) -> Iterator[None]:
    """Hold the lock of an output folder; the same process may take it again within.

    Raises InputError naming the holder, or waits for it to end if told to. The system frees the
    lock of a process that ends in whatever way, so that a note found in a free lock is of one
    that was killed: it is told of.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve() / name
    if path in _held:
        yield
        return
    descriptor = _wait_for(path) if wait else _take(path)
    _held[path] = descriptor
    try:
        state_change("lock taken")
        yield
    finally:
        del _held[path]
        path.unlink(missing_ok=True)
        os.close(descriptor)
        with contextlib.suppress(OSError):  # something was built there
            for one in made:
                one.rmdir()


def _wait_for(path: Path) -> int:
    while True:
        try:
            return _take(path)
        except InputError:
            time.sleep(WAIT_SECONDS)


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor, path)
            if _still_named(descriptor, path):
                _sign(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder has just left, and taken the name along


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _busy(path, _holder(descriptor)) from None
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        holder = _holder(descriptor)  # a file system without locks: the note has to do
        if holder and _may_live(holder):
            raise _busy(path, holder) from None
    holder = _holder(descriptor)
    if holder:
        say(
            f"{path.parent}: taking over from process {holder['pid']} on "
            f"{one_line(holder['host'])}, which was killed",
            err=True,
        )


def _still_named(descriptor: int, path: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    note = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(note).encode(), 0)


def _holder(descriptor: int) -> dict[str, object]:
    """Return the note in the lock, empty if there is none or it makes no sense."""
    try:
        note = json.loads(os.pread(descriptor, 1000, 0))
        return {"pid": int(note["pid"]), "host": str(note["host"]), "since": note["since"]}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {}


def _may_live(holder: dict[str, object]) -> bool:
    """Tell whether the holder may still run: on another machine nobody can know."""
    pid = holder["pid"]
    if holder["host"] != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _busy(path: Path, holder: dict[str, object]) -> InputError:
    who = f" (process {holder['pid']} on {holder['host']})" if holder else ""
    return InputError(
        f"{path.parent}: another {path.stem.lstrip('.')} works there{who}: wait for it to end, or "
        f"give another folder; if it is surely gone, delete {path.name}"
    )
