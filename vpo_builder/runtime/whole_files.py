"""Files that are written completely or not at all: write beside, flush, rename.

Every step after which a killed program leaves another state behind is announced by `state_change`,
so that a test can kill it there.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vpo_builder.runtime.errors import WRITES


@contextmanager
def atomic_path(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder that replaces `path` when the block succeeds.

    The temporary name begins with a dot, ends with `path`'s own suffix (writers such as Pillow
    choose the format by it) and is this writer's alone, also among machines that share a folder.
    It is removed when the block raises. `durable` also flushes file and folder to the disk,
    which a manifest needs and ten thousand masks do not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.tmp{path.suffix}")
    with faults_named(path, temporary):
        try:
            yield temporary
            if durable:
                flush(temporary)
            state_change(f"{path.name} written")
            temporary.replace(path)
            if durable:
                flush(path.parent)
            state_change(f"{path.name} renamed")
        finally:
            temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` to `path` completely or not at all."""
    with atomic_path(path, durable=durable) as temporary:
        temporary.write_bytes(data)


def write_named(path: Path, data: bytes) -> None:
    """Write `data` to a file of a folder that is not in its place yet; errors name the file."""
    with faults_named(path, path):
        path.write_bytes(data)


def write_if_changed(path: Path, data: bytes) -> None:
    """Write `data` to `path` unless an earlier run left exactly that there."""
    try:
        held = path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        held = False
    if not held:
        write_atomically(path, data)


@contextmanager
def faults_named(target: Path, temporary: Path) -> Iterator[None]:
    """Let errors of the system name what they failed to write by the name that it was to have.

    Those of a file that is open name none, and those of its temporary name one nobody knows.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in WRITES:
            error.filename = str(target)
        for name in ("filename", "filename2"):
            path = getattr(error, name)
            if isinstance(path, str) and path.startswith(str(temporary)):
                setattr(error, name, str(target) + path.removeprefix(str(temporary)))
        raise


def flush(path: Path) -> None:
    """Flush a file, or a folder whose names have changed, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; none may be at work in `folder`."""
    for path in folder.rglob(".*"):
        if is_temporary(path.name) and path.is_file():
            path.unlink()


def is_temporary(name: str) -> bool:
    """Tell whether a file's name is one that `atomic_path` gives until a file is complete."""
    return _TEMPORARY.fullmatch(name) is not None


_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp(\..+)?")
_hooks: list[Callable[[str], None]] = []


def state_change(name: str) -> None:
    """Announce that what lies on the disk has changed."""
    for hook in _hooks:
        hook(name)


def on_state_change(hook: Callable[[str], None]) -> None:
    """Have `hook` called with the name of every later change of state, for tests of crashes."""
    _hooks.append(hook)
