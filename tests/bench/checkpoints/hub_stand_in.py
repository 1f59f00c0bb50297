"""A stand-in of a model hub on loopback: what huggingface_hub asks of one to fetch a file."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""The only commit of every repository; "main" and "v1" point to it."""
REVISIONS = {"main", "v1", COMMIT}


class StandIn:
    """Repositories by name, each a folder's files by path; notes what it is asked for."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.fails = False
        self.address = ""

    def add(self, repository: str, folder: Path) -> None:
        """Serve a folder's files."""
        files = (path for path in folder.rglob("*") if path.is_file())
        self.repositories[repository] = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in files
        }

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of a path."""
        self.asked.append(path)
        if self.fails:
            return 500, {}, b""
        owner, name, _, revision, file = path.lstrip("/").split("/", 4)
        files = self.repositories.get(f"{owner}/{name}")
        if files is None:
            return 401, {"X-Error-Code": "RepoNotFound"}, b""
        if name.startswith("gated"):
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if revision not in REVISIONS:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if file not in files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
        tag = hashlib.sha256(files[file]).hexdigest()
        return 200, {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"'}, files[file]


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Serve until the block ends."""
    hub = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 -- http.server's name

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
