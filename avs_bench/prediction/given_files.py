"""Opens the files that a user names: regular ones only."""

from pathlib import Path
from typing import BinaryIO

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import open_regular


def open_given(path: Path, expected: str, largest: int | None = None) -> BinaryIO:
    """Open a file of at most `largest` bytes (None: any); raise InputError for what is none.

    `expected` says what it should be, such as "a video".
    """
    try:
        return open_regular(path, largest)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: expected {expected}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: expected {expected}") from None
