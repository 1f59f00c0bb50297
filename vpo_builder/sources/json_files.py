"""Reads COCO's json files ahead: a thread reads and hashes them while others are decoded.

The same thread writes what is kept of them behind, while the plan is made.
"""

import codecs
import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.sources.side_files import NO_SIDE_FILES, Column, Kept, SideFile

T = TypeVar("T")
PLAIN = "expected UTF-8 text, numbers without NaN: correct the file, or fetch it again"


@contextmanager
def reading_thread() -> Iterator[ThreadPoolExecutor]:
    """Yield a thread for JsonFile, which goes on behind until all is written that is to be kept."""
    thread = ThreadPoolExecutor(1)
    try:
        yield thread
    except BaseException:
        thread.shutdown(cancel_futures=True)
        raise
    thread.shutdown(wait=False)


class JsonFile:
    """A json file that a thread is asked to read at once; reading and hashing need no lock.

    Where its side file holds what is kept of it, that is read instead.
    """

    def __init__(
        self, path: Path, threads: ThreadPoolExecutor, side: SideFile | None = None
    ) -> None:
        self.path, self._threads = path, threads
        self._side = side or NO_SIDE_FILES.of(path)
        self._kept = threads.submit(self._side.load)
        self._read()

    def _read(self) -> None:
        # Each task waits for tasks before it alone: one thread does them all, in this order.
        kept, path = self._kept, self.path
        data = self._threads.submit(lambda: b"" if kept.result() else read_regular(path, None))
        self._sha256 = self._threads.submit(lambda: hashlib.sha256(data.result()).hexdigest())
        self._data = data

    @property
    def kept(self) -> Kept | None:
        """What is kept of the file as it is now."""
        return self._kept.result()

    def refuse_kept(self, error: Exception) -> None:
        """Have the file itself read, since what was kept of it is not as it was written."""
        self._side.refuse(error)
        self._kept = self._threads.submit(_nothing)
        self._read()

    def keep(self, columns: Callable[[], Mapping[str, Column]]) -> None:
        """Have what was decoded of the file kept for the next time."""
        sha256 = self._sha256
        self._threads.submit(lambda: self._side.keep(sha256.result(), columns()))

    def decode(self, kind: type[T]) -> tuple[T, str]:
        """Return the file decoded as `kind`, and its sha256; raise InputError naming the file.

        Once: the file's bytes are let go, but for those that what was decoded refers to.
        """
        try:
            data = self._data.result()
            data = data.removeprefix(codecs.BOM_UTF8)  # which programs of Windows write
            decoded = msgspec.json.decode(data, type=kind), self._sha256.result()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be read: {error.strerror}; expected COCO 2017's annotations "
                "there"
            ) from None
        except msgspec.ValidationError as error:
            fault = _first_fault(data, kind) or str(error)
            raise InputError(f"{self.path}: not as COCO 2017 writes it: {fault}") from None
        except BAD_JSON as error:
            cut = "truncated" in str(error)
            advice = "the file is cut short: fetch it again" if cut else PLAIN
            raise InputError(f"{self.path}: not COCO's json: {error}; {advice}") from None
        del self._data
        return decoded


def _nothing() -> Kept | None:
    return None


def _first_fault(data: bytes, kind: type[Any]) -> str | None:
    """Return the table, place and id of the first row that is not as `kind` wants it, and why."""
    try:
        tables = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        for name, hint in get_type_hints(kind).items():
            lists = [hint] if get_origin(hint) is list else get_args(hint)
            wanted = next((get_args(part)[0] for part in lists if get_origin(part) is list), None)
            if wanted is None or name not in tables:
                continue
            for place, row in enumerate(msgspec.json.decode(tables[name], type=list[msgspec.Raw])):
                try:
                    msgspec.json.decode(row, type=wanted)
                except msgspec.ValidationError as error:
                    number = msgspec.json.decode(row, type=dict[str, Any]).get("id")
                    return f"{name}[{place}] (id {number}): {error}"
    except BAD_JSON:  # a fault further on, of the text itself
        return None
    return None
