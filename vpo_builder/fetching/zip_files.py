"""Takes named files out of a zip that nobody has looked into yet.

An archive with a member that has no business in any archive of data is refused as a whole, even
if that member is not one of those wanted: it was made by somebody who means harm.
"""

import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath, PureWindowsPath

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import atomic_path, state_change

BLOCK_BYTES = 1 << 20
LARGEST_RATIO = 200
"""Annotations shrink about fivefold; a bomb of zeros a thousandfold."""
LARGEST_COUNT = 1_000_000


def unpack(archive: Path, folder: Path, wanted: Collection[str], max_bytes: int) -> list[Path]:
    """Write the members named `wanted` to their names below `folder`; return the files.

    Raises InputError naming archive and member for a missing member, one that is absolute, climbs
    out with "..", is a link or encrypted, or an archive that unpacks to more than `max_bytes` or
    to far more than its size; nothing is written before all of that is checked.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = {member.filename: member for member in source.infolist()}
            _check(archive, source.infolist(), max_bytes)
            absent = sorted(set(wanted) - members.keys())
            if absent:
                raise InputError(f"{archive}: no member {absent[0]}: expected COCO 2017's archive")
            return [_extract(source, members[name], folder, archive) for name in sorted(wanted)]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive}: damaged: {error}: delete it and fetch it again") from None


def refuse_path(name: str, where: str) -> None:
    """Raise InputError for a member's name that could lead out of a folder."""
    pure = PurePosixPath(name)
    windows = PureWindowsPath(name)
    if pure.is_absolute() or windows.drive or windows.root or "\\" in name or "\0" in name:
        raise InputError(f"{where}: member {name!r} is absolute: not unpacked")
    if ".." in pure.parts:
        raise InputError(f"{where}: member {name!r} climbs out with '..': not unpacked")


def _check(archive: Path, members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    where = str(archive)
    if len(members) > LARGEST_COUNT:
        raise InputError(f"{where}: {len(members)} members: not unpacked")
    for member in members:
        refuse_path(member.filename, where)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InputError(f"{where}: member {member.filename!r} is a link: not unpacked")
        if member.flag_bits & 1:
            raise InputError(f"{where}: member {member.filename!r} is encrypted: not unpacked")
        if member.file_size > LARGEST_RATIO * max(member.compress_size, BLOCK_BYTES):
            raise _bomb(where, member)
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise InputError(f"{where}: unpacks to {total} bytes, more than {max_bytes}: not unpacked")


def _extract(source: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, archive: Path) -> Path:
    """Write a member; what it says of its size is held to while it is unpacked."""
    target = folder / member.filename
    size = 0
    with source.open(member) as packed, atomic_path(target, durable=True) as temporary:
        with temporary.open("wb") as file:
            while block := packed.read(BLOCK_BYTES):
                size += len(block)
                if size > member.file_size:
                    raise _bomb(str(archive), member)
                file.write(block)
        if size != member.file_size:
            raise InputError(
                f"{archive}: member {member.filename!r} has {size} bytes, expected "
                f"{member.file_size}: delete the archive and fetch it again"
            )
    state_change("member unpacked")
    return target


def _bomb(where: str, member: zipfile.ZipInfo) -> InputError:
    return InputError(
        f"{where}: member {member.filename!r} unpacks to far more than it says or weighs: not "
        "unpacked"
    )
