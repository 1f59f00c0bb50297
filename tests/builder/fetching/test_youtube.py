"""YouTube itself is not reached: yt-dlp's generic extractor takes its place, on loopback."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.builder.fetching import loopback
from tests.builder.fetching.loopback import Behaviour, Loopback
from tests.builder.small_corpus import tone
from vpo_builder.fetching.connections import CancelledError
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.fetch_errors import FetchError, FetchReason
from vpo_builder.fetching.fetch_request import FetchOptions, open_fetching
from vpo_builder.fetching.ledger import Ledger
from vpo_builder.fetching.settings import load_fetch_settings
from vpo_builder.fetching.youtube import (
    Tool,
    YouTube,
    find_js_runtimes,
    reason_of,
    usable_js_runtimes,
)
from vpo_builder.rendering.decoding import Excerpt, decode

RECORD = "-0pJqpNjft4_000003"

TEXTS = {
    FetchReason.VIDEO_REMOVED: [
        "ERROR: [youtube] x: Video unavailable",
        "ERROR: [youtube] x: Video unavailable. This video has been removed by the uploader",
        "[youtube] x: Video unavailable. This video is no longer available due to a copyright "
        "claim by Someone",
        "This video has been removed for violating YouTube's Terms of Service",
        "[youtube] x: Video unavailable. This video isn\u2019t available anymore",
    ],
    FetchReason.VIDEO_PRIVATE: [
        "[youtube] x: Private video. Sign in if you've been granted access to this video. Use "
        "--cookies-from-browser or --cookies for the authentication.",
        "[youtube] x: Video unavailable. This video is private",
    ],
    FetchReason.ACCOUNT_TERMINATED: [
        "[youtube] x: Video unavailable. This video is no longer available because the YouTube "
        "account associated with this video has been terminated.",
    ],
    FetchReason.GEO_BLOCKED: [
        "[youtube] x: The uploader has not made this video available in your country\n"
        "This video is available in Germany. You might want to use a VPN",
        "[youtube] x: Video unavailable. This video contains content from X, who has blocked it "
        "in your country on copyright grounds",
    ],
    FetchReason.AGE_GATED: [
        "[youtube] x: Sign in to confirm your age. This video may be inappropriate for some users.",
    ],
    FetchReason.MEMBERS_ONLY: [
        "[youtube] x: Join this channel to get access to members-only content like this video",
    ],
    FetchReason.BOT_CHECK: [
        "[youtube] x: Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser",
    ],
    FetchReason.TRY_LATER: [
        "[youtube] x: Video unavailable. This content isn\u2019t available, try again later.",
        "[youtube] x: This video is not available",
        "[youtube] x: Premieres in 3 hours",
    ],
    FetchReason.RATE_LIMITED: [
        "[youtube] x: Unable to download API page: HTTP Error 429: Too Many Requests",
        "[youtube] x: The current session has been rate-limited by YouTube for up to an hour.",
    ],
    FetchReason.FORBIDDEN: ["unable to download video data: HTTP Error 403: Forbidden"],
    FetchReason.SERVER_ERROR: ["[youtube] x: HTTP Error 503: Service Unavailable"],
    FetchReason.TIMED_OUT: ["[youtube] x: Unable to download webpage: Read timed out."],
    FetchReason.DNS: ["<urlopen error [Errno -3] Temporary failure in name resolution>"],
    FetchReason.CONNECTION_REFUSED: ["[Errno 111] Connection refused"],
    FetchReason.CONNECTION_LOST: ["('Connection broken: IncompleteRead(5 bytes read, 9 more', x)"],
    FetchReason.NO_FORMAT: ["[youtube] x: Requested format is not available. Use --list-formats"],
    FetchReason.EXTRACTION_FAILED: ["[youtube] x: something nobody has seen before"],
}


@pytest.mark.parametrize("reason", TEXTS)
def test_an_error_text_means_its_reason(reason: FetchReason) -> None:
    for text in TEXTS[reason]:
        assert reason_of(text) is reason, text


def test_only_what_is_gone_is_permanent() -> None:
    permanent = {reason for reason in TEXTS if reason.permanent}
    assert permanent == {
        FetchReason.VIDEO_REMOVED,
        FetchReason.VIDEO_PRIVATE,
        FetchReason.ACCOUNT_TERMINATED,
        FetchReason.GEO_BLOCKED,
        FetchReason.AGE_GATED,
        FetchReason.MEMBERS_ONLY,
    }


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback.running() as running:
        yield running


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twenty seconds of sound, of which each has its own pitch."""
    path = tmp_path_factory.mktemp("video") / "video.flac"
    sound = np.concatenate([tone(1.0, 200.0 + 50 * second, 44_100) for second in range(20)])
    soundfile.write(path, sound, 44_100)
    return path.read_bytes()


def youtube(server: Loopback, tmp_path: Path, **changes: object) -> YouTube:
    tool = Tool("", "", tmp_path / "cache", 2.0, 30.0, 1 << 24, {}, Cancellation())
    changed = replace(tool, **changes)  # type: ignore[arg-type]
    return YouTube(tmp_path, changed, watch=f"{server.url}/watch/", extractors=("generic",))


def test_a_recording_comes_whole_and_its_excerpt_is_exact(
    server: Loopback, tmp_path: Path, video: bytes
) -> None:
    server.files[f"/watch/{RECORD[:11]}"] = video
    server.script[f"/watch/{RECORD[:11]}"] = [loopback.sending(video, "audio/flac")]
    receipt = youtube(server, tmp_path).fetch(RECORD)
    assert receipt.path == tmp_path / f"{RECORD}.flac"
    assert receipt.path.read_bytes() == video
    assert [path.name for path in tmp_path.iterdir()] == [receipt.path.name]
    whole, excerpt = decode(receipt.path), decode(receipt.path, Excerpt(3, 10.0))
    assert np.array_equal(excerpt.mono, whole.mono[3 * 44_100 : 13 * 44_100])
    assert excerpt.announced_seconds == 10.0
    late = decode(receipt.path, Excerpt(15, 10.0))
    assert (late.seconds, late.announced_seconds) == (5.0, pytest.approx(5.0, abs=0.02))
    beyond = decode(receipt.path, Excerpt(25, 10.0))
    assert (beyond.seconds, beyond.announced_seconds) == (0.0, 0.0)


HOSTILE: dict[str, tuple[Behaviour, set[FetchReason]]] = {
    "404": (loopback.status(404), {FetchReason.NOT_FOUND}),
    "429": (loopback.status(429), {FetchReason.RATE_LIMITED}),
    "500": (loopback.status(500), {FetchReason.SERVER_ERROR}),
    "page": (
        loopback.sending(b"<html><body>Sign in</body></html>", "text/html"),
        {FetchReason.NO_FORMAT},
    ),
    "hang": (loopback.hang, {FetchReason.TIMED_OUT}),
    "cut": (loopback.cut(0.5, ranges=False), {FetchReason.CONNECTION_LOST}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_failure_ends_in_its_reason(
    server: Loopback, tmp_path: Path, video: bytes, name: str
) -> None:
    behaviour, reasons = HOSTILE[name]
    server.files[f"/watch/{RECORD[:11]}"] = video
    server.script[f"/watch/{RECORD[:11]}"] = [behaviour]
    with pytest.raises(FetchError) as caught:
        youtube(server, tmp_path, idle_seconds=0.5).fetch(RECORD)
    assert caught.value.reason in reasons, caught.value
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(RECORD)]


def test_time_is_up_for_a_slow_drip_and_cancelling_ends_the_process(
    server: Loopback, tmp_path: Path, video: bytes
) -> None:
    server.files[f"/watch/{RECORD[:11]}"] = video
    server.script[f"/watch/{RECORD[:11]}"] = [loopback.drip(0.05)]
    with pytest.raises(FetchError) as caught:
        youtube(server, tmp_path, total_seconds=1.5).fetch(RECORD)
    assert caught.value.reason is FetchReason.TIMED_OUT
    source = youtube(server, tmp_path)
    threading.Timer(0.5, source.cancellation.cancel).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        source.fetch(RECORD)
    assert time.monotonic() - began < 10


def test_too_large_a_video_is_not_taken(server: Loopback, tmp_path: Path, video: bytes) -> None:
    server.script[f"/watch/{RECORD[:11]}"] = [loopback.sending(video, "audio/flac")]
    with pytest.raises(FetchError) as caught:
        youtube(server, tmp_path, max_bytes=10_000).fetch(RECORD)
    assert caught.value.reason is FetchReason.TOO_LARGE


def test_no_room_is_no_fault_of_the_video(
    server: Loopback, tmp_path: Path, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script[f"/watch/{RECORD[:11]}"] = [loopback.sending(video, "audio/flac")]
    limited = tmp_path / "python"
    limited.write_text(f'#!/bin/sh\nulimit -f 100\nexec {sys.executable} "$@"\n')
    limited.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(limited))
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        youtube(server, tmp_path).fetch(RECORD)


def test_the_users_own_configuration_and_plugins_are_left_alone(tmp_path: Path) -> None:
    plugin = tmp_path / "config/yt-dlp/plugins/mine/yt_dlp_plugins/extractor"
    plugin.mkdir(parents=True)
    (plugin / "mine.py").write_text(f"open({str(tmp_path / 'plugin ran')!r}, 'w')\n")
    (tmp_path / "config/yt-dlp/config").write_text("--exec 'touch ran'\n--version\n")
    request = {
        "url": "http://127.0.0.1:9/x",
        "extractors": ["generic"],
        "formats": "best",
        "folder": str(tmp_path),
        "name": "video",
        "max_bytes": 1000,
        "idle_seconds": 1.0,
        "cookies": "",
        "proxy": "",
        "cache": str(tmp_path / "cache"),
        "ffmpeg": "ffmpeg",
        "js_runtimes": {},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "vpo_builder.fetching.youtube_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)},
        start_new_session=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert reason_of(answer["error"]) is FetchReason.CONNECTION_REFUSED
    process.stdin.close()
    process.stdout.close()
    process.wait()
    assert not (tmp_path / "plugin ran").exists()


def test_runtimes_that_are_too_old_are_not_used(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path, version in ((old, "v12.0.0"), (new, "v99.0.0")):
        path.write_text(f"#!/bin/sh\necho {version}\n")
        path.chmod(0o755)
    assert usable_js_runtimes({"node": str(old)}) == []
    assert usable_js_runtimes({"node": str(new)}) == ["node"]
    assert set(find_js_runtimes()) <= {"deno", "node", "bun", "quickjs"}


def test_the_absence_of_a_runtime_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = FetchOptions(load_fetch_settings())
    with Ledger(tmp_path / "ledger.sqlite", {}) as ledger:
        fetching = open_fetching("clip", tmp_path, options, ledger, Cancellation())
    assert fetching.source.name == "youtube"
    said = capfd.readouterr().err
    assert "no JavaScript runtime for yt-dlp (deno, node, bun or quickjs: none found)" in said
