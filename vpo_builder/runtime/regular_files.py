"""Opens files that others made.

Regular files only, so that no pipe is waited for and no device is read without end.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

LARGEST_BYTES = 500_000_000
"""No picture, clip of ten seconds or video of one weighs that much."""


class UnusableFileError(OSError):
    """What lies at a path is no regular file, or a larger one than may be read."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.EINVAL, what, str(path))


def open_regular(path: Path, largest: int | None = LARGEST_BYTES) -> BinaryIO:
    """Open a regular file of at most `largest` bytes (None: of any size) for reading.

    Links are followed. Raises UnusableFileError for a pipe, a device, a socket, a folder and a
    larger file, FileNotFoundError for none, OSError as `open` does.
    """
    # O_NONBLOCK: opening a pipe would wait for its writer. It changes nothing for regular files.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnusableFileError(path, "is no regular file (a folder, a pipe or a device)")
        if largest is not None and status.st_size > largest:
            raise UnusableFileError(path, f"{status.st_size} bytes, expected at most {largest}")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, largest: int | None = LARGEST_BYTES) -> bytes:
    """Return the bytes of a regular file; raises as `open_regular` does."""
    with open_regular(path, largest) as file:
        # A file that grows while it is read ends with what it had been opened with.
        return file.read(os.fstat(file.fileno()).st_size)


def require_regular(path: Path, largest: int | None = LARGEST_BYTES) -> None:
    """Raise as `open_regular` does; for programs that are given a path."""
    open_regular(path, largest).close()
