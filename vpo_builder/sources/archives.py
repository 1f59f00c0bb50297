"""Files that lie in a zip or a tar and are read from there, without unpacking it.

A member's name only tells which clip it is; nothing is ever written under it.
"""

import contextlib
import functools
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from vpo_builder.records import (
    ArchiveMember,
)
from vpo_builder.runtime.errors import InputError

LARGEST_BYTES = 500_000_000
"""No clip of ten seconds weighs that much, and no video of one."""
PACKED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
ARCHIVE_SUFFIXES = (".zip", ".tar")


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is a zip or a tar in which any place can be read."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_packed(name: str) -> bool:
    """Tell by its name whether a file is a tar that can only be read from its beginning."""
    return name.lower().endswith(PACKED_TARS)


def members(archive: Path) -> list[ArchiveMember]:
    """Return the plain files of an archive; links and whatever else it holds are left alone."""
    try:
        if archive.suffix.lower() == ".zip":
            return [
                ArchiveMember(archive, info.filename, info.file_size, -1)
                for info in _open_zip(archive).infolist()
                if not info.is_dir()
            ]
        with tarfile.open(archive, "r:") as source:
            return [
                ArchiveMember(archive, info.name, info.size, info.offset_data)
                for info in source
                if info.isreg()
            ]
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{archive}: cannot be read as an archive: {error}") from None


def member_named(archive: Path, name: str) -> ArchiveMember | None:
    """Return the file of a name in an archive, in whatever folder, None if there is none."""
    status = archive.stat()
    return _by_name(archive, status.st_mtime_ns, status.st_size).get(name)


@functools.lru_cache(maxsize=16)
def _by_name(archive: Path, *_state: int) -> dict[str, ArchiveMember]:
    return {member.name: member for member in reversed(members(archive))}


@contextlib.contextmanager
def as_file(recording: Path | ArchiveMember) -> Iterator[Path]:
    """Yield a path at which a recording can be read. Raises ValueError if it is damaged."""
    if isinstance(recording, Path):
        yield recording
        return
    data = read_member(recording)
    with tempfile.TemporaryDirectory(prefix="vpo-build-") as folder:
        path = Path(folder) / f"recording{recording.suffix.lower()}"
        path.write_bytes(data)
        yield path


def read_member(member: ArchiveMember) -> bytes:
    """Return the bytes of a file in an archive. Raises ValueError if it is damaged or too large."""
    if member.size > LARGEST_BYTES:
        raise ValueError(f"{member.archive}: {member.path}: {member.size} bytes")
    if member.offset >= 0:
        with member.archive.open("rb") as file:
            file.seek(member.offset)
            return file.read(member.size)
    try:
        with _open_zip(member.archive).open(member.path) as file:
            return file.read(member.size)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"{member.archive}: {member.path}: {error}") from None


def _open_zip(path: Path) -> zipfile.ZipFile:
    status = path.stat()
    return _opened(path, status.st_mtime_ns, status.st_size, os.getpid())


@functools.lru_cache(maxsize=16)
def _opened(path: Path, *_state: int) -> zipfile.ZipFile:
    """Open a zip once a process: the list of 200,000 members takes seconds to read."""
    return zipfile.ZipFile(path)
