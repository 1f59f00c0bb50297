"""Whole builds against a server that fails in every way at once."""

import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.builder.building import BUILD, build_from, run_build
from tests.builder.fetching import loopback
from tests.builder.fetching.fetching_build import build_by_fetching, fetch_options, hamlet, in_child
from tests.builder.fetching.loopback import Behaviour, Loopback
from tests.builder.small_corpus import farm
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.fetching.fetch_errors import FetchReason
from vpo_builder.fetching.ledger import FETCHED, LEDGER, STATE_FOLDER, read_attempts
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.verify import verify

SS = "VPO/VPO-SS"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback.running() as running:
        yield running


def used_clips(folder: Path) -> list[str]:
    samples = read_manifest(folder).samples
    return sorted({source.clip_id for sample in samples for source in sample.sources})


def outcomes(out: Path, record: str) -> list[str]:
    rows = read_attempts(out / STATE_FOLDER / LEDGER)
    return [row.outcome for row in rows if row.record == record]


def faults() -> dict[str, tuple[list[Behaviour], list[str]]]:
    """Return what the server does for a clip, and what the ledger then says of each attempt."""
    page = loopback.sending(b"<!doctype html><html>", "text/html")
    elsewhere = loopback.redirect("http://localhost/clip")
    nobody = loopback.redirect(loopback.refused_url())
    late = loopback.status(429, retry_after=1)
    return {
        "404": ([loopback.status(404)], ["not_found"]),
        "410": ([loopback.status(410)], ["gone"]),
        "403": ([loopback.status(403)], ["forbidden"] * 2),
        "429": ([loopback.status(429)], ["rate_limited"] * 2),
        "429, come back later": ([late, loopback.whole], ["rate_limited", FETCHED]),
        "500, then good": ([loopback.status(500), loopback.whole], ["server_error", FETCHED]),
        "cut, resumed": ([loopback.cut(), loopback.whole], ["connection_lost", FETCHED]),
        "cut, begun anew": (
            [loopback.cut(ranges=False), loopback.whole],
            ["connection_lost", FETCHED],
        ),
        "wrong length": ([loopback.announcing(1 << 20)], ["connection_lost"] * 2),
        "no length, cut": ([loopback.without_length(0.5)], [FETCHED, "truncated"] * 2),
        "wrong bytes": ([loopback.sending(b"\0\1\2" * 500)], ["wrong_content"] * 2),
        "a page": ([page], ["html_page"] * 2),
        "another host": ([elsewhere], ["redirect_refused"] * 2),
        "drip": ([loopback.drip(0.1)], ["timed_out"] * 2),
        "hang": ([loopback.hang], ["timed_out"] * 2),
        "nobody": ([nobody], ["connection_refused"] * 2),
    }


def test_every_failure_ends_in_the_ledger_and_the_rest_of_the_build_goes_on(
    server: Loopback, tmp_path: Path
) -> None:
    farm_folder = farm(tmp_path / "farm").folder
    server.add_corpus(farm_folder, tmp_path / "annotations.zip")
    used = used_clips(build_from(farm_folder, tmp_path / "trial").folder)
    failing = dict(zip(used, faults().values(), strict=False))
    assert len(failing) == len(faults())
    for clip, (behaviours, _) in failing.items():
        server.script[f"/clips/{clip}"] = behaviours
    settings = {"retry.attempts": 2, "network.clip_seconds": 0.8, "network.idle_seconds": 0.4}
    began = time.monotonic()
    report = build_by_fetching(tmp_path / "out", fetch_options(server, **settings))
    assert time.monotonic() - began < 40
    for clip, (_, expected) in failing.items():
        assert outcomes(tmp_path / "out", clip) == expected, clip
    here = {clip for clip, (_, expected) in failing.items() if expected[-1] == FETCHED}
    assert set(used_clips(report.folder)) & failing.keys() == here
    assert not verify(report.folder).faults
    for path in (farm_folder / "vggsound/audios").iterdir():
        if path.stem in failing.keys() - here:
            path.unlink()
    same = build_from(farm_folder, tmp_path / "same").folder
    assert (same / META).read_bytes() == (report.folder / META).read_bytes()
    said = CliRunner().invoke(data_command, ["rot", str(report.folder)]).stdout
    assert re.search(r"^clips: \d+ asked for from 20\d\d-\d\d-\d\d to .* did not", said)
    assert re.search(r"^  car +8 of 14 +1 connection_lost \(may come back\)", said, re.M)
    assert f"{used[0]} [car] not_found" in said


def test_a_run_of_refusals_stops_the_build_and_it_resumes(server: Loopback, tmp_path: Path) -> None:
    hamlet(tmp_path / "sources")
    server.add_corpus(tmp_path / "sources", tmp_path / "annotations.zip")
    whole = build_by_fetching(tmp_path / "whole", fetch_options(server))
    clips = [path for path in server.files if path.startswith("/clips/")]
    for path in clips[2:]:
        server.script[path] = [loopback.status(429)]
    options = fetch_options(server, **{"retry.breaker_run": 3})
    said = r"clips/\{id\}_\{start:06d\}: 3 requests in a row were refused \(rate_limited: HTTP"
    with pytest.raises(InputError, match=said):
        build_by_fetching(tmp_path / "out", options)
    assert not (tmp_path / "out" / SS / META).exists()
    server.script.clear()
    resumed = build_by_fetching(tmp_path / "out", options)
    assert (resumed.folder / META).read_bytes() == (whole.folder / META).read_bytes()


def test_retry_takes_up_what_was_given_up_and_nothing_else(
    server: Loopback, tmp_path: Path
) -> None:
    hamlet(tmp_path / "sources")
    server.add_corpus(tmp_path / "sources", tmp_path / "annotations.zip")
    whole = build_by_fetching(tmp_path / "whole", fetch_options(server))
    tired, gone = (f"/clips/{clip}" for clip in used_clips(whole.folder)[:2])
    server.script[tired] = [loopback.status(500)]
    server.script[gone] = [loopback.status(410)]
    out = tmp_path / "out"
    options = ("--split", "ss", "--out", out, "--workers", 1, *server.options())
    first = run_build(*options)
    assert "clips not fetched: 1 gone" in first.output
    assert "clips not fetched: 1 server_error" in first.output
    assert "run it again with --retry transient" in first.output
    before = read_manifest(out / SS).samples
    assert "already built" in run_build(*options).output
    server.script.clear()
    server.requests.clear()
    assert "already built" in run_build(*options, "--retry", "timed_out").output
    assert not server.requests
    assert run_build(*options, "--retry", "transient").exit_code == 0
    assert dict(server.requests) == {tired: 1}
    after = read_manifest(out / SS).samples
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert run_build(*options, "--retry", "gone").exit_code == 0
    assert (out / SS / META).read_bytes() == (whole.folder / META).read_bytes()
    refused = run_build(*options, "--retry", "nonsense")
    assert refused.exit_code == 2
    assert "--retry nonsense: choose one of transient, video_removed" in refused.stderr


def test_a_missing_photograph_is_counted_and_too_many_stop_the_build(
    server: Loopback, tmp_path: Path
) -> None:
    hamlet(tmp_path / "sources")
    server.add_corpus(tmp_path / "sources", tmp_path / "annotations.zip")
    server.script["/coco/train2017/000000000001.jpg"] = [loopback.status(404)]
    options = ("--split", "ss", "--out", tmp_path / "out", "--workers", 1, *server.options())
    stopped = run_build(*options)
    assert stopped.exit_code == 2
    assert "1 of 6 selected images cannot be used: image 1 (image_missing)" in stopped.stderr
    lenient = ("--set", "limits.max_missing_fraction=0.5")
    assert run_build(*options, *lenient).exit_code == 0
    assert server.requests["/coco/train2017/000000000001.jpg"] == 1, "known to be gone"


@pytest.mark.parametrize("setting", ["coco.archive_sha256", "coco.archive_bytes"])
def test_an_archive_that_is_not_the_one_is_not_unpacked(
    server: Loopback, tmp_path: Path, setting: str
) -> None:
    hamlet(tmp_path / "sources")
    server.add_corpus(tmp_path / "sources", tmp_path / "annotations.zip")
    other = {"coco.archive_sha256": "0" * 64, "coco.archive_bytes": 7}[setting]
    with pytest.raises(InputError, match=r"annotations\.zip: could not be fetched: wrong_"):
        build_by_fetching(tmp_path / "out", fetch_options(server, **{setting: other}))
    assert not list(tmp_path.glob("out/sources/coco/*"))


needs_namespaces = pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="no user namespaces: a full disk cannot be made here",
)


@needs_namespaces
def test_a_full_disk_stops_cleanly_and_room_lets_it_go_on(server: Loopback, tmp_path: Path) -> None:
    farm(tmp_path / "farm")
    server.add_corpus(tmp_path / "farm", tmp_path / "annotations.zip")
    out = tmp_path / "out"
    out.mkdir()
    command = [*BUILD, "--split", "ss", "--out", str(out), "--workers", "1", *server.options()]
    script = 'mount -t tmpfs -o size=2m tmpfs "$0" && "$@"; code=$?; '
    script += 'mount -o remount,size=60m "$0"; "$@" >/dev/null; again=$?; '
    script += 'cp "$0"/VPO/VPO-SS/manifest.meta.json "$0"/.fetch/ledger.sqlite* "$0"/..; '
    script += "echo $code $again"
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, str(out), *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert run.stdout.split()[-2:] == ["2", "0"], run.stderr
    assert "no space left: make room" in run.stderr
    assert "Traceback" not in run.stderr
    whole = build_from(tmp_path / "farm", tmp_path / "folders").folder
    assert (tmp_path / META).read_bytes() == (whole / META).read_bytes()
    assert {row.outcome for row in read_attempts(tmp_path / LEDGER)} == {FETCHED}


@pytest.mark.parametrize("limit", [40_000, 150_000])
def test_a_limit_on_file_size_stops_cleanly_and_without_it_the_build_goes_on(
    server: Loopback, tmp_path: Path, limit: int
) -> None:
    hamlet(tmp_path / "sources")
    server.add_corpus(tmp_path / "sources", tmp_path / "annotations.zip")
    options = fetch_options(server)
    whole = build_by_fetching(tmp_path / "whole", options)
    told: list[OSError] = []

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            build_by_fetching(tmp_path / "out", options)
        except OSError as error:
            told.append(error)
        os._exit(0 if told and told[0].errno == 27 else 3)

    assert in_child(limited) == 0
    resumed = build_by_fetching(tmp_path / "out", options)
    assert (resumed.folder / META).read_bytes() == (whole.folder / META).read_bytes()
    rows = list(read_attempts(tmp_path / "out" / STATE_FOLDER / LEDGER))
    assert {row.outcome for row in rows} == {FETCHED}
    assert not any(row.permanent for row in rows)
    assert FetchReason.TOO_LARGE.permanent
