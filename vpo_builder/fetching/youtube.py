"""Clips and videos from YouTube, through yt-dlp in a process of its own for each."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vpo_builder.fetching.connections import CancelledError
from vpo_builder.fetching.content import recording_suffix
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.fetch_errors import FetchError, FetchReason
from vpo_builder.fetching.http import HEAD_BYTES, Receipt
from vpo_builder.fetching.ledger import Kind
from vpo_builder.fetching.mirror import clip_parts
from vpo_builder.fetching.youtube_process import VideoAnswer, VideoRequest
from vpo_builder.runtime.errors import NO_SPACE
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program
from vpo_builder.runtime.whole_files import flush, state_change

WATCH = "https://www.youtube.com/watch?v="
AUDIO = "bestaudio/best"
VIDEO = "best[height<=720]/bestvideo[height<=720]+bestaudio/best/bestvideo+bestaudio"
ANSWER, MESSAGES = "answer.json", "messages.txt"
JS_RUNTIMES = {"deno": "deno", "node": "node", "bun": "bun", "quickjs": "qjs"}
"""yt-dlp's names of the JavaScript runtimes that it can use, and their programs."""


@dataclass(frozen=True)
class Tool:
    """How yt-dlp is run: with which cookies (a text), proxy, cache and limits."""

    cookies: str
    proxy: str
    cache: Path
    idle_seconds: float
    total_seconds: float
    max_bytes: int
    js_runtimes: Mapping[str, str]
    cancellation: Cancellation


@dataclass(frozen=True)
class YouTube:
    """Fetches whole recordings or videos into `folder`; a record begins with the YouTube id.

    `watch` and `extractors` are for tests: a server of their own, and yt-dlp's generic extractor.
    """

    folder: Path
    tool: Tool
    kind: Kind = "clip"
    formats: str = AUDIO
    watch: str = WATCH
    extractors: tuple[str, ...] = ("youtube",)
    name: str = field(default="youtube", init=False)
    whole_videos: bool = field(default=True, init=False)

    @property
    def cancellation(self) -> Cancellation:
        """What cancels its exchanges."""
        return self.tool.cancellation

    def fetch(self, record: str) -> Receipt:
        """See Source. yt-dlp says nothing when a transfer ends early, so no length is known."""
        partial = self.folder / f".{record}.partial"
        partial.mkdir(parents=True, exist_ok=True)
        answer = run_tool(self._request(record, partial), partial, self.tool)
        path = Path(answer.path)
        with path.open("rb") as file:
            suffix = recording_suffix(file.read(HEAD_BYTES))
        size = path.stat().st_size
        target = self.folder / f"{record}{suffix}"
        flush(path)
        state_change("video whole")
        path.replace(target)
        flush(self.folder)
        state_change("video named")
        shutil.rmtree(partial, ignore_errors=True)
        return Receipt(target, size, length_known=False)

    def _request(self, record: str, partial: Path) -> VideoRequest:
        tool = self.tool
        youtube_id, _ = clip_parts(record)
        return VideoRequest(
            url=self.watch + youtube_id,
            extractors=list(self.extractors),
            formats=self.formats,
            folder=str(partial.resolve()),
            name="video",
            max_bytes=tool.max_bytes,
            idle_seconds=tool.idle_seconds,
            cookies=tool.cookies,
            proxy=tool.proxy,
            cache=str(tool.cache),
            ffmpeg=ffmpeg_program(),
            js_runtimes={name: {"path": path} for name, path in tool.js_runtimes.items()},
        )


def run_tool(request: VideoRequest, folder: Path, tool: Tool) -> VideoAnswer:
    """Run yt-dlp and return the answer. Raises FetchError, CancelledError, and OSError for no room.

    When time is up, or the work is called off, the process and all that it started are killed.
    """
    child = _Child(request, folder)
    tool.cancellation.enter(child)
    try:
        in_time = child.wait(tool.total_seconds)
    finally:
        tool.cancellation.leave(child)
        child.end()
    if tool.cancellation.cancelled:
        raise CancelledError
    if not in_time:
        raise FetchError(FetchReason.TIMED_OUT, f"not done after {tool.total_seconds:g} s")
    try:
        answer = VideoAnswer(**json.loads((folder / ANSWER).read_bytes()))
    except ValueError:
        said = (folder / MESSAGES).read_text(errors="replace").strip()[-300:]
        raise FetchError(FetchReason.EXTRACTION_FAILED, f"yt-dlp ended: {said}") from None
    if answer.errno in NO_SPACE:
        raise OSError(answer.errno, os.strerror(answer.errno), str(folder))
    if answer.error:
        raise FetchError(reason_of(answer.error), answer.error[:300])
    return answer


class _Child:
    """The process, in a group of its own so that what it starts ends with it."""

    def __init__(self, request: VideoRequest, folder: Path) -> None:
        with (folder / ANSWER).open("wb") as answer, (folder / MESSAGES).open("wb") as messages:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vpo_builder.fetching.youtube_process"],
                stdin=subprocess.PIPE,
                stdout=answer,
                stderr=messages,
                start_new_session=True,
            )
        self._request = json.dumps(asdict(request)).encode() + b"\n"

    def wait(self, seconds: float) -> bool:
        """Hand over the request; tell whether the process ended in time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(self._request)
            self._process.stdin.flush()
            self._process.wait(seconds)
        except BrokenPipeError:
            return True
        except subprocess.TimeoutExpired:
            return False
        return True

    def cut(self) -> None:
        """Kill the process and all that it started, if it still runs."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Leave nothing behind."""
        self.cut()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()


def find_js_runtimes() -> dict[str, str]:
    """Return the JavaScript runtimes on this machine, by yt-dlp's names."""
    found = {name: shutil.which(program) for name, program in JS_RUNTIMES.items()}
    return {name: path for name, path in found.items() if path is not None}


def usable_js_runtimes(runtimes: Mapping[str, str]) -> list[str]:
    """Return those of the runtimes that are new enough for the yt-dlp that is installed."""
    from yt_dlp.globals import supported_js_runtimes

    usable = []
    for name, path in runtimes.items():
        kind = supported_js_runtimes.value.get(name)
        info = kind(path).info if kind is not None else None
        if info is not None and info.supported:
            usable.append(name)
    return usable


_PATTERNS: tuple[tuple[FetchReason, str], ...] = (
    (FetchReason.BOT_CHECK, r"not a (?:ro)?bot|unusual traffic|IP is likely being blocked"),
    (FetchReason.RATE_LIMITED, r"HTTP Error 429|Too Many Requests|rate-limited by YouTube"),
    (FetchReason.TRY_LATER, r"try again later|is not available on this app"),
    (FetchReason.AGE_GATED, r"confirm your age|age.restricted|inappropriate for some users"),
    (FetchReason.ACCOUNT_TERMINATED, r"(?:account|channel)[^.]*terminated|account[^.]*closed"),
    (
        FetchReason.GEO_BLOCKED,
        r"(?:available|blocked)[^.]*in your country|blocked[^.]*copyright grounds"
        r"|from your location|geo.?restrict",
    ),
    (FetchReason.VIDEO_PRIVATE, r"private video|video is private"),
    (
        FetchReason.MEMBERS_ONLY,
        r"members.only|join this channel|channel's members|requires? payment|rent or buy"
        r"|requires? purchase",
    ),
    (
        FetchReason.VIDEO_REMOVED,
        r"has been removed|removed by the (?:uploader|user)|no longer available"
        r"|isn.t available any ?more|copyright claim|violat|does not exist|incomplete YouTube ID"
        r"|video unavailable\s*(?:$|[.;]\s*$)",
    ),
    (FetchReason.TOO_LARGE, r"larger than max-filesize"),
    (FetchReason.FORBIDDEN, r"HTTP Error 40[13]"),
    (FetchReason.NOT_FOUND, r"HTTP Error 404"),
    (FetchReason.GONE, r"HTTP Error 410"),
    (FetchReason.SERVER_ERROR, r"HTTP Error 5\d\d"),
    (FetchReason.REQUEST_REFUSED, r"HTTP Error 4\d\d"),
    (
        FetchReason.DNS,
        r"name resolution|name or service not known|getaddrinfo|failed to resolve|nodename nor",
    ),
    (FetchReason.CONNECTION_REFUSED, r"connection refused"),
    (FetchReason.TLS_FAILED, r"CERTIFICATE_VERIFY_FAILED|\[SSL|SSL:"),
    (FetchReason.TIMED_OUT, r"timed out|time-?out"),
    (
        FetchReason.CONNECTION_LOST,
        r"connection (?:reset|aborted)|incompleteread|remote end closed|more expected"
        r"|did not get any data|content ?too ?short|unable to download video data"
        r"|bad status line|connection broken",
    ),
    (
        FetchReason.NO_FORMAT,
        r"requested format is not available|no video formats|only images are available"
        r"|unsupported url",
    ),
    (FetchReason.TRY_LATER, r"not available|unavailable|premieres? in|live event|is live|offline"),
)
_COMPILED = tuple((reason, re.compile(text, re.I)) for reason, text in _PATTERNS)


def reason_of(text: str) -> FetchReason:
    """Return what an error's text says."""
    plain = text.replace("\u2019", "'").strip()
    found = (reason for reason, pattern in _COMPILED if pattern.search(plain))
    return next(found, FetchReason.EXTRACTION_FAILED)
