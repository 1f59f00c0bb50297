"""Folders that are ours to write into: those that held nothing when we began."""

import os
from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import is_temporary


def refuse_content(folder: Path, expected: str, advice: str) -> None:
    """Raise InputError, naming one file and how many there are, unless a folder holds none.

    What lies there was not written by this program: the caller has found no note of its own.
    Empty folders and temporary files of ours are nothing; a link is a file, wherever it leads.
    """
    count, first = 0, ""
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        names = [name for name in files + links if not is_temporary(name)]
        count += len(names)
        if names:
            found = Path(parent, min(names)).relative_to(folder).as_posix()
            first = min(first or found, found)
    if count:
        files_there = f"{count} file{'s' * (count > 1)}, such as {first}"
        raise InputError(f"{folder}: holds {files_there}, {expected}: {advice}")
