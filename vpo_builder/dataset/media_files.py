"""Reads the files that a manifest names, whatever lies in their place.

A file that is missing, no regular file, or not what its name says is one line that names it.
"""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from vpo_builder.dataset.places import AUDIO_FOLDER, CHECKSUMS, MS_HOME
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.threads import in_threads
from vpo_builder.runtime.whole_files import write_named

UNDECODABLE = (
    *(ArithmeticError, AssertionError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, struct.error, zlib.error, Image.DecompressionBombError),
)

"""What Pillow and soundfile raise for bytes that are no picture or recording."""
MASK_MODES = ("P", "L")

T = TypeVar("T")


def fault_of(error: BaseException) -> str:
    """Return one of UNDECODABLE in a line that is the same each time."""
    if isinstance(error, UnidentifiedImageError):  # whose own text is an address in memory
        return "no picture of a known format"
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error) or type(error).__name__).splitlines()[0]


def load(path: Path, decode: Callable[[bytes], T]) -> T:
    """Return what `decode` makes of a file's bytes; an InputError names the file.

    `decode` only reads: an error while writing would be blamed on this file.
    """
    try:
        return decode(read_regular(path))
    except UNDECODABLE as error:
        raise InputError(
            f"{path}: cannot be used: {fault_of(error)}: run vpo-data verify on its dataset"
        ) from None


def decode_mask(data: bytes, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return a mask file's values [height, width]; raise what Pillow raises, or ValueError."""
    with Image.open(io.BytesIO(data)) as image:
        if image.size != (width, height) or image.mode not in MASK_MODES:
            raise ValueError(
                f"{image.width}x{image.height} pixels of mode {image.mode}, the manifest says "
                f"{width}x{height} of one byte"
            )
        return np.array(image)


@dataclass(frozen=True)
class OwnFiles:
    """The files of a dataset that may be copied: those that lie in it, by no link that leads out.

    With `checksums`, path -> sha256, a file must also be the one that was published.
    """

    folder: Path
    checksums: Mapping[str, str] | None = None

    def lists(self, path: Path) -> bool:
        """Tell whether `checksums` name a file of the dataset."""
        return self._relative(path) in (self.checksums or {})

    def load(self, path: Path, decode: Callable[[bytes], T]) -> T:
        """Return what `decode` makes of a file of the dataset; see `load`."""
        self._refuse_link_out(path)
        relative = self._relative(path)

        def checked(data: bytes) -> T:
            wanted = self.checksums and self.checksums.get(relative)
            if self.checksums is not None and hashlib.sha256(data).hexdigest() != wanted:
                raise ValueError(f"its sha256 is not the one in {CHECKSUMS}")
            return decode(data)

        return load(path, checked)

    def copy(self, path: Path, target: Path) -> None:
        """Copy a file of the dataset."""
        write_named(target, self.load(path, bytes))

    def copy_all(
        self, copies: Mapping[str, Path], target: Path, workers: int | None, label: str
    ) -> None:
        """Copy files of the dataset, in threads, to the names below `target` that they go by."""

        def copy(name: str) -> None:
            self.copy(copies[name], target / name)

        for _ in in_threads(copy, list(copies), workers, label):
            continue

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _refuse_link_out(self, path: Path) -> None:
        real = Path(os.path.realpath(path))  # unlike resolve, it raises for no loop
        if not any(real.is_relative_to(home) for home in self._homes):
            raise InputError(
                f"{path}: a link leads to {real}, which lies outside of the dataset: put the file "
                "itself there"
            )

    @cached_property
    def _homes(self) -> tuple[Path, ...]:
        """The folders of the published layout; one that is itself a link leads out."""
        root = self.folder.resolve()
        shared = (MS_HOME, f"../../{AUDIO_FOLDER}")
        return (root, *(Path(os.path.normpath(root / home)) for home in shared))
