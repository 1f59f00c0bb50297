"""Keeps what planning needs of a large list, as columns in a file of its own, for the next time.

Side files lie in the user's cache folder, one for each list and what is wanted of it, never among
sources or in the output: a plan, the shards after it, a build and its resumption share them. A list
is known by its path, size, times and inode, or by its sha256 too if asked; one that has changed is
read anew. What is kept is checked as the list was. Whatever goes wrong here costs time alone: a
file that is torn, or of which anything does not fit, is made again with a word.

A file is MAGIC, the length of a header, the header as json, the columns, each filled up to eight
bytes, and a CRC-32 of all that. There is nothing in it that could run.
"""

import hashlib
import math
import os
import struct
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vpo_builder.runtime.outside_text import say
from vpo_builder.runtime.regular_files import open_regular, read_regular
from vpo_builder.runtime.version import VERSION
from vpo_builder.runtime.whole_files import atomic_path

MAGIC = b"VPOLIST1"  # another number where the columns of any list change
SMALLEST_LIST = 4_000_000
"""Bytes: a shorter list is read faster than anything about it is worth."""
SETTLED_NS = 2 * 10**9
"""A list that changed later than this ago may change again within one tick of its times."""
UNUSED_DAYS = 60
READ_AT_ONCE = 1 << 20
_ALIGNMENT, _CRC = 8, struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
_DTYPES = {name: np.dtype(name) for name in ("<i8", "<f8", "|u1", "|b1")}


@dataclass(frozen=True)
class Blob:
    """A column of bytes that come in pieces."""

    size: int
    pieces: Iterable[bytes]


Column = NDArray[Any] | Blob


@dataclass(frozen=True)
class Kept:
    """The columns that were kept of a list, and the list's hash; arrays are read-only."""

    sha256: str
    columns: Mapping[str, NDArray[Any]]

    def checked(self, dtypes: Mapping[str, str]) -> list[NDArray[Any]]:
        """Return the columns of these names and dtypes; raise ValueError if there are others."""
        found = {name: column.dtype.str for name, column in self.columns.items()}
        if found != dict(dtypes):
            raise ValueError(f"columns {found}, expected {dict(dtypes)}")
        return [self.columns[name] for name in dtypes]


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    columns: list[tuple[str, str, Annotated[int, msgspec.Meta(ge=0)]]]


@dataclass(frozen=True)
class SideFiles:
    """The folder of side files, None to keep none; `by_hash` trusts no size and time alone."""

    folder: Path | None = None
    by_hash: bool = False

    def of(self, path: Path, *wanted: str) -> "SideFile":
        """Return the side file of a list for what is wanted of it."""
        return SideFile(path, wanted, self)


NO_SIDE_FILES = SideFiles()


def users_side_files(*, by_hash: bool = False) -> SideFiles:
    """Return those of the user's cache folder, `$XDG_CACHE_HOME` or `~/.cache`."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        root = root if root.is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # there is no home
        return NO_SIDE_FILES
    return SideFiles(root / "vpo-builder", by_hash)


class SideFile:
    """What is kept of one list; nothing here raises but for what is no fault of files."""

    def __init__(self, path: Path, wanted: tuple[str, ...], files: SideFiles) -> None:
        self._list, self._files = path, files
        self._wanted = (VERSION, str(path.absolute()), *wanted)
        name = hashlib.sha256(msgspec.json.encode(self._wanted)).hexdigest()[:32]
        self._place = None if files.folder is None else files.folder / f"{name}.columns"
        self._key = ""

    def load(self) -> Kept | None:
        """Return what is kept of the list as it is now, None if it is to be read."""
        if self._place is None:
            return None
        self._key = self._key_now()
        try:
            data = read_regular(self._place, None)
            kept = _unpacked(data, self._key)
            if kept is not None and self._files.by_hash and kept.sha256 != _sha256(self._list):
                return None
            os.utime(self._place)
        except OSError:
            return None
        except (ValueError, msgspec.MsgspecError) as error:
            self.refuse(error)
            return None
        return kept

    def refuse(self, error: Exception) -> None:
        """Say that what is kept cannot be used."""
        say(f"{self._place}: {error}: {self._list} is read instead, and this made again", err=True)

    def keep(self, sha256: str, columns: Mapping[str, Column]) -> None:
        """Write the columns of a list of that hash, unless it is short or has just changed."""
        if self._place is None or not self._key or self._key != self._key_now():
            return
        try:
            self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_unused(self._place.parent)
            with atomic_path(self._place) as temporary:
                _write(temporary, self._key, sha256, columns)
        except (OSError, ValueError) as error:
            say(f"{self._place}: not kept for the next time: {error}", err=True)

    def _key_now(self) -> str:
        """Return what tells the list as it is from any other, "" if nothing is to be kept of it."""
        try:
            now = self._list.stat()
        except OSError:
            return ""
        changed = max(now.st_mtime_ns, now.st_ctime_ns)
        if now.st_size < SMALLEST_LIST or time.time_ns() - changed < SETTLED_NS:
            return ""
        told = (*self._wanted, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino)
        return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def ends_of(lengths: NDArray[np.int64], blob: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return where each piece of a blob ends; raise ValueError for lengths that do not fill it."""
    if lengths.min(initial=0) < 0 or lengths.max(initial=0) > len(blob):
        raise ValueError("pieces beyond the end")
    if lengths.sum() != len(blob):
        raise ValueError(f"{len(blob)} bytes in pieces of {lengths.sum()}")
    return np.cumsum(lengths)


def _unpacked(data: bytes, key: str) -> Kept | None:
    """Return the columns of a side file, None if it is of another list or of this one before.

    Raises ValueError for bytes that are not those that were written.
    """
    start = len(MAGIC) + _LENGTH.size
    if len(data) < start + _CRC.size or not data.startswith(MAGIC):
        raise ValueError("no side file, or cut short")
    body = memoryview(data)[: -_CRC.size]
    if _CRC.unpack(data[-_CRC.size :]) != (zlib.crc32(body),):
        raise ValueError("torn: its checksum is not that of its bytes")
    (length,) = _LENGTH.unpack(data[len(MAGIC) : start])
    header = msgspec.json.decode(body[start : start + length], type=_Header)
    if header.key != key:
        return None
    columns, at = {}, _aligned(start + length)
    for name, dtype, count in header.columns:
        if dtype not in _DTYPES or at + count * _DTYPES[dtype].itemsize > len(body):
            raise ValueError(f"column {name}: {count} of {dtype} do not fit in it")
        columns[name] = np.frombuffer(body, _DTYPES[dtype], count, at)
        at = _aligned(at + columns[name].nbytes)
    if at != len(body):
        raise ValueError(f"{len(body)} bytes, expected {at}")
    return Kept(header.sha256, columns)


def _write(path: Path, key: str, sha256: str, columns: Mapping[str, Column]) -> None:
    described = [
        (name, "|u1", column.size)
        if isinstance(column, Blob)
        else (name, column.dtype.str, math.prod(column.shape))
        for name, column in columns.items()
    ]
    header = msgspec.json.encode(_Header(key, sha256, described))
    crc = 0
    with path.open("wb") as file:

        def put(*pieces: bytes | memoryview) -> None:
            nonlocal crc
            for piece in pieces:
                crc = zlib.crc32(piece, crc)
                file.write(piece)

        put(MAGIC, _LENGTH.pack(len(header)), header)
        put(bytes(-file.tell() % _ALIGNMENT))
        for column in columns.values():
            if isinstance(column, Blob):
                for piece in column.pieces:
                    put(piece)
            else:
                put(np.ascontiguousarray(column).data.cast("B"))
            put(bytes(-file.tell() % _ALIGNMENT))
        file.write(_CRC.pack(crc))


def _aligned(place: int) -> int:
    return place + -place % _ALIGNMENT


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path, None) as file:
        while piece := file.read(READ_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()


def _remove_unused(folder: Path) -> None:
    """Remove the side files that nobody has used for long, and what killed writers left."""
    oldest = time.time() - UNUSED_DAYS * 86_400
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another writer has given it its name, or removed it
            if path.stat().st_mtime < oldest:
                path.unlink()
