"""The files of answers, in a folder or a zip, opened as if a stranger had packed them."""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.outside_text import one_line
from vpo_builder.runtime.regular_files import read_regular

MANIFEST = "answers.json"
"""What `--template` writes beside the answers: the list of what is wanted."""
LARGEST_BYTES = 2**29
"""Of one answer: 71 classes of 1280 x 720 are half of it in single precision."""
MOST_FILES = 2_000_000
PACKED_BY_MAC = "__MACOSX"
OF_WINDOWS = ("Thumbs.db", "desktop.ini")
BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for a damaged, encrypted or exotic archive."""
SHOWN = 100


@dataclass(frozen=True)
class AnswerFiles:
    """The names of a folder's or zip's files, sorted, with `/` between folders.

    Hidden files and the template's own list are left out.
    """

    path: Path
    names: tuple[str, ...]
    _archive: zipfile.ZipFile | None = field(default=None, repr=False)

    def where(self, name: str) -> str:
        """Return what a message calls a file."""
        return f"{self.path}: {shortened(name)}"

    def read(self, name: str) -> bytes:
        """Return a file's bytes, at most LARGEST_BYTES; raise InputError."""
        try:
            if self._archive is None:
                return read_regular(self.path / name, LARGEST_BYTES)
            with self._archive.open(name) as member:
                data = member.read(LARGEST_BYTES + 1)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{self.where(name)}: {reason}: give a regular file") from None
        except BAD_ZIP as error:
            raise InputError(f"{self.where(name)}: {error}: pack the answers again") from None
        if len(data) > LARGEST_BYTES:
            raise _too_large(self.where(name), len(data))
        return data

    def template(self) -> bytes | None:
        """Return the list that `--template` wrote, if it lies at the top."""
        if self._archive is None:
            return self.read(MANIFEST) if (self.path / MANIFEST).exists() else None
        return self.read(MANIFEST) if MANIFEST in self._archive.namelist() else None


def open_answers(path: Path) -> AnswerFiles:
    """Return the answers at a path; raise InputError for anything but a folder or a safe zip."""
    if path.is_dir():
        names = sorted(_files_below(path))
        archive = None
    elif path.is_file():
        archive = _opened(path)
        names = sorted(_members(path, archive))
    else:
        raise InputError(f"{path}: no such folder or zip: expected the answers of a program")
    shown = tuple(name for name in names if not _is_left_out(name))
    return AnswerFiles(path, shown, archive)


def shortened(name: str) -> str:
    """Return a stranger's file name for a message."""
    return one_line(name if len(name) <= SHOWN else f"{name[:SHOWN]}…")


def _is_left_out(name: str) -> bool:
    parts = PurePosixPath(name).parts
    own = name == MANIFEST or parts[0] == PACKED_BY_MAC or parts[-1] in OF_WINDOWS
    return own or any(part.startswith(".") for part in parts)


def _files_below(folder: Path) -> Iterator[str]:
    """Yield the files; a link must lead to a place inside of the folder."""
    home = Path(os.path.realpath(folder))
    for place, folders, files in os.walk(folder):
        for name in [*files, *(name for name in folders if Path(place, name).is_symlink())]:
            path = Path(place, name)
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(home):
                raise InputError(
                    f"{path}: a link that leads out of {folder}: put the file itself there"
                )
            if name in files:
                yield path.relative_to(folder).as_posix()


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except BAD_ZIP as error:
        raise InputError(
            f"{path}: {error}: expected a folder of answers, or a zip of one"
        ) from None


def _members(path: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield the files of a zip; raise InputError for a name or size that no honest one has."""
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise InputError(f"{path}: {len(members)} files, expected at most {MOST_FILES}")
    for member in members:
        name = member.filename
        where = f"{path}: {shortened(member.orig_filename)}"
        if _leads_out(member.orig_filename):
            raise InputError(f"{where}: a path that leads out of the archive: pack a plain folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(f"{where}: a link: pack the file itself")
        if member.is_dir():
            continue
        if member.file_size > LARGEST_BYTES:
            raise _too_large(where, member.file_size)
        yield name


def _leads_out(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    rooted = not parts or parts[0] == "/" or parts[0].endswith(":")
    return rooted or ".." in parts or "\0" in name or "\\" in name


def _too_large(where: str, size: int) -> InputError:
    return InputError(f"{where}: {size} bytes, expected at most {LARGEST_BYTES} for one answer")
