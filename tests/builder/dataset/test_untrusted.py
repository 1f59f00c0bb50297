"""A manifest with a right seal is refused for whatever no build writes, at each rule's edge."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builder.building_single_plus import FOLDER
from tests.builder.dataset_by_hand import CLASSES, reseal
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.places import audio_folder, vpo_files
from vpo_builder.dataset.schema import ManifestMeta, Sample
from vpo_builder.dataset.untrusted import class_faults, meta_faults, sample_faults
from vpo_builder.runtime.errors import InputError

ROOT = Path(__file__).parents[3]
PUBLISHED = sorted((ROOT / "manifests").glob("synthetic-*"))

HOSTILE = st.sampled_from(
    [
        *("", ".", "..", "../x", "../../x", "../../../x", "a/../../x", "/etc/passwd", "/dev/zero"),
        *("//host/x", "\\\\host\\x", "C:\\x", "C:x", "..\\x", "data\\x", "~", "~root/x", "-rf"),
        *("x\0y", "\x1b[2J", "x\n", "x/", "x//y", "./x", "x\u202ey", "\ud7ff", "é", "A" * 300),
        *("$(id)", "`id`", "%2e%2e/x", "=1+1", "<script>", "file:///etc/passwd", "CON", " x"),
        *("../VPO-MS/../../x", "../../vggsound_bench/VGGSound/audios/../../x", "cat\n", "cat\0"),
    ]
) | st.text(st.characters(codec="utf-8"), max_size=30)


def first(manifest: Manifest, **changes: Any) -> tuple[ManifestMeta, list[Sample]]:
    """Return the records with the first sample changed; names of a source's fields change it."""
    sample = manifest.samples[0]
    of_source = {name: changes.pop(name) for name in ("category", "clip_id", "ann_id", "pan")
                 if name in changes}  # fmt: skip
    if of_source:
        source, *others = sample.sources
        changes["sources"] = (replace(source, **of_source), *others)
    return manifest.meta, [replace(sample, **changes), *manifest.samples[1:]]


def coherent(manifest: Manifest, **changes: Any) -> tuple[ManifestMeta, list[Sample]]:
    """The same, with the id and paths that the changed ids give, as a careful stranger would."""
    meta, samples = first(manifest, **changes)
    sample = samples[0]
    source = sample.sources[0]
    files = vpo_files(meta.split, sample.image_id, source.category, source.ann_id)
    samples[0] = replace(sample, sample_id=files.sample_id, image=files.image, mask=files.mask)
    known = {row.name for row in meta.classes}
    rows = [
        replace(row, name=source.category) if row.name == "cat" else row for row in meta.classes
    ]
    if source.category not in known:
        meta = replace(meta, classes=tuple(rows))
    return meta, sorted(samples, key=lambda sample: sample.sample_id)


def reasons(meta: ManifestMeta, samples: list[Sample]) -> str:
    meta = replace(meta, samples=len(samples))
    return "\n".join(
        [*meta_faults(meta), *(fault.reason for fault in sample_faults(meta, samples))]
    )


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda path: path.name)
def test_the_published_manifests_are_read(folder: Path) -> None:
    assert len(PUBLISHED) == 4
    manifest = read_manifest(folder)
    assert reasons(manifest.meta, list(manifest.samples)) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_id": -1}, "image id -1"),
        ({"image_id": 10**12}, "image id 1000000000000"),
        ({"ann_id": -1}, "annotation id -1"),
        ({"ann_id": 10**12}, "annotation id 1000000000000"),
        ({"width": 0}, "size 0x64"),
        ({"height": 65_501}, "size 96x65501"),
        ({"width": 65_500, "height": 2_733}, "size 65500x2733"),
        ({"pan": -0.001}, "pan -0.001"),
        ({"pan": 1.001}, "pan 1.001"),
        ({"sources": ()}, "no source"),
        ({"category": "background"}, "sounds 'background'"),
        ({"silent": ("wolf",)}, "names 'wolf' as silent"),
        ({"clip_id": "-aaaaaaaaaa_00001"}, "clip id '-aaaaaaaaaa_00001'"),
        ({"clip_id": "-aaaaaaaaaa_000010\n"}, "clip id"),
        ({"clip_id": "../aaaaaaaa_000010"}, "clip id"),
        ({"clip_id": "٣aaaaaaaaaa_000010"}, "clip id"),
        ({"sample_id": "000000000001"}, "its ids give it the name 000000000001_000000000100"),
        ({"image": "data/dog/000000000001.jpg"}, "should name it data/cat/000000000001.jpg"),
        ({"image": "/data/cat/000000000001.jpg"}, "lies outside"),
        ({"mask": "../VPO-MS/mask/000000000001.png"}, "lies outside"),
    ],
)
def test_each_rule_refuses_what_is_just_beyond_it(
    small_dataset: Path, changes: dict[str, Any], reason: str
) -> None:
    meta, samples = first(read_manifest(small_dataset), **changes)
    assert reason in reasons(meta, samples)
    reseal(small_dataset, meta, samples)
    with pytest.raises(InputError):
        read_manifest(small_dataset)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_id": 0},
        {"image_id": 10**12 - 1},
        {"ann_id": 10**12 - 1},
        {"width": 1},
        {"height": 65_500},
        {"width": 65_500, "height": 2_732},
        {"pan": 0.0},
        {"pan": 1.0},
        {"silent": ()},
        {"clip_id": "-_aZ09aaaaa_999999"},
    ],
)
def test_each_rule_takes_what_is_just_within_it(
    small_dataset: Path, changes: dict[str, Any]
) -> None:
    meta, samples = coherent(read_manifest(small_dataset), **changes)
    reseal(small_dataset, meta, samples)
    assert list(read_manifest(small_dataset).samples) == samples


def test_order_counts_and_repeated_ids_are_held(small_duets: Path) -> None:
    meta, (a, b, *others) = (manifest := read_manifest(small_duets)).meta, manifest.samples
    assert "not sorted" in reasons(meta, [b, a, *others])
    assert "occurs 2 times" in reasons(meta, [a, a, b, *others])
    assert "counts 3" in "".join(f.reason for f in sample_faults(meta, [a, b]))
    twice = replace(a, sources=(a.sources[0], replace(a.sources[1], ann_id=a.sources[0].ann_id)))
    assert "an annotation sounds twice" in reasons(meta, [twice, b, *others])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"name": "a/b"}, "class 'a/b'"),
        ({"name": ".."}, "class '..'"),
        ({"name": "x" * 62}, "class 'xxx"),
        ({"name": "dog"}, "'dog' twice"),
        ({"mask_value": 255}, "mask_value 255"),
        ({"mask_value": 0}, "mask_value 0"),
        ({"mask_value": -1}, "mask_value -1"),
        ({"mask_value": 18}, "18 twice"),
        ({"index": 7}, "indices"),
        ({"group": "a\x1b[2J"}, "group"),
    ],
)
def test_class_tables_are_held(row: dict[str, Any], reason: str) -> None:
    assert list(class_faults(CLASSES)) == []
    rows = [replace(r, **row) if r.name == "cat" else r for r in CLASSES]
    assert any(reason in fault for fault in class_faults(rows))


def test_background_is_the_first_class_and_0() -> None:
    assert list(class_faults(()))
    assert list(class_faults(CLASSES[1:]))
    assert list(class_faults([replace(CLASSES[0], mask_value=9), *CLASSES[1:]]))
    assert list(class_faults([replace(CLASSES[0], name="sky"), *CLASSES[1:]]))


@pytest.mark.parametrize(
    "audio",
    [
        *("../../vggsound_bench/VGGSound", "../../vggsound_bench/VGGSound/audios/", "/audios"),
        *("../../../vggsound_bench/VGGSound/audios", "audios", "", "../../vggsound_bench/../x"),
    ],
)
def test_the_folder_of_clips_is_the_published_one(small_dataset: Path, audio: str) -> None:
    manifest = read_manifest(small_dataset)
    reseal(small_dataset, replace(manifest.meta, audio=audio), manifest.samples)
    with pytest.raises(InputError, match="where its clips lie"):
        read_manifest(small_dataset)


def test_msmi_reads_a_sample_from_one_place(small_duets: Path) -> None:
    manifest = read_manifest(small_duets)
    meta = replace(manifest.meta, split="msmi")
    sample, *others = manifest.samples
    shared = replace(sample, image=f"../VPO-MS/{sample.image}", mask=f"../VPO-MS/{sample.mask}")
    assert reasons(meta, [shared, *others]) == ""
    for mixed in (replace(shared, mask=sample.mask), replace(shared, image=sample.image)):
        assert "should name it" in reasons(meta, [mixed, *others])
    other = replace(shared, image=shared.image.replace("VPO-MS", "VPO-SS"))
    assert "lies outside" in reasons(meta, [other, *others])


def test_a_frame_of_single_plus_names_its_own_files_and_sound(single_plus: Path) -> None:
    manifest = read_manifest(single_plus / FOLDER)
    for changes, reason in (
        ({"sample_id": "../x_1"}, "expected a video's name"),
        ({"sample_id": "-aaaaaaaaaa_6"}, "a frame from 1 to 5"),
        ({"clip_id": "another_1"}, "its sources are"),
        ({"ann_id": 9}, "its sources are"),
        ({"image_id": 2**53}, "image id"),
        ({"image": "frames/x.png"}, "should name it frames/"),
    ):
        assert reason in reasons(*first(manifest, **changes))


FIELDS: dict[str, Callable[[Manifest, str], tuple[ManifestMeta, list[Sample]]]] = {
    **{
        name: lambda manifest, text, name=name: first(manifest, **{name: text})  # type: ignore[misc]
        for name in ("sample_id", "image", "mask", "category", "clip_id")
    },
    "silent": lambda manifest, text: first(manifest, silent=(text,)),
    "class and its folder": lambda manifest, text: coherent(manifest, category=text),
    "audio": lambda manifest, text: (
        replace(manifest.meta, audio=text),
        list(manifest.samples),
    ),
}
"""Every text of a manifest that becomes part of a path or of a name."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(field=st.sampled_from(sorted(FIELDS)), text=HOSTILE)
def test_no_text_of_a_manifest_names_a_place_outside(
    small_dataset: Path, field: str, text: str
) -> None:
    original = read_manifest(small_dataset)
    meta, samples = FIELDS[field](original, text)
    if list(meta_faults(meta)) or list(sample_faults(meta, samples)):
        return
    assert meta.audio == audio_folder("ss")
    for sample in samples:
        names = [sample.sample_id, *(source.clip_id for source in sample.sources)]
        assert all(name.isascii() and name.isprintable() and "/" not in name for name in names)
        for path in (sample.image, sample.mask):
            pure = PurePosixPath(path)
            assert not pure.is_absolute()
            assert ".." not in pure.parts
            assert pure.as_posix() == path
            assert path.isascii()
            assert path.isprintable()
            assert "\\" not in path
