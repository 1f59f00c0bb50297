"""Walks through folders that others filled, however deep, each of them once."""

import os
import unicodedata
from collections.abc import Container, Iterator
from pathlib import Path

DEEPEST = 12
"""No archive of recordings or pictures has as many folders in each other."""


def folders_below(folder: Path, deepest: int = DEEPEST) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and each one below it with the sorted names of its files.

    Folders come before those in them, sorted by name; hidden ones are left out. Links are
    followed, but no folder is entered twice.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        try:
            status = here.stat()
            with os.scandir(here) as entries:
                found = sorted((entry.name, _is_folder(entry)) for entry in entries)
        except OSError:  # a folder that may not be read, a link that leads nowhere
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        yield here, [name for name, is_folder in found if not is_folder]
        below = [here / name for name, is_folder in found if is_folder and name[0] != "."]
        if depth < deepest:
            waiting += [(path, depth + 1) for path in reversed(below)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def spellings(name: str) -> tuple[str, ...]:
    """Return a name, and the ways in which other systems write its accents (Unicode NFC, NFD)."""
    if name.isascii():
        return (name,)
    forms = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    return tuple(dict.fromkeys((name, *forms)))


def named_below(folder: Path, names: Container[str]) -> dict[str, Path]:
    """Return where files of some names lie below a folder, the first of each that comes."""
    found: dict[str, Path] = {}
    for here, files in folders_below(folder):
        for name in files:
            if name in names and name not in found:
                found[name] = here / name
    return found


def seen_below(folder: Path) -> str:
    """Return what lies in a folder, in a few words: the name of one file or folder, and how many.

    A file has nothing in it, nor has what is not there.
    """
    if not folder.is_dir():
        return "it is a file" if folder.exists() else "no such folder"
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"it holds {names[0]}{more}" if names else "it is empty"
