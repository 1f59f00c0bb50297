"""Folders that appear when they are complete, in one step with the end of those they replace.

A writer holds the lock of its temporary folder, and the system frees it when the writer ends in
whatever way: a temporary folder whose lock is free is what a killed writer left.
"""

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vpo_builder.runtime.whole_files import faults_named, state_change

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that takes `path`'s place when the block succeeds.

    A folder that is there already stays until then: ask first whether it may be replaced. The
    new one is removed when the block raises, and so is what killed writers of `path` left. Raises
    NotADirectoryError, before anything is written, where a file lies.
    """
    path = path.resolve()
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    fresh, lock = _locked_folder(path)
    try:
        state_change(f"{path.name} begun")
        with faults_named(path, fresh):
            yield fresh
        state_change(f"{path.name} written")
        _put_in_place(fresh, path)
        state_change(f"{path.name} renamed")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # by now it may be the old one
        os.close(lock)


def _locked_folder(path: Path) -> tuple[Path, int]:
    """Return a new temporary folder and the descriptor that holds its lock."""
    while True:
        fresh = _temporary(path)
        with faults_named(path, fresh):
            fresh.mkdir()
        try:
            lock = _lock(fresh)
        except OSError:  # a file system without locks: what is left there stays
            return fresh, os.open(fresh, os.O_RDONLY)
        if lock is not None and fresh.exists():
            return fresh, lock
        if lock is not None:  # another writer took it for a leftover before it was locked
            os.close(lock)


def _remove_leftovers(path: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.tmp")
    for other in list(path.parent.iterdir()):
        if pattern.fullmatch(other.name) and other.is_dir() and not other.is_symlink():
            with suppress(OSError):  # without locks, or another user's: nobody can tell
                lock = _lock(other)
                if lock is not None:
                    shutil.rmtree(other, ignore_errors=True)
                    os.close(lock)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds a folder's lock, None if it is held or the folder gone.

    Raises OSError where there are no locks.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def _put_in_place(fresh: Path, path: Path) -> None:
    """Rename `fresh` to `path`; a folder that is there gets the name of `fresh`."""
    try:
        fresh.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchange(fresh, path):
            aside = _temporary(path)  # a file system that cannot: for a moment neither is there
            path.rename(aside)
            fresh.rename(path)
            aside.rename(fresh)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step, renameat2(2); tell whether it was possible."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    done: int = rename(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)
    return done == 0
