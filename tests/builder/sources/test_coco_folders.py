"""COCO as downloaders and re-hosts leave it: found by name, its zips read in place."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builder.building import build_from, run_build, source_options
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.sources.archives import member_named

PARTS = {"train2017": "train", "val2017": "validation"}


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture(scope="module")
def whole(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return (build_from(farm_folder, tmp_path_factory.mktemp("whole")).folder / META).read_bytes()


def zipped(coco: Path) -> None:
    """`train2017.zip` beside `annotations/`, as downloaded."""
    for part in PARTS:
        with zipfile.ZipFile(coco / f"{part}.zip", "w") as archive:
            archive.writestr(f"{part}/", b"")
            for path in sorted((coco / part).iterdir()):
                archive.write(path, f"{part}/{path.name}")
        shutil.rmtree(coco / part)


def below_images(coco: Path) -> None:
    (coco / "images").mkdir()
    for part in PARTS:
        (coco / part).rename(coco / "images" / part)


def flat(coco: Path) -> None:
    (coco / "images").mkdir()
    for part in PARTS:
        for path in (coco / part).iterdir():
            path.rename(coco / "images" / path.name)
        (coco / part).rmdir()


def one_folder_deeper(coco: Path) -> None:
    names = list(coco.iterdir())
    (coco / "data" / "coco").mkdir(parents=True)
    for path in names:
        path.rename(coco / "data" / "coco" / path.name)


def of_2014(coco: Path) -> None:
    """Under the names of 2014, divided as they were then."""
    for place, path in enumerate(sorted(coco.glob("*2017/*"))):
        old = ("train2014", "val2014")[place % 2]
        (coco / old).mkdir(exist_ok=True)
        path.rename(coco / old / f"COCO_{old}_{path.name}")
    for part in PARTS:
        (coco / part).rmdir()


LAYOUTS = [zipped, below_images, flat, one_folder_deeper, of_2014]


def copied(farm_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(farm_folder / "coco", tmp_path / "coco")
    (tmp_path / "vggsound").symlink_to(farm_folder / "vggsound")
    return tmp_path / "coco"


@pytest.mark.parametrize("arrange", LAYOUTS)
def test_another_layout_gives_the_same_dataset(
    farm_folder: Path, whole: bytes, tmp_path: Path, arrange: Callable[[Path], None]
) -> None:
    arrange(copied(farm_folder, tmp_path))
    assert (build_from(tmp_path, tmp_path / "out").folder / META).read_bytes() == whole


def test_fiftyones_folders_are_found_with_the_captions_that_lie_raw_beside_them(
    farm_folder: Path, tmp_path: Path
) -> None:
    coco = copied(farm_folder, tmp_path)
    (coco / "annotations").rename(coco / "raw")
    for part, name in PARTS.items():
        (coco / name).mkdir()
        (coco / part).rename(coco / name / "data")
        (coco / "raw" / f"instances_{part}.json").rename(coco / name / "labels.json")
    manifest = read_manifest(build_from(tmp_path, tmp_path / "out").folder)
    built = read_manifest(build_from(farm_folder, tmp_path / "whole").folder)
    assert manifest.samples == built.samples
    lists = [name for name in manifest.meta.inputs if name.endswith("labels.json")]
    assert lists == ["coco/train/labels.json", "coco/validation/labels.json"]


def test_a_damaged_picture_in_a_zip_is_corrupt_and_an_absent_one_missing(
    farm_folder: Path, tmp_path: Path
) -> None:
    coco = copied(farm_folder, tmp_path)
    samples = read_manifest(build_from(farm_folder, tmp_path / "whole").folder).samples
    bad, gone = sorted({s.image_id for s in samples if s.subset == "train"})[:2]
    (coco / "train2017" / f"{gone:012d}.jpg").unlink()
    zipped(coco)
    data = bytearray((coco / "train2017.zip").read_bytes())
    member = member_named(coco / "train2017.zip", f"{bad:012d}.jpg")
    assert member is not None
    with zipfile.ZipFile(coco / "train2017.zip") as archive:
        start = archive.getinfo(member.path).header_offset
    data[start + 200] ^= 0xFF
    (coco / "train2017.zip").write_bytes(data)
    missing = ("limits.max_missing_fraction=1",)
    funnel = read_manifest(build_from(tmp_path, tmp_path / "out", "ss", missing).folder).meta.funnel
    assert (funnel["images"]["image_corrupt"], funnel["images"]["image_missing"]) == (1, 1)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("annotations", "coco: no instances_train2017.json at any depth: it holds train2017 and"),
        ("val2017", "val2017: no such folder, and none of that name at any depth: expected the"),
    ],
)
def test_where_nothing_is_found_the_line_names_what_was_looked_for(
    farm_folder: Path, tmp_path: Path, gone: str, said: str
) -> None:
    shutil.rmtree(copied(farm_folder, tmp_path) / gone)
    where = ("--out", tmp_path / "out", "--workers", 1, *source_options(tmp_path))
    result = run_build("--split", "ss", *where)
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]


def test_names_in_a_zip_lead_nowhere(farm_folder: Path, whole: bytes, tmp_path: Path) -> None:
    coco = copied(farm_folder, tmp_path)
    for part in PARTS:
        with zipfile.ZipFile(coco / f"{part}.zip", "w") as archive:
            for path in sorted((coco / part).iterdir()):
                archive.write(path, f"../../{part}/../{path.name}")
        shutil.rmtree(coco / part)
    before = sorted(tmp_path.rglob("*"))
    out = tmp_path / "out"
    assert (build_from(tmp_path, out).folder / META).read_bytes() == whole
    assert [p for p in sorted(tmp_path.rglob("*")) if not p.is_relative_to(out)] == before
    assert json.loads(whole)["samples"] > 0
