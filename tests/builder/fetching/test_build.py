"""Whole builds from a server on loopback, against builds from the folders that it serves."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.builder.building import build_from, run_build
from tests.builder.fetching import loopback
from tests.builder.fetching.fetching_build import hamlet
from tests.builder.fetching.loopback import Loopback
from tests.builder.small_corpus import farm
from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.dataset.manifest import MANIFEST, META, read_manifest
from vpo_builder.fetching.ledger import FETCHED, Ledger
from vpo_builder.verify.verify import verify

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
    assert not (tmp_path / "out/.fetch/recordings").exists()


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


def test_a_plan_says_what_it_will_take_and_fetches_no_media(
    server: Loopback, farm_folder: Path, tmp_path: Path
) -> None:
    server.add_corpus(farm_folder, tmp_path / "annotations.zip")
    options = ("--split", "ss", "--out", tmp_path / "out", "--workers", 1)
    nothing = run_build(*options, "--plan")
    assert nothing.exit_code == 0
    assert "to fetch first: COCO's annotations (253 MB) and VGGSound's csv" in nothing.output
    planned = run_build(*options, *server.options(), "--plan", "--rate", "10")
    assert planned.exit_code == 0, planned.output
    assert set(server.requests) == {"/coco/annotations.zip", "/vggsound.csv"}
    assert planned.output.splitlines() == [
        "clips: 39 needed, 0 here, 39 to fetch (49 requests, as 20% are gone): 156 MB, 4.9 hours "
        "at 10 an hour",
        "photographs: 32 needed, 0 here, 32 to fetch: 5 MB, 0.0 hours",
        "in all 161 MB, about 4.9 hours",
    ]
    assert run_build(*options, *server.options()).exit_code == 0
    again = run_build(*options, "--plan", "--split", "msmi")
    assert "clips: 58 needed, 36 here" in again.output
    done = run_build(*options, "--plan", "--clip-url", server.clip_url)
    assert "clips: 39 needed, 39 here, 0 to fetch" in done.output


def test_what_is_here_already_is_not_fetched(
    server: Loopback, farm_folder: Path, tmp_path: Path
) -> None:
    server.add_corpus(farm_folder, tmp_path / "annotations.zip")
    options = ("--split", "ss", "--workers", 1, *server.options())
    given = ("--coco", farm_folder / "coco", "--vggsound", farm_folder / "vggsound")
    assert run_build(*options, "--out", tmp_path / "one", *given).exit_code == 0
    assert not server.requests
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco/train2017").symlink_to(farm_folder / "coco/train2017")
    (tmp_path / "vggsound").mkdir()
    (tmp_path / "vggsound/audios").symlink_to(farm_folder / "vggsound/audios")
    given = ("--coco", tmp_path / "coco", "--vggsound", tmp_path / "vggsound")
    assert run_build(*options, "--out", tmp_path / "two", *given).exit_code == 0
    asked = {path.rpartition("/")[0] for path in server.requests}
    assert asked == {"/coco", "", "/coco/val2017"}, "lists, and the photographs that were not there"
    for name in (MANIFEST, META):
        one, two = (tmp_path / out / SS / name for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_an_option_that_needs_download_says_so(tmp_path: Path) -> None:
    for option in (("--retry", "transient"), ("--clip-url", "http://x/{id}"), ("--rate", "3")):
        result = run_build("--split", "ss", "--out", tmp_path / "out", *option)
        assert result.exit_code == 2
        assert f"{option[0]}: nothing is fetched without --download" in result.stderr


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("http://x/clips", "expected a URL with {id}"),
        ("http://x/{id}/{label}", "expected a URL with {id}"),
        ("http://x/{id.__class__}", "expected a URL with {id}"),
        ("http://x/{id!r}", "expected {id} without 'r'"),
        ("http://x/{id}_{start:>99999}", "expected {start} without '>99999'"),
        ("file:///{id}", "not an http or https URL"),
        ("http://x/{id", "expected a URL with {id}"),
    ],
)
def test_a_clip_url_that_is_none_is_refused(tmp_path: Path, template: str, said: str) -> None:
    result = run_build(
        "--split", "ss", "--out", tmp_path / "out", "--download", "--clip-url", template
    )
    assert result.exit_code == 2
    assert f"--clip-url {template}" in result.stderr
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_clips_are_cut_out_of_whole_videos_to_the_sample(server: Loopback, tmp_path: Path) -> None:
    corpus = hamlet(tmp_path / "farm", start=2)
    server.add_corpus(corpus.folder, tmp_path / "annotations.zip")
    draw = np.random.default_rng(5)
    for path in sorted((corpus.folder / "vggsound/audios").iterdir()):
        video = (0.1 * draw.standard_normal(14 * 16_000)).astype(np.float32)
        buffer = io.BytesIO()
        soundfile.write(buffer, video, 16_000, format="FLAC")
        server.files[f"/videos/{path.stem[:11]}"] = buffer.getvalue()
        levels, rate = soundfile.read(io.BytesIO(buffer.getvalue()), dtype="int16")
        soundfile.write(path, levels[2 * rate : 12 * rate], rate)
    late = sorted((corpus.folder / "vggsound/audios").iterdir())[0].stem[:11]
    server.files[f"/videos/{late}"] = server.files[f"/videos/{late}"][:20_000]
    options = ("--split", "ss", "--workers", 1, *server.options())
    videos = ("--clip-url", f"{server.url}/videos/{{id}}")
    assert run_build(*options, "--out", tmp_path / "videos", *videos).exit_code == 0
    gone = next((corpus.folder / "vggsound/audios").glob(f"{late}*"))
    gone.write_bytes(gone.read_bytes()[:20_000])
    build_from(corpus.folder, tmp_path / "clips")
    for name in (MANIFEST, META):
        one, two = (tmp_path / out / SS / name for out in ("videos", "clips"))
        assert one.read_bytes() == two.read_bytes()


def test_a_manifest_is_built_again_from_what_is_fetched(
    server: Loopback, farm_folder: Path, tmp_path: Path
) -> None:
    server.add_corpus(farm_folder, tmp_path / "annotations.zip")
    folder = build_from(farm_folder, tmp_path / "published").folder
    again = ("--from-manifest", folder / MANIFEST, "--out", tmp_path / "out", "--workers", 1)
    result = run_build(*again, *server.options())
    assert result.exit_code == 0, result.output
    rebuilt = tmp_path / "out" / SS / MANIFEST
    assert rebuilt.read_bytes() == (folder / MANIFEST).read_bytes()
    for option in (("--shard", "1/2"), ("--plan",)):
        refused = run_build(*again, *server.options(), *option)
        assert refused.exit_code == 2
        assert f"{option[0]}: a manifest is built again in one go" in refused.stderr
