"""Where recordings come from, by what the user says: YouTube, or a mirror."""

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vpo_builder.fetching.connections import Network
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.dispatch import Dispatcher
from vpo_builder.fetching.fetch_errors import FetchReason
from vpo_builder.fetching.ledger import TRANSIENT, Kind, Ledger
from vpo_builder.fetching.mirror import ClipUrl, Mirror
from vpo_builder.fetching.settings import FetchSettings
from vpo_builder.fetching.shards import RECORDINGS
from vpo_builder.fetching.worklist import Fetching, RecordingSource
from vpo_builder.fetching.youtube import (
    AUDIO,
    VIDEO,
    Tool,
    YouTube,
    find_js_runtimes,
    usable_js_runtimes,
)
from vpo_builder.records import Reason
from vpo_builder.rendering.decoding import decoder_versions
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.version import VERSION


@dataclass(frozen=True)
class FetchOptions:
    """What a user says of fetching; without `clip_url`, recordings come from YouTube."""

    settings: FetchSettings
    clip_url: ClipUrl | None = None
    cookies: Path | None = None
    proxy: str = ""
    retry: str = ""


def open_fetching(
    kind: Kind, state: Path, options: FetchOptions, ledger: Ledger, cancellation: Cancellation
) -> Fetching:
    """Return what it takes to fetch clips or videos, with its files below `state`."""
    settings = options.settings
    network = settings.reach(settings.network.clip_seconds, options.proxy, cancellation)
    recordings = state / RECORDINGS
    recordings.mkdir(parents=True, exist_ok=True)
    source: RecordingSource
    if options.clip_url is None:
        tool = _tool(state, options, network)
        source = YouTube(recordings, tool, kind, AUDIO if kind == "clip" else VIDEO)
        per_hour = settings.rate.youtube_per_hour
    else:
        source = Mirror(
            options.clip_url, recordings, network, settings.network.max_clip_bytes, kind
        )
        per_hour = settings.rate.mirror_per_hour
    dispatcher = Dispatcher(source, ledger, settings.retry, settings.network.connections, per_hour)
    return Fetching(source, dispatcher, ledger, settings.retry.attempts)


def _tool(state: Path, options: FetchOptions, network: Network) -> Tool:
    """Return how yt-dlp is run; say so if it lacks what YouTube's players ask for."""
    runtimes = find_js_runtimes()
    usable = usable_js_runtimes(runtimes)
    if not usable:
        found = f"{', '.join(runtimes)} found, but too old" if runtimes else "none found"
        print(
            f"no JavaScript runtime for yt-dlp (deno, node, bun or quickjs: {found}): YouTube may "
            "offer little or nothing; install deno",
            file=sys.stderr,
        )
    cookies = options.cookies
    return Tool(
        "" if cookies is None else cookies.read_text(encoding="utf-8"),
        network.proxy,
        state / "yt-dlp-cache",
        network.idle_seconds,
        network.total_seconds,
        options.settings.network.max_clip_bytes,
        {name: runtimes[name] for name in usable},
        network.cancellation,
    )


def checked_retry(what: str | None) -> str:
    """Return a `--retry` argument, "" for none; raise InputError naming the choices."""
    choices = [TRANSIENT, *FetchReason, *(r for r in Reason if r.startswith("clip_"))]
    if what is not None and what not in choices:
        raise InputError(f"--retry {what}: choose one of {', '.join(choices)}")
    return what or ""


def tool_versions() -> dict[str, str]:
    """Return the versions of everything that has a hand in fetching."""
    versions = {"python": platform.python_version(), "avs-toolkit": VERSION, **decoder_versions()}
    for package in ("yt-dlp", "yt-dlp-ejs"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return versions
