"""Runs yt-dlp for one video in a process of its own, as `python -m` with this module's name.

The process can be killed when its time is up, whatever it hangs in, and what yt-dlp leaks or
changes goes with it. The request comes as a line of JSON, the answer goes back as one. It ends
when its input does: then whoever asked is gone.
"""

import errno
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class VideoRequest:
    """What to fetch: a URL, with extractors of these names only, into `folder` as `name`."""

    url: str
    extractors: list[str]
    formats: str
    folder: str
    name: str
    max_bytes: int
    idle_seconds: float
    cookies: str
    proxy: str
    cache: str
    ffmpeg: str
    js_runtimes: dict[str, dict[str, str]]


@dataclass(frozen=True)
class VideoAnswer:
    """The file that came, or the error; `warnings` are yt-dlp's own."""

    path: str = ""
    error: str = ""
    errno: int = 0
    warnings: list[str] = field(default_factory=list)


class _TooLargeError(Exception):
    pass


class _Messages:
    """A logger that keeps warnings and errors, and prints nothing."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def debug(self, message: str) -> None:
        """Take no notice."""

    def warning(self, message: str) -> None:
        """Keep a warning."""
        self.warnings.append(message[:500])

    def error(self, message: str) -> None:
        """Keep an error."""
        self.errors.append(message[:2000])


def fetch(request: VideoRequest) -> VideoAnswer:
    """Fetch a video with yt-dlp and return what came of it."""
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import DownloadError

    messages = _Messages()
    try:
        with YoutubeDL(options(request, messages)) as downloader:
            info = downloader.extract_info(request.url, download=True)
    except DownloadError as error:
        number = max((_disk_errno(cause) for cause in _causes(error)), default=0)
        return VideoAnswer(error=str(error), errno=number, warnings=messages.warnings)
    except _TooLargeError:
        return VideoAnswer(error="larger than max-filesize", warnings=messages.warnings)
    except OSError as error:
        return VideoAnswer(error=str(error), errno=_disk_errno(error), warnings=messages.warnings)
    done = (info or {}).get("requested_downloads") or [{}]
    path = done[0].get("filepath", "")
    if not path or not Path(path).is_file():
        said = "; ".join(messages.errors) or "larger than max-filesize, or nothing came"
        return VideoAnswer(error=said, warnings=messages.warnings)
    return VideoAnswer(path=path, warnings=messages.warnings)


def options(request: VideoRequest, messages: Any) -> dict[str, Any]:
    """Return yt-dlp's options: nothing of the user's own configuration, nothing printed."""

    def refuse_large(progress: dict[str, Any]) -> None:
        if (progress.get("downloaded_bytes") or 0) > request.max_bytes:
            raise _TooLargeError

    folder = request.folder.replace("%", "%%")
    return {
        "format": request.formats,
        "outtmpl": {"default": f"{folder}/{request.name}.%(ext)s"},
        "allowed_extractors": request.extractors,
        "js_runtimes": request.js_runtimes,
        "cachedir": request.cache,
        "cookiefile": io.StringIO(request.cookies) if request.cookies else None,  # a copy
        "proxy": request.proxy or None,
        "socket_timeout": request.idle_seconds,
        "max_filesize": request.max_bytes,
        "progress_hooks": [refuse_large],
        "ffmpeg_location": request.ffmpeg,
        "logger": messages,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "noplaylist": True,
        "playlist_items": "1",
        "fixup": "never",
        "updatetime": False,
        "continuedl": True,
        "overwrites": True,
        "retries": 1,  # attempts are counted and written down by whoever asks
        "fragment_retries": 3,
        "extractor_retries": 1,
        "file_access_retries": 0,
        "skip_unavailable_fragments": False,
        "warn_when_outdated": False,
    }


def _causes(error: Any) -> Iterator[BaseException]:
    """Yield an error of yt-dlp and those that it was made of."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        item = waiting.pop()
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            waiting += [*(getattr(item, "exc_info", None) or ()), getattr(item, "cause", None)]
            waiting += [item.__cause__, item.__context__]


def _disk_errno(error: BaseException | None) -> int:
    """Return the number of an error of the disk, 0 for any other."""
    number = error.errno if isinstance(error, OSError) else None
    return number if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else 0


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Answer the one request on standard input."""
    os.environ["YTDLP_NO_PLUGINS"] = "1"
    request = VideoRequest(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_input, daemon=True).start()
    answer = fetch(request)
    sys.stdout.write(json.dumps(asdict(answer)) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
