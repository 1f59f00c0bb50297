"""Reads tars that are packed as a whole, from their beginning to their end.

A member's name only tells which recording it is; nothing is ever written under it.
"""

import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import say_beside
from vpo_builder.sources.archives import LARGEST_BYTES

BOMB_RATIO, BOMB_BYTES = 200, 2**30
"""Recordings hardly shrink: what unpacks to so many times its size, and to so much, is none."""
ZSTD = ".tar.zst"
DAMAGED = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)


def packed_files(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of the plain files whose name, without folders, is wanted, in order.

    Of an archive that is damaged or cut short, what lies before that; a line says so. Raises
    InputError for one that no program of Python's unpacks, or that unpacks to far too much.
    """
    if archive.name.lower().endswith(ZSTD):
        raise InputError(f"{archive}: packed with zstd, which is not read here: unpack it")
    most = max(BOMB_BYTES, BOMB_RATIO * archive.stat().st_size)
    try:
        with tarfile.open(archive, "r|*") as source:
            for info in source:
                if info.offset_data + info.size > most:
                    raise InputError(
                        f"{archive}: unpacks to more than {BOMB_RATIO} times its size at "
                        f"{info.name[:80]!r}: this is no archive of recordings"
                    )
                name = info.name.rpartition("/")[2]
                if info.isreg() and info.size <= LARGEST_BYTES and wanted(name):
                    file = source.extractfile(info)
                    assert file is not None, "a plain file has bytes"
                    yield name, file.read()
    except DAMAGED as error:
        say_beside(f"{archive}: damaged or cut short, used as far as it can be read: {error}")
        raise DamagedArchiveError(str(error)) from None


class DamagedArchiveError(ValueError):
    """An archive that ended before its end."""
