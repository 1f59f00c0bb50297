import csv
import json
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.builder.building import BUILD, build_from, run_build, run_build_process, source_options
from tests.builder.small_corpus import LEFT, MIDDLE, RIGHT, TINY, SmallCorpus, farm
from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.dataset.manifest import MANIFEST, META, Manifest, read_manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.publishing.media_record import note_media
from vpo_builder.publishing.rejections import vanished_clips
from vpo_builder.rendering.clip_folder import NOTE
from vpo_builder.rendering.clip_record import RECORD
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.verify import verify


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small corpus that no test changes."""
    return farm(tmp_path_factory.mktemp("farm")).folder


def built(sources: Path, out: Path, split: str = "ss", **options: object) -> Manifest:
    return read_manifest(build_from(sources, out, split, **options).folder)  # type: ignore[arg-type]


def test_ss_follows_the_rules(tmp_path: Path) -> None:
    corpus = SmallCorpus(tmp_path)
    corpus.image(1, ("dog", LEFT), ("cat", RIGHT))
    corpus.image(2, ("dog", LEFT), ("dog", RIGHT))  # repeated
    corpus.image(3, ("dog", LEFT), ("chair", MIDDLE), ("chair", RIGHT))  # repeats of no class
    corpus.image(4, ("dog", LEFT), ("dog", TINY))  # a tiny repeat is a repeat
    corpus.image(5, ("dog", TINY))
    corpus.image(6, ("chair", LEFT))
    corpus.image(7, ("dog", LEFT))
    corpus.object(7, "cat", RIGHT, iscrowd=1)  # a crowd counts as more than one
    corpus.image(8, ("dog", LEFT))
    corpus.object(8, "dog", RIGHT, area=0, segmentation=[])  # no object at all
    corpus.image(9, ("dog", LEFT), ("cat", RIGHT), part="val2017")
    for number in range(12):
        corpus.clip(f"dog-clip-{number:02d}", "dog barking", "test" if number < 3 else "train")
        corpus.clip(f"cat-clip-{number:02d}", "cat meowing", "test" if number < 3 else "train")
    corpus.write()
    manifest = built(tmp_path, tmp_path / "out", overrides=("subsets.val_fraction=0",))
    per_image = Counter(sample.image_id for sample in manifest.samples)
    assert per_image == {1: 1, 3: 1, 8: 1, 9: 2}
    funnel = manifest.meta.funnel
    assert funnel["images"] == {
        "entered": 9,
        "kept": 4,
        "no_eligible_object": 1,
        "no_sounding_object": 1,
        "repeated_instances": 3,
    }
    assert funnel["objects"]["annotation_without_area"] == 1
    assert funnel["objects"]["sounding"] == 5
    assert funnel["objects"]["silent"] == 1


def test_a_test_image_gives_a_sample_for_each_object_that_could_sound(
    farm_folder: Path, tmp_path: Path
) -> None:
    samples = [s for s in built(farm_folder, tmp_path).samples if s.subset == "test"]
    groups = {s.image_id: [t for t in samples if t.image_id == s.image_id] for s in samples}
    assert any(len(group) > 1 for group in groups.values())
    for group in groups.values():
        pictures = {(tmp_path / "VPO/VPO-SS" / sample.image).read_bytes() for sample in group}
        masks = {(tmp_path / "VPO/VPO-SS" / sample.mask).read_bytes() for sample in group}
        sounds = {source.clip_id for sample in group for source in sample.sources}
        assert (len(pictures), len(masks), len(sounds)) == (1, len(group), len(group))


def test_an_object_under_smaller_ones_that_sound_does_not_sound_with_them(tmp_path: Path) -> None:
    corpus = farm(tmp_path)
    corpus.image(
        99, ("dog", (10, 10, 20, 20)), ("cat", (10, 10, 10, 20)), ("cow", (20, 10, 10, 20))
    )
    corpus.write()
    manifest = built(tmp_path, tmp_path / "out", "ms")
    sources = next(s.sources for s in manifest.samples if s.image_id == 99)
    heard = {source.category for source in sources}
    mask = Image.open(manifest.folder / "mask" / "000000000099.png")
    values = {row.mask_value for row in manifest.meta.classes if row.name in heard}
    assert set(np.unique(np.asarray(mask))) - {0} == values


@pytest.mark.parametrize("split", ["ss", "ms"])
def test_a_loader_written_from_the_published_layout_reads_every_sample(
    farm_folder: Path, tmp_path: Path, split: str
) -> None:
    manifest = built(farm_folder, tmp_path, split)
    root = tmp_path / "VPO" / f"VPO-{split.upper()}"
    with (root / f"vpo_{split}_data_stereo.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen = set()
    for row in rows:
        image, mask = f"{int(row['img_Id']):012d}", f"{int(row['img_Id']):012d}"
        folder = ""
        if split == "ss":
            folder, mask = row["cateName"], f"{image}_{int(row['ann_Ids']):012d}"
        picture = Image.open(root / "data" / folder / f"{image}.jpg")
        values = np.unique(np.asarray(Image.open(root / "mask" / folder / f"{mask}.png")))
        assert picture.size == (64, 48)
        assert int(row["cateId"]) in values
        wav = tmp_path / "vggsound_bench/VGGSound/audios" / f"{row['vgg_file']}.wav"
        assert wav.stat().st_size > 10_000
        assert 0 <= float(row["audio_pos"]) <= 1
        assert (row["split"], row["multi_instance"]) in {("train", "0"), ("test", "0")}
        seen.add((int(row["img_Id"]), int(row["ann_Ids"])))
    expected = {(s.image_id, o.ann_id) for s in manifest.samples for o in s.sources}
    assert seen == expected


def test_the_bytes_do_not_depend_on_workers_order_folder_or_environment(
    farm_folder: Path, tmp_path: Path
) -> None:
    first = built(farm_folder, tmp_path / "one")
    shuffled = tmp_path / "elsewhere" / "sources"
    shutil.copytree(farm_folder, shuffled)
    rng = random.Random(0)
    for path in (shuffled / "coco" / "annotations").glob("*.json"):
        tree = json.loads(path.read_text())
        for rows in tree.values():
            rng.shuffle(rows)
        path.write_text(json.dumps(tree))
    table = shuffled / "vggsound" / "vggsound.csv"
    lines = table.read_text().splitlines()
    rng.shuffle(lines)
    table.write_text("\n".join(lines) + "\n")
    options = ("--split", "ss", "--out", tmp_path / "two", "--workers", 4)
    environment = {"PYTHONHASHSEED": "1", "LC_ALL": "C"}
    run = run_build_process(*options, *source_options(shuffled), **environment)
    assert run.returncode == 0, run.stderr
    second = tmp_path / "two" / "VPO" / "VPO-SS"
    assert (first.folder / MANIFEST).read_bytes() == (second / MANIFEST).read_bytes()
    assert checksums(first.folder) == checksums(second)
    assert not verify(second).faults


def checksums(folder: Path) -> list[str]:
    """Return the list of checksums without the card's: it names the hashes of the inputs."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return [line for line in lines if not line.endswith("  README.md")]


def test_a_vanished_clip_changes_only_the_samples_that_used_it(
    farm_folder: Path, tmp_path: Path
) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(farm_folder, sources)
    before = built(sources, tmp_path / "one", "ms")
    gone = before.samples[0].sources[0].clip_id
    (sources / "vggsound" / "audios" / f"{gone}.wav").unlink()
    after = built(sources, tmp_path / "two", "ms")
    assert after.meta.funnel["clips"]["clip_vanished"] == 1
    assert len(before.samples) == len(after.samples)
    for old, new in zip(before.samples, after.samples, strict=True):
        used = gone in {source.clip_id for source in old.sources}
        assert (old != new) == used


def interrupted(sources: Path, out: Path) -> None:
    """Kill a build as soon as it has written some images."""
    command = [*BUILD, "--split", "ss", "--out", str(out), "--workers", "1"]
    process = subprocess.Popen([*command, *source_options(sources)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.rglob("data/*/*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_build_resumes_to_the_same_bytes(farm_folder: Path, tmp_path: Path) -> None:
    interrupted(farm_folder, tmp_path / "killed")
    folder = tmp_path / "killed/VPO/VPO-SS"
    assert not (folder / META).exists()
    leftover = folder / "data" / "dog" / "000000009999.jpg"
    leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.write_bytes(b"of a sample that is no longer selected")
    note_media(folder, ["data/dog/000000009999.jpg"])  # as the earlier plan did
    resumed = built(farm_folder, tmp_path / "killed")
    whole = built(farm_folder, tmp_path / "whole")
    assert resumed.samples == whole.samples
    assert (folder / META).read_bytes() == (whole.folder / META).read_bytes()
    assert not verify(folder).faults


def test_a_finished_build_is_left_alone_and_other_options_are_refused(
    farm_folder: Path, tmp_path: Path
) -> None:
    options = ("--split", "ss", "--out", tmp_path, "--workers", 1, *source_options(farm_folder))
    assert run_build(*options).exit_code == 0
    stamp = (tmp_path / "VPO/VPO-SS" / META).stat().st_mtime_ns
    again = run_build(*options)
    assert "already built from the same inputs: nothing to do" in again.output
    assert (tmp_path / "VPO/VPO-SS" / META).stat().st_mtime_ns == stamp
    other = run_build(*options, "--set", "filters.min_area_fraction=0.01")
    assert other.exit_code == 2
    assert "config.filters.min_area_fraction is 0.005, now 0.01" in other.stderr
    audio = run_build(*options, "--split", "ms", "--set", "audio.seconds=5")
    assert audio.exit_code == 2
    assert "made with other audio.* or clips.* settings" in audio.stderr


def test_broken_items_are_counted_and_the_build_goes_on(tmp_path: Path) -> None:
    corpus = farm(tmp_path)
    images = tmp_path / "coco" / "train2017"
    (images / "000000000001.jpg").unlink()
    whole = (images / "000000000002.jpg").read_bytes()
    (images / "000000000002.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (10, 10)).save(images / "000000000003.jpg")
    audios = tmp_path / "vggsound" / "audios"
    for number, path in enumerate(sorted(audios.glob("dog*.wav"))):
        if number % 3 == 0:
            path.write_bytes(path.read_bytes()[:2000])
    lenient = ("limits.max_missing_fraction=0.2",)
    manifest = built(tmp_path, tmp_path / "out", overrides=lenient)
    funnel = manifest.meta.funnel
    assert {"image_missing", "image_corrupt", "image_size_differs"} <= funnel["images"].keys()
    assert funnel["clips"]["clip_truncated"] > 0
    assert not verify(manifest.folder).faults
    with pytest.raises(InputError, match=r"3 of \d+ selected images cannot be used: image 1 \("):
        build_from(corpus.folder, tmp_path / "strict-limit")
    with pytest.raises(InputError, match=r"--strict: clip dog"):
        build_from(corpus.folder, tmp_path / "strict", overrides=lenient, strict=True)


def test_vanished_clips_alone_never_stop_a_build(tmp_path: Path) -> None:
    farm(tmp_path)
    gone = sorted((tmp_path / "vggsound/audios").glob("*.wav"))[::2]
    for path in gone:
        path.unlink()
    manifest = built(tmp_path, tmp_path / "out", strict=True)
    vanished = vanished_clips(manifest.folder)
    assert vanished < {path.stem for path in gone}
    assert manifest.meta.funnel["clips"]["clip_vanished"] == len(vanished) > 0


def test_a_clip_that_nothing_asked_for_is_no_part_of_a_dataset(
    farm_folder: Path, tmp_path: Path
) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(farm_folder, sources)
    before = built(sources, tmp_path / "one")
    used = {source.clip_id for sample in before.samples for source in sample.sources}
    for path in (sources / "vggsound/audios").glob("*.wav"):
        if path.stem not in used:
            path.unlink()
    after = built(sources, tmp_path / "two")
    assert (before.folder / META).read_bytes() == (after.folder / META).read_bytes()


def test_a_finished_dataset_is_refused_once_a_clip_that_it_lacked_is_there(
    farm_folder: Path, tmp_path: Path
) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(farm_folder, sources)
    clip = built(sources, tmp_path / "one").samples[0].sources[0].clip_id
    recording = sources / "vggsound/audios" / f"{clip}.wav"
    kept = recording.read_bytes()
    recording.unlink()
    build_from(sources, tmp_path / "two")
    assert build_from(sources, tmp_path / "two").already_built
    recording.write_bytes(kept)
    with pytest.raises(InputError, match=f"built without clip {clip}, now there"):
        build_from(sources, tmp_path / "two")


@needs_corpus
@pytest.mark.parametrize("split", ["ss", "ms"])
def test_the_real_corpus_builds_and_its_masks_are_pycocotools(tmp_path: Path, split: str) -> None:
    manifest = built(CORPUS, tmp_path, split)
    assert not verify(manifest.folder).faults
    for stage, outcomes in manifest.meta.funnel.items():
        entered = outcomes["entered"]
        assert entered == sum(outcomes.values()) - entered, stage
    assert manifest.meta.funnel["images"]["entered"] == 159
    assert manifest.meta.funnel["clips"]["entered"] == 181
    values = {row.name: row.mask_value for row in manifest.meta.classes}
    annotations = {
        part: COCO(str(CORPUS / "coco" / "annotations" / f"instances_{part}.json"))
        for part in ("train2017", "val2017")
    }
    for sample in manifest.samples:
        part = "val2017" if sample.subset == "test" else "train2017"
        rendered = np.asarray(Image.open(manifest.folder / sample.mask))
        assert (rendered == expected_mask(sample, annotations[part], values)).all()
        original = CORPUS / "coco" / part / f"{sample.image_id:012d}.jpg"
        assert (manifest.folder / sample.image).read_bytes() == original.read_bytes()


def expected_mask(sample: Sample, coco: COCO, values: dict[str, int]) -> np.ndarray:
    """Return the sources' masks by pycocotools, the smaller ones on top."""
    layers = [(coco.annToMask(coco.anns[s.ann_id]), values[s.category]) for s in sample.sources]
    merged = np.zeros((sample.height, sample.width), np.uint8)
    for mask, value in sorted(layers, key=lambda layer: -int(layer[0].sum())):
        merged[mask == 1] = value
    return merged


@needs_corpus
def test_any_changed_byte_of_the_real_corpus_is_found(tmp_path: Path) -> None:
    manifest = built(CORPUS, tmp_path, "ms")
    rng = random.Random(1)
    files = [
        path for path in tmp_path.rglob("*") if path.is_file() and path.name not in (NOTE, RECORD)
    ]
    for path in files:
        whole = path.read_bytes()
        place = rng.randrange(len(whole))
        changed = bytes([whole[place] ^ (1 << rng.randrange(8))])
        path.write_bytes(whole[:place] + changed + whole[place + 1 :])
        assert verify(manifest.folder).faults, path
        path.write_bytes(whole)
    assert not verify(manifest.folder).faults
