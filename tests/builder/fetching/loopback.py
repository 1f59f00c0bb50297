"""A server on loopback that does as it is told: serves files whole, or fails in a scripted way."""

import contextlib
import email.utils
import hashlib
import re
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Behaviour = Callable[["Handler", bytes], None]


class Loopback(ThreadingHTTPServer):
    """Serves `files` (path -> bytes) and, instead, the next of `script[path]` while there is one.

    The last behaviour of a script stays. `requests` counts requests by path, `completed` those
    whose file was sent to its end, `ranges` keeps the Range headers seen.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.script: dict[str, list[Behaviour]] = {}
        self.requests: Counter[str] = Counter()
        self.completed: Counter[str] = Counter()
        self.ranges: list[tuple[str, str]] = []
        self.seconds_each = 0.0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add_corpus(self, sources: Path, packed: Path) -> None:
        """Serve `sources`/coco and `sources`/vggsound as the official servers and a mirror do.

        COCO's annotations become a zip, made at `packed`; clips have no ending in their URL.
        """
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((sources / "coco/annotations").iterdir()):
                archive.write(path, f"annotations/{path.name}")
        self.files["/coco/annotations.zip"] = packed.read_bytes()
        for part in ("train2017", "val2017"):
            self.add_folder(sources / "coco" / part, f"/coco/{part}")
        self.files["/vggsound.csv"] = (sources / "vggsound/vggsound.csv").read_bytes()
        for path in (sources / "vggsound/audios").iterdir():
            self.files[f"/clips/{path.stem}"] = path.read_bytes()

    @property
    def clip_url(self) -> str:
        return f"{self.url}/clips/{{id}}_{{start:06d}}"

    def settings(self) -> dict[str, object]:
        """Return the settings that make a build fetch everything from here, and in haste."""
        archive = self.files["/coco/annotations.zip"]
        return {
            "coco.url": f"{self.url}/coco",
            "coco.archive": "annotations.zip",
            "coco.archive_bytes": len(archive),
            "coco.archive_sha256": hashlib.sha256(archive).hexdigest(),
            "vggsound.url": f"{self.url}/vggsound.csv",
            "retry.backoff_seconds": 0.02,
            "network.idle_seconds": 0.5,
            "network.clip_seconds": 1.0,
        }

    def options(self) -> tuple[str, ...]:
        """Return the options of `vpo-build` for that."""
        sets = [f"fetch.{key}={value}" for key, value in self.settings().items()]
        pairs = (part for text in sets for part in ("--set", text))
        return ("--download", "--clip-url", self.clip_url, *pairs)

    def add_folder(self, folder: Path, prefix: str) -> None:
        """Serve every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.files[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()

    def next_behaviour(self, path: str) -> Behaviour:
        with self.lock:
            self.requests[path] += 1
            steps = self.script.get(path)
            if not steps:
                return whole
            return steps.pop(0) if len(steps) > 1 else steps[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Loopback

    def do_GET(self) -> None:
        self.close_connection = True
        path = unquote(urlsplit(self.path).path)
        self.asked = path
        if self.headers.get("Range"):
            self.server.ranges.append((path, self.headers["Range"]))
        self.server.closing.wait(self.server.seconds_each)
        behaviour = self.server.next_behaviour(path)
        behaviour(self, self.server.files.get(path, b""))

    def respond(self, status: int, headers: dict[str, Any], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""
        self.server.closing.wait(seconds)

    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""


def whole(handler: Handler, data: bytes) -> None:
    """Serve the file as a good server does, ranges included."""
    if handler.asked not in handler.server.files:
        handler.respond(404, {"Content-Length": 0})
        return
    serve(handler, data, ranges=True)


def serve(handler: Handler, data: bytes, *, ranges: bool, send: int | None = None) -> None:
    """Serve a file, or only `send` bytes of what is due, before hanging up."""
    etag = f'"{hash(data) & 0xFFFFFFFF:08x}"'
    headers: dict[str, Any] = {"ETag": etag} if ranges else {}
    wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    body, status = data, 200
    if ranges and wanted and handler.headers.get("If-Range") == etag:
        start = int(wanted[1])
        if start >= len(data):
            handler.respond(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": 0})
            return
        body, status = data[start:], 206
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    headers["Content-Length"] = len(body)
    handler.respond(status, headers, body if send is None else body[:send])
    if send is None:
        with handler.server.lock:
            handler.server.completed[handler.asked] += 1


def status(code: int, **headers: Any) -> Behaviour:
    """Answer with a status; `retry_after=3` becomes a header."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return lambda handler, _: handler.respond(code, {"Content-Length": 0, **named})


def cut(fraction: float = 0.5, *, ranges: bool = True) -> Behaviour:
    """Hang up after a part of the file, though its whole length was announced."""
    return lambda handler, data: serve(handler, data, ranges=ranges, send=int(fraction * len(data)))


def without_length(fraction: float = 1.0) -> Behaviour:
    """Announce no length, so that a cut cannot be told from the end."""

    def behave(handler: Handler, data: bytes) -> None:
        handler.respond(200, {"Connection": "close"}, data[: int(fraction * len(data))])

    return behave


def announcing(length: int) -> Behaviour:
    """Announce another length than the file has."""
    return lambda handler, data: handler.respond(200, {"Content-Length": length}, data)


def sending(body: bytes, content_type: str = "audio/wav") -> Behaviour:
    """Send other bytes than the file's."""
    headers = {"Content-Length": len(body), "Content-Type": content_type}
    return lambda handler, _: handler.respond(200, headers, body)


def redirect(location: str) -> Behaviour:
    """Send elsewhere."""
    return lambda handler, _: handler.respond(302, {"Location": location, "Content-Length": 0})


def drip(seconds_a_byte: float) -> Behaviour:
    """Send a byte at a time."""

    def behave(handler: Handler, data: bytes) -> None:
        handler.respond(200, {"Content-Length": len(data)})
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            handler.pause(seconds_a_byte)
            if handler.server.closing.is_set():
                return

    return behave


def drip_headers(seconds_a_byte: float) -> Behaviour:
    """Send the header a byte at a time, without end."""

    def behave(handler: Handler, data: bytes) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 60_000:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            handler.pause(seconds_a_byte)
            if handler.server.closing.is_set():
                return

    return behave


def hang(handler: Handler, data: bytes) -> None:
    """Accept the request and say nothing."""
    handler.pause(60)


def nonsense(handler: Handler, data: bytes) -> None:
    """Send what is no HTTP."""
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n\r\n")


def http_date(seconds_from_now: float) -> str:
    """Return a date as HTTP writes it."""
    return email.utils.formatdate(time.time() + seconds_from_now, usegmt=True)


def refused_url() -> str:
    """Return a URL at which nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_address[1]}"


@contextlib.contextmanager
def running() -> Iterator[Loopback]:
    """Yield a server that answers until the block ends."""
    server = Loopback()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
