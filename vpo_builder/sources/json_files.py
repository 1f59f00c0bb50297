"""Reads COCO's json files ahead: a thread reads and hashes them while others are decoded."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from vpo_builder.runtime.errors import InputError

T = TypeVar("T")


class JsonFile:
    """A json file that a thread is asked to read at once; reading and hashing need no lock."""

    def __init__(self, path: Path, threads: ThreadPoolExecutor) -> None:
        self.path = path
        self._data = threads.submit(path.read_bytes)
        self._sha256 = threads.submit(lambda: hashlib.sha256(self._data.result()).hexdigest())

    def decode(self, kind: type[T]) -> tuple[T, str]:
        """Return the file decoded as `kind`, and its sha256; raise InputError naming the file."""
        try:
            return msgspec.json.decode(self._data.result(), type=kind), self._sha256.result()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be read: {error.strerror}; expected COCO 2017's annotations "
                "there"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path}: not COCO's json: {error}; the file may be cut short: fetch it again"
            ) from None
