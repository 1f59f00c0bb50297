"""A build touches nothing of which no record of ours tells."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.builder.begun_again import begun_again
from tests.builder.building import build_from, run_build, source_options
from tests.builder.dataset_by_hand import CSV_COLUMNS, mask_png, photograph
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import META, STATE
from vpo_builder.dataset.places import dataset_folder
from vpo_builder.layout import csv_name
from vpo_builder.publishing.media_record import MEDIA_RECORD, note_media
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


@pytest.mark.parametrize(("split", "built"), [("msmi", "ms"), ("ss", "ss")])
def test_a_synthetic_build_is_refused_before_its_corpus_is_drawn(
    tmp_path: Path, split: str, built: str
) -> None:
    authors_dataset(tmp_path / dataset_folder(built), built)  # type: ignore[arg-type]
    before = contents(tmp_path)
    result = run_build("--split", split, "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"VPO-{built.upper()}: holds 5 files" in result.stderr
    assert contents(tmp_path) == before


def test_msmi_is_refused_for_a_foreign_folder_before_ms_is_built(
    farm_folder: Path, tmp_path: Path
) -> None:
    authors_dataset(tmp_path / dataset_folder("msmi"), "msmi")
    before = contents(tmp_path)
    result = run_build("--split", "msmi", "--out", tmp_path, *source_options(farm_folder))
    assert result.exit_code == 2
    assert "VPO-MSMI: holds 5 files" in result.stderr
    assert contents(tmp_path) == before


def test_shards_refuse_a_foreign_folder_before_they_prepare_anything(
    farm_folder: Path, tmp_path: Path
) -> None:
    authors_dataset(tmp_path / dataset_folder("ss"), "ss")
    before = contents(tmp_path)
    options = ("--split", "ss", "--out", tmp_path, *source_options(farm_folder))
    result = run_build(*options, "--shard", "1/2")
    assert result.exit_code == 2
    assert "VPO-SS: holds 5 files" in result.stderr
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


def test_leftovers_go_if_our_record_names_them_and_stay_if_not(
    farm_folder: Path, tmp_path: Path
) -> None:
    report = build_from(farm_folder, tmp_path / "out")
    folder = report.folder
    assert not (folder / MEDIA_RECORD).exists()
    begun_again(folder)
    outside = tmp_path / "out" / "outside.jpg"
    left, kept = folder / "data/cat/000000000777.jpg", folder / "data/cat/holiday.jpg"
    for path in (outside, left, kept):
        path.write_bytes(b"x")
    named = [str(outside), "../../outside.jpg", "data/../../../outside.jpg", "data", ""]
    note_media(folder, ["data/cat/000000000777.jpg"])
    with (folder / MEDIA_RECORD).open("a") as record:  # by somebody who means us harm
        record.writelines(f"{name}\n" for name in named)
    build_from(farm_folder, tmp_path / "out")
    assert not left.exists()
    assert kept.exists()
    assert outside.exists()
    assert not (folder / MEDIA_RECORD).exists()
    reasons = {fault.path: fault.reason for fault in verify(folder).faults}
    assert reasons == {"data/cat/holiday.jpg": "no list names this file"}


def test_what_a_build_will_write_is_noted_before_it_is_written(
    farm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vpo_builder.publishing.publish.os.sync", None)  # all but the meta is there
    with pytest.raises(TypeError):
        build_from(farm_folder, tmp_path, overrides=("audio.render=stereo",))
    folder = tmp_path / dataset_folder("ss")
    media = {
        path.relative_to(folder).as_posix()
        for home in ("data", "mask", "mix")
        for path in (folder / home).rglob("*")
        if path.is_file()
    }
    assert len(media) > 30
    texts = {path.name for path in folder.iterdir() if path.is_file()}
    noted = set((folder / MEDIA_RECORD).read_text().splitlines())
    assert media <= noted
    assert texts - noted == {"SHA256SUMS", STATE, MEDIA_RECORD}


def test_media_of_a_plan_that_changed_while_a_build_was_interrupted_are_removed(
    farm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = shutil.copytree(farm_folder, tmp_path / "sources")
    with monkeypatch.context() as patch:
        patch.setattr("vpo_builder.publishing.publish.os.sync", None)
        with pytest.raises(TypeError):
            build_from(sources, tmp_path / "out")
    for path in (sources / "vggsound/audios").glob("cat-*"):
        path.unlink()
    build_from(sources, tmp_path / "out")
    build_from(sources, tmp_path / "new")
    ss = dataset_folder("ss")
    hashes = [
        {name: found[0] for name, found in contents(tmp_path / out / ss).items()}
        for out in ("out", "new")
    ]
    assert hashes[0] == hashes[1]


def test_where_nothing_was_finished_a_build_with_other_options_begins_anew(
    farm_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, folder = tmp_path / "out", tmp_path / "out" / dataset_folder("ss")
    with monkeypatch.context() as patch:
        patch.setattr("vpo_builder.publishing.publish.os.sync", None)
        with pytest.raises(TypeError):
            build_from(farm_folder, out, overrides=("audio.render=stereo",))
    theirs = folder / "data/cat/holiday.jpg"
    theirs.write_bytes(b"x")
    (folder / "tiled.jsonl").write_text("")  # which the build that takes over does not write
    note_media(folder, ["tiled.jsonl"])
    before = contents(folder)
    refused = run_build("--split", "ss", "--out", out, *source_options(farm_folder))
    beside = f"or delete {out / 'vggsound_bench/VGGSound'}, which no finished dataset reads"
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 2)
    assert beside in refused.stderr
    assert contents(folder).keys() == before.keys()
    capsys.readouterr()
    small = ("audio.render=stereo", "filters.min_area_fraction=0.02")
    build_from(farm_folder, out, overrides=small)
    told = capsys.readouterr().err
    assert f"{folder}: a build was begun there with other options and not finished: " in told
    assert "config.filters.min_area_fraction is 0.005, now 0.02; this one takes its place" in told
    whole = build_from(farm_folder, tmp_path / "whole", overrides=small).folder
    assert {n: f[0] for n, f in contents(folder).items() if n != "data/cat/holiday.jpg"} == {
        name: found[0] for name, found in contents(whole).items()
    }
    assert theirs.exists()


def test_a_training_s_unfinished_files_below_the_output_folder_are_not_swept_away(
    farm_folder: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "runs" / ".last.0123456789ab.tmp.pt"
    theirs.parent.mkdir()
    theirs.write_bytes(b"being written")
    build_from(farm_folder, tmp_path)
    assert theirs.exists()
