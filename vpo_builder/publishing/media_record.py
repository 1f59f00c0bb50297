"""Our record of the files that a build may write: nothing else is ever removed from its folder.

It is kept beside the note of the build begun, from before the first of them is written until the
dataset is finished; from then on its checksums tell.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vpo_builder.dataset.manifest import CHECKSUMS, META
from vpo_builder.runtime.whole_files import write_atomically

MEDIA_RECORD = ".build-media.txt"


def note_media(folder: Path, paths: Iterable[str]) -> None:
    """Add paths, relative to the dataset's folder, to its record; those outside are not its own."""
    noted = sorted(_lines(folder / MEDIA_RECORD) | set(filter(_is_inside, paths)))
    content = "".join(f"{path}\n" for path in noted).encode()
    write_atomically(folder / MEDIA_RECORD, content, durable=True)


def remove_leftovers_but(folder: Path, kept: Iterable[str]) -> None:
    """Remove what we wrote into a folder, in this build or one that it makes anew, but `kept`."""
    noted = _lines(folder / MEDIA_RECORD)
    if (folder / META).is_file():
        noted |= {line.partition("  ")[2] for line in _lines(folder / CHECKSUMS)}
    for name in noted.difference(kept):
        path = folder / name
        if _is_inside(name) and path.is_file():
            path.unlink()


def forget_media(folder: Path) -> None:
    """Remove the record of a dataset that is finished."""
    (folder / MEDIA_RECORD).unlink(missing_ok=True)


def _lines(path: Path) -> set[str]:
    try:
        return set(filter(None, path.read_text("utf-8", errors="replace").split("\n")))
    except FileNotFoundError:
        return set()


def _is_inside(path: str) -> bool:
    """Tell whether a path stays in its folder: MSMI reads from MS, and records can be edited."""
    pure = PurePosixPath(path)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts
