"""Whole builds from a server on loopback, against builds from the folders that it serves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builder import loopback
from tests.builder.building import build_from, run_build
from tests.builder.loopback import Loopback
from tests.builder.small_corpus import farm
from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.fetching.ledger import FETCHED, Ledger
from vpo_builder.manifest import MANIFEST, META, read_manifest
from vpo_builder.verify import verify

SS = "VPO/VPO-SS"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback.running() as running:
        yield running


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return farm(tmp_path_factory.mktemp("farm")).folder


def test_a_download_equals_the_folders_that_it_came_from(
    server: Loopback, farm_folder: Path, tmp_path: Path
) -> None:
    server.add_corpus(farm_folder, tmp_path / "annotations.zip")
    result = run_build(
        "--split", "ss", "--out", tmp_path / "out", "--workers", 1, *server.options()
    )
    assert result.exit_code == 0, result.output
    folder = build_from(farm_folder, tmp_path / "folders").folder
    for name in (MANIFEST, META):
        assert (tmp_path / "out" / SS / name).read_bytes() == (folder / name).read_bytes()
    assert not verify(tmp_path / "out" / SS).faults
    manifest = read_manifest(folder)
    used = {source.clip_id for sample in manifest.samples for source in sample.sources}
    images = {sample.image_id for sample in manifest.samples}
    asked = {path.removeprefix("/clips/") for path in server.requests if path.startswith("/clips/")}
    assert asked == used, "only the clips that the ranking needs"
    assert sum("2017/" in path for path in server.requests) == len(images)
    assert set(server.requests.values()) == {1}
    with Ledger(tmp_path / "out/.fetch/ledger.sqlite", {}) as ledger:
        assert {row.outcome for row in ledger.attempts()} == {FETCHED}
    assert not list((tmp_path / "out/.fetch/recordings").iterdir())


@needs_corpus
def test_the_real_corpus_downloaded_equals_the_real_corpus(
    server: Loopback, tmp_path: Path
) -> None:
    server.add_corpus(CORPUS, tmp_path / "annotations.zip")
    result = run_build(
        "--split", "ss", "--out", tmp_path / "out", "--workers", 2, *server.options()
    )
    assert result.exit_code == 0, result.output
    folder = build_from(CORPUS, tmp_path / "folders").folder
    for name in (MANIFEST, META):
        assert (tmp_path / "out" / SS / name).read_bytes() == (folder / name).read_bytes()
