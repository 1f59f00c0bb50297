"""A build touches nothing of which no record of ours tells."""

import hashlib
from pathlib import Path

import pytest

from tests.builder.building import build_from, run_build, source_options
from tests.builder.dataset_by_hand import CSV_COLUMNS, mask_png, photograph
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import META
from vpo_builder.layout import csv_name, dataset_folder
from vpo_builder.verify.verify import verify


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small corpus that no test changes."""
    return farm(tmp_path_factory.mktemp("farm")).folder


def authors_dataset(folder: Path, split: str) -> Path:
    """Draw a few samples in the published layout (protocol §2), as the authors' download has it."""
    rows = [",".join(CSV_COLUMNS)]
    for number, category in ((9, "cat"), (25, "dog")):
        home = category if split == "ss" else ""
        stem = f"{number:012d}"
        mask = f"{stem}_{number * 10:012d}" if split == "ss" else stem
        image_path = folder / "data" / home / f"{stem}.jpg"
        mask_path = folder / "mask" / home / f"{mask}.png"
        for path in (image_path, mask_path):
            path.parent.mkdir(parents=True, exist_ok=True)
        image_path.write_bytes(photograph(number))
        mask_path.write_bytes(mask_png([(number, (8, 8, 40, 40))], (96, 64)))
        rows.append(f"{number},{number * 10},{category},{number},aaaaaaaaaaa_000010,train,0.25,0")
    (folder / csv_name(split)).write_text("\n".join(rows) + "\n")  # type: ignore[arg-type]
    return folder


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Return the hash and the time of change of every file."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("split", ["ss", "ms"])
def test_a_folder_in_the_authors_layout_is_refused_and_stays_as_it_is(
    farm_folder: Path, tmp_path: Path, split: str
) -> None:
    authors_dataset(tmp_path / dataset_folder(split), split)  # type: ignore[arg-type]
    before = contents(tmp_path)
    result = run_build("--split", split, "--out", tmp_path, *source_options(farm_folder))
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    first = "data/cat/000000000009.jpg" if split == "ss" else "data/000000000009.jpg"
    assert f"VPO-{split.upper()}: holds 5 files, such as {first}, none of which" in line
    assert "give another --out, or move them away" in line
    assert "vpo-data import" in line
    assert contents(tmp_path) == before


def test_single_plus_refuses_what_the_authors_download_holds(tmp_path: Path) -> None:
    frames = tmp_path / "avsbench_data_single_plus" / "frames"
    frames.mkdir(parents=True)
    (frames / "a_1.png").write_bytes(b"somebody's")
    before = contents(tmp_path)
    result = run_build(
        *("--split", "avsbench-single-plus", "--out", tmp_path),
        *("--set", "synthetic.videos_per_category=1"),
    )
    assert result.exit_code == 2
    assert "holds 1 file, such as frames/a_1.png" in result.stderr
    assert {name: found for name, found in contents(tmp_path).items() if name in before} == before


def test_empty_folders_and_our_own_temporary_files_are_nothing_to_refuse(
    farm_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / dataset_folder("ss")
    (folder / "data" / "cat").mkdir(parents=True)
    (folder / "..build.0123456789ab.tmp.json").write_bytes(b"{")  # killed in its first breath
    build_from(farm_folder, tmp_path)
    assert not verify(folder).faults
    assert not list(tmp_path.rglob("*.tmp*"))


def test_a_link_in_the_folder_is_content(farm_folder: Path, tmp_path: Path) -> None:
    theirs = authors_dataset(tmp_path / "theirs", "ss")
    folder = tmp_path / "out" / dataset_folder("ss")
    folder.mkdir(parents=True)
    (folder / "data").symlink_to(theirs / "data")
    before = contents(theirs)
    result = run_build("--split", "ss", "--out", tmp_path / "out", *source_options(farm_folder))
    assert result.exit_code == 2
    assert "VPO-SS: holds 1 file, such as data, " in result.stderr
    assert contents(theirs) == before
    assert not (folder / META).exists()
