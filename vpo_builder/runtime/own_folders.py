"""Folders that are ours to write into: those that held nothing but ours when we began."""

import os
from collections.abc import Container
from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import is_temporary


def refuse_content(
    folder: Path, expected: str, advice: str, ours: Container[str] = frozenset()
) -> None:
    """Raise InputError, naming one file and how many there are, unless a folder holds none.

    Files of the names `ours`, relative to it, do not count: a note of this program lists them.
    Empty folders and temporary files of ours are nothing; a link is a file, wherever it leads.
    """
    count, first = 0, ""
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        at = Path(parent).relative_to(folder)
        names = [(at / name).as_posix() for name in files + links if not is_temporary(name)]
        others = [name for name in names if name not in ours]
        count += len(others)
        if others:
            first = min([*others, first or others[0]])
    if count:
        files_there = f"{count} file{'s' * (count > 1)}, such as {first}"
        raise InputError(f"{folder}: holds {files_there}, {expected}: {advice}")
