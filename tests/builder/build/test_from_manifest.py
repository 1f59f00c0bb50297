import random
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.builder.building import build_from, run_build, source_options
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import MANIFEST, META, read_manifest
from vpo_builder.verify.verify import verify

FOLDERS = {"ss": "VPO-SS", "ms": "VPO-MS", "msmi": "VPO-MSMI"}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return the folder of a small corpus that the test may spoil."""
    return farm(tmp_path / "sources").folder


def published(sources: Path, tmp_path: Path, split: str) -> Path:
    """Build a split and return a copy of its manifest alone, as one would publish it."""
    folder = build_from(sources, tmp_path / "first", split).folder
    (tmp_path / "published").mkdir()
    for name in (MANIFEST, META):
        shutil.copy(folder / name, tmp_path / "published" / name)
    return tmp_path / "published" / MANIFEST


def rebuild(manifest: Path, sources: Path, out: Path, *options: object) -> tuple[int, str]:
    arguments = ("--from-manifest", manifest, "--out", out, "--workers", 1)
    result = run_build(*arguments, *source_options(sources), *options)
    return result.exit_code, result.output


@pytest.mark.parametrize("split", FOLDERS)
def test_a_manifest_is_rebuilt_to_the_same_bytes(sources: Path, tmp_path: Path, split: str) -> None:
    manifest = published(sources, tmp_path, split)
    code, said = rebuild(manifest, sources, tmp_path / "again")
    assert code == 0, said
    folder = tmp_path / "again" / "VPO" / FOLDERS[split]
    assert (folder / MANIFEST).read_bytes() == manifest.read_bytes()
    assert not verify(folder).faults


def test_what_is_gone_is_listed_by_reason(sources: Path, tmp_path: Path) -> None:
    manifest = published(sources, tmp_path, "ss")
    first, second, third = read_manifest(manifest.parent).samples[:3]
    (sources / "vggsound/audios" / f"{first.sources[0].clip_id}.wav").unlink()
    annotations = sources / "coco/annotations/instances_train2017.json"
    tree = msgspec.json.decode(annotations.read_bytes())
    for row in tree["annotations"]:
        if row["id"] == second.sources[0].ann_id:
            row["segmentation"][0][0] -= 2
            row["segmentation"][0][6] -= 2
    tree["images"] = [row for row in tree["images"] if row["id"] != third.image_id]
    annotations.write_bytes(msgspec.json.encode(tree))
    code, said = rebuild(manifest, sources, tmp_path / "again")
    assert code == 1
    assert "missing: 1 clips: clip_vanished" in said
    assert "missing: 1 objects: annotation_differs" in said
    assert "missing: 1 images: image_missing" in said
    lost = [
        sample.sample_id
        for sample in read_manifest(manifest.parent).samples
        if sample in (second, third) or sample.sources[0].clip_id == first.sources[0].clip_id
    ]
    left = {sample.sample_id for sample in read_manifest(tmp_path / "again/VPO/VPO-SS").samples}
    assert left.isdisjoint(lost)
    assert len(left) + len(lost) == len(read_manifest(manifest.parent).samples)


@pytest.mark.parametrize("split", FOLDERS)
def test_substitutes_are_what_a_fresh_build_without_the_clips_takes(
    sources: Path, tmp_path: Path, split: str
) -> None:
    manifest = published(sources, tmp_path, split)
    audios = sorted((sources / "vggsound/audios").iterdir())
    for path in random.Random(3).sample(audios, len(audios) // 5):
        path.unlink()
    code, said = rebuild(manifest, sources, tmp_path / "again", "--allow-substitutes")
    assert code == 0, said
    fresh = build_from(sources, tmp_path / "fresh", split).folder
    folder = tmp_path / "again" / "VPO" / FOLDERS[split]
    assert (folder / MANIFEST).read_bytes() == (fresh / MANIFEST).read_bytes()
    listed = (folder / "substitutions.jsonl").read_text().splitlines()
    before = [s for sample in read_manifest(manifest.parent).samples for s in sample.sources]
    after = [s for sample in read_manifest(folder).samples for s in sample.sources]
    changed = [a for a, b in zip(before, after, strict=True) if a != b]
    assert len(listed) == len(changed) > 0


@pytest.mark.parametrize("split", FOLDERS)
def test_a_fifth_of_the_clips_gone_changes_exactly_the_sources_that_used_them(
    sources: Path, tmp_path: Path, split: str
) -> None:
    before = read_manifest(build_from(sources, tmp_path / "one", split).folder).samples
    audios = sorted((sources / "vggsound/audios").iterdir())
    gone = {path.stem for path in random.Random(5).sample(audios, len(audios) // 5)}
    for clip_id in gone:
        (sources / "vggsound/audios" / f"{clip_id}.wav").unlink()
    after = read_manifest(build_from(sources, tmp_path / "two", split).folder).samples
    for old, new in zip(before, after, strict=True):
        assert (old.sample_id, old.subset, old.mask) == (new.sample_id, new.subset, new.mask)
        for was, now in zip(old.sources, new.sources, strict=True):
            assert (was.category, was.ann_id, was.pan) == (now.category, now.ann_id, now.pan)
            assert (was.clip_id != now.clip_id) == (was.clip_id in gone)


def test_an_edited_manifest_is_refused(sources: Path, tmp_path: Path) -> None:
    manifest = published(sources, tmp_path, "ss")
    manifest.write_bytes(manifest.read_bytes().replace(b'"pan":0.', b'"pan":0.1', 1))
    code, said = rebuild(manifest, sources, tmp_path / "again")
    assert code == 2
    assert "its sha256 is not the one in manifest.meta.json" in said
    assert not (tmp_path / "again").exists()


def test_a_manifest_of_a_newer_schema_is_refused(sources: Path, tmp_path: Path) -> None:
    manifest = published(sources, tmp_path, "ss")
    meta = manifest.with_name(META)
    text = meta.read_text().replace('"schema_version": 1', '"schema_version": 2')
    meta.write_text(text)
    code, said = rebuild(manifest, sources, tmp_path / "again")
    assert code == 2
    assert "schema version 2, this program reads 1" in said


def test_options_that_the_manifest_settles_are_refused(sources: Path, tmp_path: Path) -> None:
    manifest = published(sources, tmp_path, "ss")
    for option in (("--seed", 0), ("--set", "audio.seconds=5"), ("--split", "ms")):
        code, said = rebuild(manifest, sources, tmp_path / "again", *option)
        assert code == 2
        assert option[0] in said
