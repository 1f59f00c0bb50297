"""A published copy, made of a build of ours, is imported to the samples that were built."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.builder.build.published_copies import authors_archive, hashes, run_data
from tests.builder.building import build_from
from tests.builder.small_corpus import farm, tone
from vpo_builder.audit import near_duplicates
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.schema import Sample, Split
from vpo_builder.documents.attribution import read_licences
from vpo_builder.rendering.mask import encode_png
from vpo_builder.verify.verify import verify

SPLITS: tuple[Split, ...] = ("ss", "ms", "msmi")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus that everything here is built from."""
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with SS, MS and MSMI, for reading only."""
    out = tmp_path_factory.mktemp("built")
    for split in ("ss", "msmi"):
        build_from(sources, out, split)
    return out


@pytest.fixture(scope="module")
def archive(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the authors would publish of it, for reading only."""
    return authors_archive(built, tmp_path_factory.mktemp("published") / "archive")


@pytest.fixture(scope="module")
def imported(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An import of that archive, for reading only."""
    out = tmp_path_factory.mktemp("imported")
    before = hashes(archive)
    result = run_data("import", archive, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert hashes(archive) == before
    return out


@pytest.fixture
def own_archive(built: Path, tmp_path: Path) -> Path:
    """An archive of VPO-SS alone that a test may spoil."""
    archive = authors_archive(built, tmp_path / "archive")
    for name in ("VPO-MS", "VPO-MSMI"):
        shutil.rmtree(archive / "VPO" / name)
    return archive


def manifest_of(out: Path, split: Split) -> Manifest:
    return read_manifest(out / "VPO" / f"VPO-{split.upper()}")


def as_published(sample: Sample) -> Sample:
    """Return what a list can say of a sample: no val, and nothing of what stays silent."""
    return replace(sample, subset="test" if sample.subset == "test" else "train", silent=())


def list_of(archive: Path) -> Path:
    return archive / "VPO" / "VPO-SS" / "vpo_ss_data_stereo.csv"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def import_ss(archive: Path, out: Path, *options: object) -> Manifest:
    result = run_data("import", archive, "--out", out, "--workers", 1, *options)
    assert result.exit_code == 0, result.output
    return manifest_of(out, "ss")


@pytest.mark.parametrize("split", SPLITS)
def test_an_archive_of_our_build_is_imported_to_the_same_samples(
    split: Split, built: Path, imported: Path
) -> None:
    ours, theirs = manifest_of(built, split), manifest_of(imported, split)
    assert theirs.samples == tuple(map(as_published, ours.samples))
    assert theirs.meta.classes == ours.meta.classes
    assert (theirs.meta.origin, ours.meta.imported) == ("published", False)
    for sample in ours.samples:
        for path in (sample.image, sample.mask, *(ours.clip(s.clip_id) for s in sample.sources)):
            assert (theirs.folder / path).read_bytes() == (ours.folder / path).read_bytes()
    assert not verify(theirs.folder, decode=True).faults


def test_an_import_links_and_a_copy_is_asked_for(archive: Path, tmp_path: Path) -> None:
    ss = archive / "VPO" / "VPO-SS"
    manifest = import_ss(archive, tmp_path / "linked")
    image = manifest.samples[0].image
    assert (manifest.folder / image).samefile(ss / image)
    copied = import_ss(archive, tmp_path / "copied", "--copy")
    assert copied.samples == manifest.samples
    assert not (copied.folder / image).samefile(ss / image)
    assert (copied.folder / image).stat().st_nlink == 1


def test_without_links_on_the_file_system_files_are_copied(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(18, os.strerror(18))

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(near_duplicates, "hash_file", refused)  # nothing is decoded twice
    manifest = import_ss(archive, tmp_path / "out")
    assert not verify(manifest.folder).faults
    assert (manifest.folder / manifest.samples[0].image).stat().st_nlink == 1


def test_the_second_import_of_the_same_archive_does_nothing(archive: Path, imported: Path) -> None:
    before = hashes(imported)
    result = run_data("import", archive, "--out", imported, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert result.output.count("already built") == 3
    assert hashes(imported) == before


def test_a_mono_list_takes_the_place_of_each_sound_from_its_mask(
    own_archive: Path, built: Path, tmp_path: Path
) -> None:
    path = list_of(own_archive)
    rows = [
        {k: v for k, v in row.items() if k in row and k != "audio_pos"} for row in rows_of(path)
    ]
    path.unlink()
    write_rows(path.with_name("vpo_ss_data.csv"), rows)
    manifest = import_ss(own_archive, tmp_path / "out")
    assert manifest.samples == tuple(map(as_published, manifest_of(built, "ss").samples))


def test_recordings_elsewhere_are_found_at_any_depth(own_archive: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "deep" / "disk"
    shutil.move(own_archive / "vggsound_bench", elsewhere / "of" / "sounds")
    result = run_data("import", own_archive, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--audio" in result.output
    manifest = import_ss(own_archive, tmp_path / "out", "--audio", elsewhere)
    assert manifest.samples


def test_recordings_of_another_form_become_what_every_reader_takes(
    own_archive: Path, tmp_path: Path
) -> None:
    audios = own_archive / "vggsound_bench" / "VGGSound" / "audios"
    for path in audios.iterdir():
        stereo = np.stack([tone(4.0, 300, 44_100), tone(4.0, 300, 44_100)], axis=1)
        soundfile.write(path, stereo, 44_100, subtype="FLOAT")
    before = hashes(own_archive)
    manifest = import_ss(own_archive, tmp_path / "out")
    clip = manifest.clip_path(manifest.samples[0].sources[0].clip_id)
    assert soundfile.info(clip).samplerate == 16_000
    assert np.allclose(soundfile.read(clip)[0][800:-800], tone(4.0, 300)[800:-800], atol=2e-3)
    assert not verify(manifest.folder, decode=True).faults
    assert hashes(own_archive) == before


def test_a_broken_archive_gives_counts_by_reason(own_archive: Path, tmp_path: Path) -> None:
    path, ss = list_of(own_archive), own_archive / "VPO" / "VPO-SS"
    rows = rows_of(path)
    whole, spoilt = rows[10:], rows[:10]
    files = [
        (
            ss / "data" / row["cateName"] / f"{int(row['img_Id']):012d}.jpg",
            ss
            / "mask"
            / row["cateName"]
            / f"{int(row['img_Id']):012d}_{int(row['ann_Ids']):012d}.png",
        )
        for row in spoilt
    ]
    files[0][0].unlink()
    files[1][1].unlink()
    for place, change in ((2, "no class"), (3, "other class"), (4, "size"), (5, "empty")):
        mask = np.array(Image.open(files[place][1]))
        value = {"no class": 91, "other class": 24, "size": None, "empty": 0}[change]
        mask = mask[:-1] if value is None else np.where(mask > 0, value, 0).astype(np.uint8)
        files[place][1].write_bytes(encode_png(mask))
    files[6][0].write_bytes(b"no picture")
    spoilt[7]["cateName"] = "../../etc"
    spoilt[8]["vgg_file"] = "no clip?"
    clip = "zzzzzzzzzzz_000000"
    spoilt[9]["vgg_file"] = clip
    audios = own_archive / "vggsound_bench" / "VGGSound" / "audios"
    soundfile.write(audios / f"{whole[0]['vgg_file']}.wav", tone(2.9), 16_000)
    other = "test" if whole[1]["split"] == "train" else "train"
    write_rows(path, [*spoilt, *whole, whole[0], whole[1] | {"split": other}])
    before = hashes(own_archive)
    manifest = import_ss(own_archive, tmp_path / "out")
    assert manifest.meta.funnel["rows"] == {
        "entered": len(rows) + 2,
        "used": len(whole),
        "audio_missing": 1,
        "image_corrupt": 1,
        "image_missing": 1,
        "listed_in_two_subsets": 1,
        "listed_twice": 1,
        "mask_empty": 1,
        "mask_missing": 1,
        "mask_not_of_its_sources": 1,
        "mask_size_differs": 1,
        "mask_value_of_no_class": 1,
        "row_unusable": 2,
    }
    assert manifest.meta.funnel["clips"]["audio_missing"] == 1
    assert manifest.meta.funnel["clips"]["used_below_3_seconds"] == 1
    rejections = (manifest.folder / "rejections.jsonl").read_text().splitlines()
    assert {"kind": "clip", "record": clip, "reason": "audio_missing", "detail": ""} in map(
        json.loads, rejections
    )
    assert not verify(manifest.folder).faults
    assert hashes(own_archive) == before


def test_val_is_drawn_of_train_only_when_it_is_asked_for(own_archive: Path, tmp_path: Path) -> None:
    assert {s.subset for s in import_ss(own_archive, tmp_path / "a").samples} == {"train", "test"}
    whole = import_ss(own_archive, tmp_path / "b", "--val-fraction", 0.4)
    assert {s.subset for s in whole.samples} == {"train", "val", "test"}
    assert not verify(whole.folder).faults


def test_licences_are_unknown_until_coco_tells_them(
    own_archive: Path, sources: Path, tmp_path: Path
) -> None:
    unknown = import_ss(own_archive, tmp_path / "a")
    words = "licences of the photographs are not known"
    assert words in (unknown.folder / "README.md").read_text()
    assert not read_licences(unknown.folder)
    known = import_ss(own_archive, tmp_path / "b", "--coco", sources / "coco")
    assert set(read_licences(known.folder).values()) == {"Attribution License"}
    assert words not in (known.folder / "README.md").read_text()


def test_every_tool_works_on_an_import(imported: Path, built: Path, tmp_path: Path) -> None:
    folder = imported / "VPO" / "VPO-MSMI"
    for command in (
        ("stats", folder, "--png", tmp_path / "chart.png"),
        ("audit", folder, "--sheet", tmp_path / "sheet.html"),
        ("gallery", folder, "--out", tmp_path / "gallery"),
        ("export", folder, "--format", "coco", "--out", tmp_path / "coco"),
        ("export", folder, "--format", "webdataset", "--out", tmp_path / "webdataset"),
        ("export", folder, "--format", "hf", "--out", tmp_path / "hf"),
    ):
        result = run_data(*command)
        assert result.exit_code == 0, result.output
    result = run_data("diff", built / "VPO" / "VPO-MSMI", folder)
    changes = {line.split()[1] for line in result.output.splitlines()[:-1]}
    assert changes <= {"moved:"}, result.output  # val is no subset of a published list


def test_nothing_is_written_into_an_archive(archive: Path, tmp_path: Path) -> None:
    before = hashes(archive)
    for out in (archive, archive / "VPO" / "new"):
        result = run_data("import", archive, "--out", out)
        assert result.exit_code == 2, result.output
        assert "overlap" in result.output
    result = run_data("import", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "vpo_ss_data_stereo.csv" in result.output
    assert hashes(archive) == before
