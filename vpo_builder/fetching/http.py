"""Downloads one file over HTTP: completely and checked, or not at all, within a time limit.

What has arrived stays beside the target as a part. It is continued with a Range request if the
server named a validator by which it can tell that the file is still the same (RFC 9110, 13.1.5).
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path

from vpo_builder.fetching.connections import (
    CancelledError,
    Network,
    exchange,
    network_errors,
    time_is_up,
)
from vpo_builder.fetching.deadline import Deadline
from vpo_builder.fetching.fetch_errors import FetchError, FetchReason
from vpo_builder.runtime.whole_files import flush, state_change, write_atomically

BLOCK_BYTES = 1 << 16
HEAD_BYTES = 512
"""So much of a file tells what it is."""
CONTINUED = frozenset(
    {FetchReason.CONNECTION_LOST, FetchReason.TIMED_OUT, FetchReason.CONNECTION_REFUSED}
    | {FetchReason.RATE_LIMITED, FetchReason.SERVER_ERROR, FetchReason.DNS}
)
"""After these, what is held is still a beginning of the file."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


@dataclass(frozen=True)
class Origin:
    """Where a part comes from; `validator` is the ETag or date by which the server knows it."""

    url: str
    validator: str
    total_bytes: int


class Part:
    """The file `.NAME.part` beside a target, and `.NAME.part.json` that says what it is of."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    def resumable(self, url: str) -> tuple[int, Origin] | None:
        """Return the bytes held and their origin, None if they cannot be continued."""
        try:
            origin = Origin(**json.loads(self._note.read_bytes()))
            held = self.path.stat().st_size
        except (OSError, ValueError, TypeError):
            return None
        usable = origin.url == url and 0 < held < origin.total_bytes
        return (held, origin) if usable else None

    def begin(self, origin: Origin | None) -> None:
        """Forget what is held; `origin` is given if the server lets a download be resumed."""
        self.drop()
        if origin is not None:
            write_atomically(self._note, json.dumps(asdict(origin)).encode())

    def finish(self, target: Path) -> None:
        """Flush what has arrived to the disk and give it its name."""
        flush(self.path)
        state_change("download whole")
        self.path.replace(target)
        flush(target.parent)
        state_change("download named")
        self._note.unlink(missing_ok=True)

    def drop(self) -> None:
        """Remove what is held."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


@dataclass(frozen=True)
class Download:
    """A file to fetch to `target`.

    `identify` gets the first bytes of what came and returns the suffix that the target's name
    gets, or raises FetchError if it is not what was asked for.
    """

    url: str
    target: Path
    identify: Callable[[bytes], str]
    max_bytes: int
    expected_bytes: int | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Receipt:
    """A file that has come completely; `length_known` is False if the server never told it."""

    path: Path
    size_bytes: int
    length_known: bool


def download(task: Download, network: Network) -> Receipt:
    """Fetch a file and return where it lies.

    Raises FetchError naming what went wrong, CancelledError, and OSError for the disk's own
    errors.
    """
    part = Part(task.target)
    held = part.resumable(task.url)
    headers = {"Accept-Encoding": "identity"}
    if held is not None:
        headers |= {"Range": f"bytes={held[0]}-", "If-Range": held[1].validator}
    try:
        with exchange(task.url, headers, network) as (response, deadline):
            total = _begin(part, held, response, task)
            state_change("download begun")
            size = _receive(part, response, deadline, network, task, total)
    except FetchError as error:
        if error.reason not in CONTINUED:
            part.drop()
        raise
    try:
        _check(part.path, size, task)
        target = task.target.with_name(task.target.name + task.identify(_head(part.path)))
    except FetchError:
        part.drop()
        raise
    part.finish(target)
    return Receipt(target, size, total is not None)


def _begin(
    part: Part, held: tuple[int, Origin] | None, response: HTTPResponse, task: Download
) -> int | None:
    """Make the part hold what comes before the response's body; return the file's length."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() and len(length) < 19 else None
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        if held is None or (found := _continued(response, held)) is None:
            part.drop()
            raise FetchError(FetchReason.BAD_RESPONSE, "a part that was not asked for")
        total = found
    else:
        validator = _validator(response.headers)
        part.begin(Origin(task.url, validator, total) if validator and total else None)
    _refuse_length(total, task)
    return total


def _continued(response: HTTPResponse, held: tuple[int, Origin]) -> int | None:
    """Return the file's length if the response continues what is held, else None."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        return None
    start, end, total = (int(number) for number in match.groups())
    fits = start == held[0] and end == total - 1 and total == held[1].total_bytes
    return total if fits else None


def _refuse_length(total: int | None, task: Download) -> None:
    if total is None:
        return
    if total > task.max_bytes:
        raise _too_large(task)
    if task.expected_bytes is not None and total != task.expected_bytes:
        raise FetchError(FetchReason.WRONG_LENGTH, f"{total} bytes, expected {task.expected_bytes}")


def _receive(
    part: Part,
    response: HTTPResponse,
    deadline: Deadline,
    network: Network,
    task: Download,
    total: int | None,
) -> int:
    """Append the body to the part; return the bytes held. Raises FetchError if it is cut short."""
    with part.path.open("ab") as file:
        size = file.tell()
        while True:
            with network_errors(deadline, network):
                block = response.read1(BLOCK_BYTES)
            if not block:
                break
            size += len(block)
            if size > task.max_bytes:
                raise _too_large(task)
            file.write(block)
    if network.cancellation.cancelled:
        raise CancelledError
    if deadline.expired:
        raise time_is_up(network)
    if total is not None and size != total:
        raise FetchError(FetchReason.CONNECTION_LOST, f"cut after {size} of {total} bytes")
    return size


def _check(path: Path, size: int, task: Download) -> None:
    if task.expected_bytes is not None and size != task.expected_bytes:
        raise FetchError(FetchReason.WRONG_LENGTH, f"{size} bytes, expected {task.expected_bytes}")
    if not size:
        raise FetchError(FetchReason.WRONG_LENGTH, "no bytes")
    if task.sha256:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != task.sha256:
            raise FetchError(
                FetchReason.WRONG_SHA256, f"sha256 {found[:12]}…, expected {task.sha256[:12]}…"
            )


def _validator(headers: Message) -> str:
    """Return a strong ETag or the date of the last change, "" if the server gives neither."""
    if headers.get("Accept-Ranges", "").lower() == "none":
        return ""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _too_large(task: Download) -> FetchError:
    return FetchError(FetchReason.TOO_LARGE, f"more than {task.max_bytes} bytes")
