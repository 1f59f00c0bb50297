"""DDESeg's layout, exported from a build of ours, is imported to what that build holds."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.builder.build.published_copies import hashes, run_data
from tests.builder.building import build_from
from tests.builder.small_corpus import farm
from vpo_builder.build.unmixed import unmixed
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.documents.attribution import clip_page
from vpo_builder.rendering.mask import encode_png
from vpo_builder.rendering.mix import centre_tiled, mix
from vpo_builder.verify.verify import verify


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with SS and MS, for reading only."""
    sources = farm(tmp_path_factory.mktemp("farm")).folder
    out = tmp_path_factory.mktemp("built")
    for split in ("ss", "ms"):
        build_from(sources, out, split)
    return out


@pytest.fixture
def clean(built: Path, tmp_path: Path) -> Path:
    """Its VPO-SS in DDESeg's layout, which a test may spoil."""
    return exported(built, "SS", tmp_path / "clean")


def exported(built: Path, split: str, target: Path) -> Path:
    result = run_data(
        "export", built / "VPO" / f"VPO-{split}", "--format", "vpo-clean", "--out", target
    )
    assert result.exit_code == 0, result.output
    return target


def imported(copy: Path, out: Path, split: str = "SS") -> Manifest:
    before = hashes(copy)
    result = run_data("import", copy, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert hashes(copy) == before
    return read_manifest(out / "VPO" / f"VPO-{split}")


def heard(manifest: Manifest, sample: Sample) -> np.ndarray:
    """Return what the published reader makes of a sample, [samples, 2]."""
    clips = [soundfile.read(manifest.clip_path(s.clip_id))[0] for s in sample.sources]
    return mix([centre_tiled(x, 48_000) for x in clips], [s.pan for s in sample.sources])


def rename(copy: Path, change: "dict[str, str]") -> None:
    """Give samples other uids, in the list and in the folders."""
    path = copy / "vpo_data_clean.csv"
    text = path.read_text()
    for old, new in change.items():
        text = text.replace(f"VPO-SS/{old},", f"VPO-SS/{new},")
        (copy / "VPO-SS" / old).rename(copy / "VPO-SS" / new)
    path.write_text(text)


@pytest.mark.parametrize("split", ["SS", "MS"])
def test_the_samples_masks_and_sounds_are_those_of_the_build(
    split: str, built: Path, tmp_path: Path
) -> None:
    ours = read_manifest(built / "VPO" / f"VPO-{split}")
    theirs = imported(exported(built, split, tmp_path / "clean"), tmp_path / "out", split)
    assert [s.sample_id for s in theirs.samples] == [s.sample_id for s in ours.samples]
    for one, other in zip(ours.samples, theirs.samples, strict=True):
        assert other.subset == one.subset
        assert {s.category for s in other.sources} == {s.category for s in one.sources}
        assert other.image == one.image
        if split == "SS":
            assert other.sources[0].ann_id == one.sources[0].ann_id
        for path in (one.image, one.mask):
            assert (theirs.folder / path).read_bytes() == (ours.folder / path).read_bytes()
        assert np.allclose(heard(theirs, other), heard(ours, one), atol=2e-4)
    assert not verify(theirs.folder, decode=True).faults


def test_masks_that_hold_cocos_ids_are_told_by_what_they_hold(
    clean: Path, built: Path, tmp_path: Path
) -> None:
    ours = read_manifest(built / "VPO" / "VPO-SS")
    for sample in ours.samples:
        path = clean / "VPO-SS" / sample.sample_id / "labels_semantic" / f"{sample.sample_id}.png"
        Image.fromarray(np.array(Image.open(ours.folder / sample.mask)), "L").save(path)
    theirs = imported(clean, tmp_path / "out")
    for sample in theirs.samples:
        assert (theirs.folder / sample.mask).read_bytes() == (
            ours.folder / sample.mask
        ).read_bytes()


def test_a_uid_that_is_no_id_of_coco_keeps_its_name_in_a_table(clean: Path, tmp_path: Path) -> None:
    uids = sorted(path.name for path in (clean / "VPO-SS").iterdir())
    rename(clean, dict.fromkeys(uids[:1], "some.video_7"))
    theirs = imported(clean, tmp_path / "out")
    assert len(theirs.samples) == len(uids)
    (row,) = csv.DictReader((theirs.folder / "uids.csv").open())
    assert row["uid"] == "some.video_7"
    assert row["sample_id"] in {sample.sample_id for sample in theirs.samples}
    assert not verify(theirs.folder).faults


def test_what_cannot_be_used_is_counted_by_reason(clean: Path, tmp_path: Path) -> None:
    homes = sorted((clean / "VPO-SS").iterdir())
    for name in ("mono_audio.wav", "stereo_audio.wav"):
        (homes[0] / name).unlink()
    (homes[1] / "stereo_audio.wav").write_bytes(b"RIFF")
    shutil.rmtree(homes[2] / "frames")
    strange = homes[3] / "labels_semantic" / f"{homes[3].name}.png"
    strange.write_bytes(encode_png(np.full(np.array(Image.open(strange)).shape, 76, np.uint8)))
    path = clean / "vpo_data_clean.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[-1], "VPO-SS/..,a.jpg,a.png,[1],train,VPO-SS\n"]))
    theirs = imported(clean, tmp_path / "out")
    rows = theirs.meta.funnel["rows"]
    assert rows == {
        "entered": len(lines) + 1,
        "used": len(lines) - 1 - 4,
        "audio_missing": 1,
        "clip_undecodable": 1,
        "image_missing": 1,
        "listed_twice": 1,
        "mask_value_of_no_class": 1,
        "row_unusable": 1,
    }
    assert not verify(theirs.folder).faults


def test_without_a_stereo_mix_every_source_has_its_share_of_the_mono_one(
    clean: Path, built: Path, tmp_path: Path
) -> None:
    for path in (clean / "VPO-SS").glob("*/stereo_audio.wav"):
        path.unlink()
    ours, theirs = read_manifest(built / "VPO" / "VPO-SS"), imported(clean, tmp_path / "out")
    for one, other in zip(ours.samples, theirs.samples, strict=True):
        mono = heard(theirs, other).sum(axis=1)
        assert np.allclose(mono, heard(ours, one).sum(axis=1), atol=2e-4)


def test_a_clip_of_a_mix_is_no_video_of_youtube(clean: Path, tmp_path: Path) -> None:
    theirs = imported(clean, tmp_path / "out")
    assert not any(clip_page(s.clip_id) for sample in theirs.samples for s in sample.sources)
    assert "mix" in (theirs.folder / "README.md").read_text()


def test_two_sources_at_two_places_come_out_as_they_were() -> None:
    rng = np.random.default_rng(0)
    clips, pans = rng.uniform(-0.3, 0.3, (2, 1000)), [0.2, 0.7]
    stereo = mix([*clips], pans).T
    found = unmixed(stereo, clips.sum(axis=0), pans)
    assert found is not None
    assert np.allclose(found, clips, atol=1e-5)
    three = rng.uniform(-0.3, 0.3, (3, 1000))
    stereo = mix([*three], [0.1, 0.5, 0.8]).T
    found = unmixed(stereo, three.sum(axis=0), [0.1, 0.5, 0.8])
    assert found is not None
    assert np.allclose(mix([*found], [0.1, 0.5, 0.8]).T, stereo, atol=1e-5)
    assert unmixed(stereo, 1.1 * three.sum(axis=0), [0.1, 0.5, 0.8]) is None
    assert unmixed(mix([*clips], pans).T, clips.sum(axis=0), [0.5]) is None
