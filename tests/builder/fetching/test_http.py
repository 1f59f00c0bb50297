import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.builder.fetching import loopback
from tests.builder.fetching.loopback import Behaviour, Loopback
from tests.builder.small_corpus import tone
from vpo_builder.fetching.connections import CancelledError, Network
from vpo_builder.fetching.content import image, recording_suffix, table, zip_archive
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.fetch_errors import FetchError, FetchReason
from vpo_builder.fetching.http import Download, Receipt, download

PATIENCE = Network(idle_seconds=0.5, total_seconds=1.0)
HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback.running() as running:
        yield running


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("recording") / "clip.wav"
    soundfile.write(path, tone(2.0), 16_000)
    return path.read_bytes()


def fetch(
    server: Loopback, tmp_path: Path, network: Network = PATIENCE, **options: object
) -> Receipt:
    task = Download(f"{server.url}/clip", tmp_path / "clip", recording_suffix, 1 << 20)
    return download(Download(**(vars(task) | options)), network)  # type: ignore[arg-type]


HOSTILE: dict[str, tuple[Behaviour, FetchReason]] = {
    "404": (loopback.status(404), FetchReason.NOT_FOUND),
    "410": (loopback.status(410), FetchReason.GONE),
    "403": (loopback.status(403), FetchReason.FORBIDDEN),
    "429": (loopback.status(429), FetchReason.RATE_LIMITED),
    "429 with Retry-After": (loopback.status(429, retry_after=7), FetchReason.RATE_LIMITED),
    "500": (loopback.status(500), FetchReason.SERVER_ERROR),
    "418": (loopback.status(418), FetchReason.REQUEST_REFUSED),
    "cut after half, with ranges": (loopback.cut(), FetchReason.CONNECTION_LOST),
    "cut after half, without": (loopback.cut(ranges=False), FetchReason.CONNECTION_LOST),
    "too long an announcement": (loopback.announcing(1 << 19), FetchReason.CONNECTION_LOST),
    "too large an announcement": (loopback.announcing(1 << 40), FetchReason.TOO_LARGE),
    "wrong bytes": (loopback.sending(b"\0garbage" * 50), FetchReason.WRONG_CONTENT),
    "no bytes": (loopback.sending(b""), FetchReason.WRONG_LENGTH),
    "an HTML page": (loopback.sending(HTML), FetchReason.HTML_PAGE),
    "another host": (loopback.redirect("http://localhost/clip"), FetchReason.REDIRECT_REFUSED),
    "another scheme": (loopback.redirect("file:///etc/passwd"), FetchReason.REDIRECT_REFUSED),
    "no place": (loopback.redirect("http://[bad/"), FetchReason.BAD_RESPONSE),
    "itself": (loopback.redirect("/clip"), FetchReason.REDIRECT_REFUSED),
    "slow drip": (loopback.drip(0.1), FetchReason.TIMED_OUT),
    "slow headers": (loopback.drip_headers(0.1), FetchReason.TIMED_OUT),
    "hang before headers": (loopback.hang, FetchReason.TIMED_OUT),
    "not HTTP": (loopback.nonsense, FetchReason.BAD_RESPONSE),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_ends_in_its_reason_and_in_time(
    server: Loopback, tmp_path: Path, recording: bytes, name: str
) -> None:
    behaviour, reason = HOSTILE[name]
    server.files["/clip"] = recording
    server.script["/clip"] = [behaviour]
    began = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(server, tmp_path)
    assert time.monotonic() - began < 8.0
    assert caught.value.reason is reason, caught.value
    assert not (tmp_path / "clip.wav").exists()


def test_what_cannot_be_reached_ends_in_its_reason(server: Loopback, tmp_path: Path) -> None:
    for url, reason in (
        (server.url.replace("http:", "https:"), FetchReason.TLS_FAILED),
        (loopback.refused_url(), FetchReason.CONNECTION_REFUSED),
        ("http://no-such-host.invalid", FetchReason.DNS),
        ("ftp://127.0.0.1/clip", FetchReason.REQUEST_REFUSED),
        ("file:///etc/passwd", FetchReason.REQUEST_REFUSED),
        ("http://127.0.0.1:port/clip", FetchReason.REQUEST_REFUSED),
    ):
        with pytest.raises(FetchError) as caught:
            download(Download(url, tmp_path / "clip", recording_suffix, 1000), PATIENCE)
        assert caught.value.reason is reason, caught.value


def test_what_comes_is_named_by_what_it_is(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    receipt = fetch(server, tmp_path)
    assert receipt == Receipt(tmp_path / "clip.wav", len(recording), length_known=True)
    assert receipt.path.read_bytes() == recording
    assert [path.name for path in tmp_path.iterdir()] == ["clip.wav"]


def test_a_file_of_unknown_length_is_said_to_be_one(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    server.script["/clip"] = [loopback.without_length(0.5)]
    receipt = fetch(server, tmp_path)
    assert not receipt.length_known
    assert receipt.size_bytes == len(recording) // 2


def test_a_cut_download_goes_on_where_it_was_cut(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    server.script["/clip"] = [loopback.cut(), loopback.whole]
    with pytest.raises(FetchError):
        fetch(server, tmp_path)
    assert fetch(server, tmp_path).path.read_bytes() == recording
    assert server.ranges == [("/clip", f"bytes={len(recording) // 2}-")]


def test_a_cut_download_begins_anew_if_the_file_has_changed_or_ranges_are_unknown(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    server.script["/clip"] = [loopback.cut(), loopback.whole]
    with pytest.raises(FetchError):
        fetch(server, tmp_path)
    other = recording[:44] + recording[:44:-1]
    server.files["/clip"] = other
    assert fetch(server, tmp_path).path.read_bytes() == other
    server.script["/clip"] = [loopback.cut(ranges=False), loopback.whole]
    with pytest.raises(FetchError):
        fetch(server, tmp_path)
    assert fetch(server, tmp_path).path.read_bytes() == other
    assert len(server.ranges) == 1


def test_a_held_part_that_the_server_does_not_know_is_dropped(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    server.script["/clip"] = [loopback.cut(), loopback.status(416), loopback.whole]
    for _ in range(2):
        with pytest.raises(FetchError):
            fetch(server, tmp_path)
    assert fetch(server, tmp_path).path.read_bytes() == recording
    assert len(server.ranges) == 1


def test_a_redirect_to_an_allowed_host_is_followed(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/other"] = recording
    server.script["/clip"] = [
        loopback.redirect(server.url.replace("127.0.0.1", "localhost") + "/other")
    ]
    network = Network(0.5, 1.0, hosts=frozenset({"localhost"}))
    assert fetch(server, tmp_path, network).path.read_bytes() == recording


def test_a_size_and_a_sha256_are_held_to(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    digest = hashlib.sha256(recording).hexdigest()
    for options, reason in (
        ({"expected_bytes": 7}, FetchReason.WRONG_LENGTH),
        ({"sha256": "0" * 64}, FetchReason.WRONG_SHA256),
        ({"max_bytes": 1000}, FetchReason.TOO_LARGE),
    ):
        with pytest.raises(FetchError) as caught:
            fetch(server, tmp_path, **options)
        assert caught.value.reason is reason
        assert not list(tmp_path.iterdir())
    fetch(server, tmp_path, expected_bytes=len(recording), sha256=digest)


def test_the_size_cap_holds_without_an_announcement(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    server.script["/clip"] = [loopback.without_length()]
    with pytest.raises(FetchError) as caught:
        fetch(server, tmp_path, max_bytes=1000)
    assert caught.value.reason is FetchReason.TOO_LARGE


@pytest.mark.parametrize(
    ("value", "seconds"), [(lambda: "7", 7.0), (lambda: loopback.http_date(90), 90.0)]
)
def test_retry_after_is_read_as_number_and_as_date(
    server: Loopback, tmp_path: Path, value: Callable[[], str], seconds: float
) -> None:
    server.script["/clip"] = [loopback.status(429, retry_after=value())]
    with pytest.raises(FetchError) as caught:
        fetch(server, tmp_path)
    assert caught.value.retry_after == pytest.approx(seconds, abs=5.0)


def test_a_proxy_is_asked_for_the_whole_url(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    network = Network(0.5, 1.0, proxy=server.url)
    task = Download("http://elsewhere.invalid/clip", tmp_path / "clip", recording_suffix, 1 << 20)
    assert download(task, network).path.read_bytes() == recording


def test_cancelling_ends_what_is_under_way_and_what_would_begin(
    server: Loopback, tmp_path: Path, recording: bytes
) -> None:
    server.files["/clip"] = recording
    server.script["/clip"] = [loopback.hang]
    network = Network(30.0, 60.0, cancellation=Cancellation())
    threading.Timer(0.2, network.cancellation.cancel).start()
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(CancelledError):
            fetch(server, tmp_path, network)
    assert time.monotonic() - began < 8.0


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_recordings_are_told_by_their_first_bytes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, tone(0.5), 16_000)
    assert recording_suffix(path.read_bytes()[:512]) == suffix


def test_other_containers_are_told_too() -> None:
    assert recording_suffix(b"\0\0\0\x20ftypM4A ") == ".m4a"
    assert recording_suffix(b"\x1aE\xdf\xa3\x01\0\0") == ".webm"
    for page in (HTML, b"\xef\xbb\xbf\n <html>", b"<!-- a --><HTML lang=en>"):
        for check in (recording_suffix, image, zip_archive, table):
            with pytest.raises(FetchError) as caught:
                check(page)
            assert caught.value.reason is FetchReason.HTML_PAGE
    with pytest.raises(FetchError):
        image(b"GIF89a")
    with pytest.raises(FetchError):
        zip_archive(b"PK\x05\x06")
    with pytest.raises(FetchError):
        table(b"PK\x03\x04\0\0")
    assert image(b"\xff\xd8\xff\xe0") == zip_archive(b"PK\x03\x04") == table(b"a,0,b,train\n") == ""
    assert np.all([recording_suffix(b"\xff\xfb\x90\x44") == ".mp3"])
