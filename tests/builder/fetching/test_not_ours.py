"""Fetching removes and overwrites what it has written, and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builder.fetching import loopback
from tests.builder.fetching.fetching_build import build_by_fetching, fetch_options, hamlet
from tests.builder.fetching.loopback import Loopback
from vpo_builder.dataset.places import AUDIO_FOLDER
from vpo_builder.fetching.ledger import STATE_FOLDER
from vpo_builder.fetching.shards import RECORDINGS
from vpo_builder.runtime.errors import InputError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Loopback]:
    hamlet(tmp_path / "sources")
    with loopback.running() as running:
        running.add_corpus(tmp_path / "sources", tmp_path / "annotations.zip")
        yield running


def test_an_archive_that_the_user_put_there_is_used_and_stays(
    server: Loopback, tmp_path: Path
) -> None:
    place = tmp_path / "out/sources/coco/annotations.zip"
    place.parent.mkdir(parents=True)
    shutil.copy(tmp_path / "annotations.zip", place)
    build_by_fetching(tmp_path / "out", fetch_options(server))
    assert place.read_bytes() == (tmp_path / "annotations.zip").read_bytes()
    assert server.requests["/coco/annotations.zip"] == 0
    build_by_fetching(tmp_path / "other", fetch_options(server))
    assert not (tmp_path / "other/sources/coco/annotations.zip").exists(), "fetched, so ours"


def test_only_what_goes_by_a_clip_s_name_is_cleared_from_the_recordings(
    server: Loopback, tmp_path: Path
) -> None:
    recordings = tmp_path / "out" / STATE_FOLDER / RECORDINGS
    recordings.mkdir(parents=True)
    (recordings / ".zzz-clip-00_000000.partial").mkdir()
    for name in ("zzz-clip-00_000000.wav", ".zzz-clip-00_000000.part", "notes.txt"):
        (recordings / name).write_bytes(b"x")
    build_by_fetching(tmp_path / "out", fetch_options(server))
    assert [path.name for path in recordings.iterdir()] == ["notes.txt"]


def test_a_foreign_wav_is_compared_with_what_is_fetched(server: Loopback, tmp_path: Path) -> None:
    whole = build_by_fetching(tmp_path / "whole", fetch_options(server))
    out = tmp_path / "out"
    wavs = sorted((tmp_path / "whole" / AUDIO_FOLDER).iterdir())
    (out / AUDIO_FOLDER).mkdir(parents=True)
    shutil.copy(wavs[0], out / AUDIO_FOLDER)
    foreign = out / AUDIO_FOLDER / wavs[-1].name
    foreign.write_bytes(wavs[0].read_bytes())
    with pytest.raises(InputError, match=rf"{foreign.name}: this program did not write it"):
        build_by_fetching(out, fetch_options(server))
    assert foreign.read_bytes() == wavs[0].read_bytes()
    foreign.unlink()
    report = build_by_fetching(out, fetch_options(server))
    name = "SHA256SUMS"
    assert (report.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_fetched_clip_that_was_torn_is_fetched_again_and_no_other(
    server: Loopback, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    report = build_by_fetching(out, fetch_options(server))
    wavs = {path: path.read_bytes() for path in (out / AUDIO_FOLDER).iterdir()}
    victim = min(wavs)
    victim.write_bytes(wavs[victim][:999])
    shutil.rmtree(report.folder)
    server.requests.clear()
    build_by_fetching(out, fetch_options(server))
    assert {path: path.read_bytes() for path in (out / AUDIO_FOLDER).iterdir()} == wavs
    assert dict(server.requests) == {f"/clips/{victim.stem}": 1}
