"""`audit`: each planted leak is found and named, and a clean build has none."""

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.builder.dataset_by_hand import PICTURES, Picture, counterfactual, finish, write_dataset
from vpo_builder.audit import near_duplicates
from vpo_builder.audit.audit import AuditReport, LeakKind, audio_digest, audit, format_audit
from vpo_builder.audit.near_duplicates import close_pairs, hash_file
from vpo_builder.audit.sheet import write_sheet
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.picture_hash import Hashes
from vpo_builder.runtime.errors import InputError

LICENCES = dict.fromkeys(range(100), "CC BY 4.0")
COCO = Path(__file__).parents[3] / ".." / "shared" / "corpus" / "coco"


def audit_of(folder: Path, licences: dict[int, str] | None = None) -> AuditReport:
    return audit(read_manifest(folder), LICENCES if licences is None else licences, 2)


def image_of(manifest: Manifest, image_id: int) -> Path:
    return next(manifest.folder / s.image for s in manifest.samples if s.image_id == image_id)


def same_image_id(folder: Path) -> None:
    """A test sample of a photograph that is in train."""
    samples = list(read_manifest(folder).samples)
    (source,) = samples[-1].sources
    twin = counterfactual(folder, samples[0], source.category, source.clip_id)
    finish(folder, "ss", [*samples, replace(twin, subset="test")])


def same_youtube_id(folder: Path) -> None:
    """Another ten seconds of a training clip's video, in test."""
    manifest = read_manifest(folder)
    train, test = manifest.samples[0], manifest.samples[-1]
    clip_id = train.sources[0].clip_id[:11] + "_000200"
    shutil.copy(manifest.clip_path(test.sources[0].clip_id), manifest.clip_path(clip_id))
    source = replace(test.sources[0], clip_id=clip_id)
    finish(folder, "ss", [*manifest.samples[:-1], replace(test, sources=(source,))])


def same_bytes(folder: Path) -> None:
    """A training photograph under another id in test."""
    manifest = read_manifest(folder)
    shutil.copy(image_of(manifest, 1), image_of(manifest, 8))
    finish(folder, "ss", manifest.samples)


def same_pixels(folder: Path) -> None:
    """The same, with a comment in the file, so that the bytes differ."""
    manifest = read_manifest(folder)
    data = image_of(manifest, 1).read_bytes()
    image_of(manifest, 8).write_bytes(data[:2] + b"\xff\xfe\x00\x06more" + data[2:])
    finish(folder, "ss", manifest.samples)


def same_audio(folder: Path) -> None:
    """A training clip's samples under another id in test, with a title in the file."""
    manifest = read_manifest(folder)
    samples, rate = soundfile.read(manifest.clip_path(manifest.samples[0].sources[0].clip_id))
    clip = manifest.clip_path(manifest.samples[-1].sources[0].clip_id)
    with soundfile.SoundFile(clip, "w", rate, 1, "PCM_16") as file:
        file.title = "another title"
        file.write(samples)
    finish(folder, "ss", manifest.samples)


PLANTED: list[tuple[Callable[[Path], None], LeakKind, str]] = [
    (same_image_id, LeakKind.IMAGE_ID, "1"),
    (same_youtube_id, LeakKind.YOUTUBE_ID, "-aaaaaaaaaa"),
    (same_bytes, LeakKind.IMAGE, ""),
    (same_pixels, LeakKind.IMAGE, ""),
    (same_audio, LeakKind.AUDIO, ""),
]


def test_a_clean_build_has_no_leak(small_dataset: Path, small_duets: Path) -> None:
    for folder in (small_dataset, small_duets):
        report = audit_of(folder)
        assert report.leaks == ()
        assert report.near_duplicates == ()
        assert report.passes("fail")
        assert list(format_audit(report))[-1].endswith("passes")


@pytest.mark.parametrize(("plant", "kind", "key"), PLANTED, ids=[p[0].__name__ for p in PLANTED])
def test_a_planted_leak_is_the_one_that_is_found(
    small_dataset: Path, plant: Callable[[Path], None], kind: LeakKind, key: str
) -> None:
    plant(small_dataset)
    report = audit_of(small_dataset)
    assert [leak.kind for leak in report.leaks] == [kind]
    assert {place.subset for place in report.leaks[0].places} == {"train", "test"}
    assert key in report.leaks[0].key
    assert report.near_duplicates == ()
    assert not report.passes("warn")
    assert next(format_audit(report)).startswith(f"leak: {kind}")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_sound_is_the_same_in_every_form_and_another_at_another_rate(
    subtype: str, tmp_path: Path
) -> None:
    loud = np.array([-1.0, 0.25, 32767 / 32768])
    paths = [tmp_path / f"{name}.wav" for name in ("plain", "same", "faster", "stereo", "other")]
    soundfile.write(paths[0], loud, 16_000, subtype="PCM_16")
    soundfile.write(paths[1], loud, 16_000, subtype=subtype)
    soundfile.write(paths[2], loud, 16_001, subtype=subtype)
    soundfile.write(paths[3], np.stack([loud, loud], axis=1), 16_000, subtype=subtype)
    soundfile.write(paths[4], loud[::-1], 16_000, subtype=subtype)
    plain, same, *others = map(audio_digest, paths)
    assert plain == same
    assert len({plain, *others}) == 4


def test_a_sound_that_is_cut_short_is_refused(small_dataset: Path) -> None:
    manifest = read_manifest(small_dataset)
    clip = manifest.clip_path(manifest.samples[0].sources[0].clip_id)
    clip.write_bytes(clip.read_bytes()[:-2])
    with pytest.raises(InputError, match="cut short"):
        audit_of(small_dataset)


def test_hashes_that_are_known_are_not_made_again(
    small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(small_dataset)
    known = {path: hash_file(path) for path in (image_of(manifest, n) for n in range(1, 8))}
    known[image_of(manifest, 1)] = hash_file(image_of(manifest, 8))
    hashed: list[Path] = []

    def counted(path: Path) -> Hashes:
        hashed.append(path)
        return hash_file(path)

    monkeypatch.setattr(near_duplicates, "hash_file", counted)
    report = audit(manifest, LICENCES, 2, hashes=known)
    assert hashed == [image_of(manifest, 8)]  # the one that nobody has looked at
    assert [(p.first.image_id, p.second.image_id) for p in report.near_duplicates] == [(1, 8)]


def test_sharing_within_a_subset_is_no_leak(tmp_path: Path) -> None:
    clip = PICTURES[1].sounding[0][1]
    folder = write_dataset(tmp_path, [*PICTURES, Picture(30, "train", (("dog", clip),))])
    manifest = read_manifest(folder)
    shutil.copy(image_of(manifest, 1), image_of(manifest, 30))
    finish(folder, "ss", manifest.samples)
    assert audit_of(folder).passes("fail")


def recompressed(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        half = image.resize((image.width // 2, image.height // 2))
    buffer = io.BytesIO()
    half.save(buffer, "JPEG", quality=50)
    return buffer.getvalue()


def test_a_resized_copy_is_a_near_duplicate_and_the_policy_decides(
    small_dataset: Path, tmp_path: Path
) -> None:
    manifest = read_manifest(small_dataset)
    image_of(manifest, 8).write_bytes(recompressed(image_of(manifest, 1).read_bytes()))
    report = audit_of(small_dataset)
    assert report.leaks == ()
    (pair,) = report.near_duplicates
    assert pair.bits <= 20
    # The training photograph comes first: it is the one that "drop" takes away.
    assert (pair.first.image_id, pair.second.image_id) == (1, 8)
    assert report.passes("warn")
    assert not report.passes("drop")
    assert not report.passes("fail")
    assert "near-duplicate" in next(format_audit(report, "fail"))

    write_sheet(report, tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "data/cat/000000000001.jpg" in page
    assert not re.search(r"(src|href)=.(?!data:)", page)


def test_images_without_a_licence_are_named_and_fail(small_dataset: Path) -> None:
    report = audit_of(small_dataset, {**LICENCES, 3: "", 4: ""})
    assert report.unlicensed == (3, 4)
    assert not report.passes("warn")
    assert any("licence unknown: 2 images: 3, 4" in line for line in format_audit(report))


def test_a_class_tested_but_never_trained_is_named(tmp_path: Path) -> None:
    extra = Picture(40, "test", (("keyboard", "kkkkkkkkkkk_000000"),))
    report = audit_of(write_dataset(tmp_path, [*PICTURES, extra]))
    assert report.untrained == ("keyboard",)
    assert report.passes("fail")
    assert "tested but never trained: keyboard" in list(format_audit(report))


def test_an_empty_dataset_passes(tmp_path: Path) -> None:
    assert audit_of(write_dataset(tmp_path, [])).passes("fail")


@given(
    st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 2), max_size=12),
    st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 2), max_size=12),
    st.integers(0, 128),
)
def test_close_pairs_are_those_of_a_plain_count(
    first: list[tuple[int, int]], second: list[tuple[int, int]], max_bits: int
) -> None:
    def apart(a: tuple[int, int], b: tuple[int, int]) -> int:
        return sum((x ^ y).bit_count() for x, y in zip(a, b, strict=True))

    wanted = [
        (i, j, apart(a, b))
        for i, a in enumerate(first)
        for j, b in enumerate(second)
        if apart(a, b) <= max_bits
    ]
    tables = [np.array(rows, np.uint64).reshape(-1, 2) for rows in (first, second)]
    assert list(close_pairs(*tables, max_bits)) == wanted


def test_blocks_do_not_change_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, (50, 2), dtype=np.uint64)
    whole = list(close_pairs(hashes, hashes, 55))
    assert len(whole) > 50
    monkeypatch.setattr("vpo_builder.audit.near_duplicates.PAIRS_AT_ONCE", 70)
    assert list(close_pairs(hashes, hashes, 55)) == whole


@pytest.mark.skipif(not COCO.is_dir(), reason="the real corpus is not beside the repository")
def test_real_photographs_keep_their_distance_and_their_copies_do_not(tmp_path: Path) -> None:
    paths = sorted(COCO.rglob("*.jpg"))[::4]
    hashes = np.stack([hash_file(path) for path in paths])
    different = [bits for i, j, bits in close_pairs(hashes, hashes, 128) if i != j]
    assert min(different) > 20
    for path, original in zip(paths, hashes, strict=True):
        (tmp_path / "copy.jpg").write_bytes(recompressed(path.read_bytes()))
        assert np.bitwise_count(hash_file(tmp_path / "copy.jpg") ^ original).sum() <= 20
