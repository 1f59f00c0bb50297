"""`export`: each format is read back by the library that people read it with."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.builder.dataset_by_hand import AUDIO, VALUES, counterfactual, finish
from tests.builder.documents.test_documents import write_documents
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.export.export import FORMATS, ExportFormat, export_dataset
from vpo_builder.runtime.errors import InputError


def mask_of(folder: Path, sample: Sample) -> np.ndarray:
    return np.asarray(Image.open(folder / sample.mask))


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_webdataset_reads_every_sample(small_duets: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    export_dataset(small_duets, tmp_path / "tars", "webdataset")
    samples = {sample.sample_id: sample for sample in read_manifest(small_duets).samples}
    read: dict[str, Any] = {}
    for shard in sorted((tmp_path / "tars").glob("*.tar")):
        for item in webdataset.WebDataset(str(shard), shardshuffle=False).decode("rgb8"):
            read[item["__key__"]] = item
            assert shard.name.startswith(samples[item["__key__"]].subset)
    assert read.keys() == samples.keys()
    for key, sample in samples.items():
        item = read[key]
        image = Image.open(small_duets / sample.image).convert("RGB")
        assert np.array_equal(item["jpg"], np.asarray(image))
        assert np.array_equal(item["mask.png"][..., 0], mask_of(small_duets, sample))
        assert [s["pan"] for s in item["json"]["sources"]] == [s.pan for s in sample.sources]
        for number, source in enumerate(sample.sources):
            clip = (small_duets / AUDIO / f"{source.clip_id}.wav").read_bytes()
            assert item[f"{number}.wav"] == clip
            assert item["json"]["sources"][number]["mask_value"] == VALUES[source.category]


def test_shards_hold_the_samples_in_order_and_split_by_number(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webdataset = pytest.importorskip("webdataset")
    monkeypatch.setattr("vpo_builder.export.webdataset.SAMPLES_A_SHARD", 2)
    export_dataset(small_dataset, tmp_path / "tars", "webdataset")
    shards = sorted(path.name for path in (tmp_path / "tars").glob("*.tar"))
    assert [name for name in shards if "test" in name] == ["test-000000.tar", "test-000001.tar"]
    read = [
        item["__key__"]
        for shard in shards
        if shard.startswith("test")
        for item in webdataset.WebDataset(str(tmp_path / "tars" / shard), shardshuffle=False)
    ]
    samples = read_manifest(small_dataset).samples
    assert read == [sample.sample_id for sample in samples if sample.subset == "test"]


def test_pycocotools_draws_the_masks_of_the_dataset(small_duets: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    write_documents(small_duets)
    out = tmp_path / "coco"
    export_dataset(small_duets, out, "coco")
    samples = {sample.sample_id: sample for sample in read_manifest(small_duets).samples}
    seen = []
    for subset in ("train", "test"):
        annotations = COCO(str(out / "annotations" / f"instances_{subset}.json"))
        assert {row["name"] for row in annotations.loadCats(annotations.getCatIds())} == set(
            VALUES
        ) - {"background"}
        for image in annotations.loadImgs(annotations.getImgIds()):
            sample = samples[image["sample_id"]]
            seen.append(sample.sample_id)
            assert (image["width"], image["height"]) == (sample.width, sample.height)
            assert Image.open(out / subset / image["file_name"]).size == (96, 64)
            assert image["licence"] == "Attribution License"
            drawn = np.zeros((64, 96), np.uint8)
            for row in annotations.loadAnns(annotations.getAnnIds(image["id"])):
                region = annotations.annToMask(row)
                assert row["area"] == region.sum()
                drawn[region == 1] = row["category_id"]
                assert (out / row["sources"][0]["audio"]).is_file()
            assert np.array_equal(drawn, mask_of(small_duets, sample))
    assert sorted(seen) == sorted(samples)


def test_panoptic_segments_are_the_regions_of_the_mask(small_duets: Path, tmp_path: Path) -> None:
    out = tmp_path / "coco"
    export_dataset(small_duets, out, "coco")
    panoptic = json.loads((out / "annotations" / "panoptic_train.json").read_text())
    images = {row["id"]: row["sample_id"] for row in panoptic["images"]}
    samples = {sample.sample_id: sample for sample in read_manifest(small_duets).samples}
    for row in panoptic["annotations"]:
        pixels = np.asarray(Image.open(out / "panoptic_train" / row["file_name"])).astype(int)
        ids = pixels @ [1, 256, 65536]  # the definition of the format
        drawn = np.zeros(ids.shape, np.uint8)
        for segment in row["segments_info"]:
            assert (ids == segment["id"]).sum() == segment["area"]
            drawn[ids == segment["id"]] = segment["category_id"]
        assert set(np.unique(ids)) - {0} == {segment["id"] for segment in row["segments_info"]}
        assert np.array_equal(drawn, mask_of(small_duets, samples[images[row["image_id"]]]))


def test_counterfactual_samples_share_a_file_and_keep_apart(
    small_dataset: Path, tmp_path: Path
) -> None:
    samples = list(read_manifest(small_dataset).samples)
    (source,) = samples[-2].sources
    twin = counterfactual(small_dataset, samples[-1], source.category, source.clip_id)
    finish(small_dataset, "ss", [*samples, twin])
    export_dataset(small_dataset, tmp_path / "coco", "coco")
    images = json.loads((tmp_path / "coco/annotations/instances_test.json").read_text())["images"]
    assert [image["coco_id"] for image in images].count(8) == 2
    assert len({image["id"] for image in images}) == len(images) == 4
    assert len(list((tmp_path / "coco" / "test").iterdir())) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("fixture", ["small_dataset", "small_duets"])
def test_datasets_loads_the_image_folder(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    folder = request.getfixturevalue(fixture)
    write_documents(folder)
    out = tmp_path / "hf"
    export_dataset(folder, out, "hf")
    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "c"))
    samples = {sample.sample_id: sample for sample in read_manifest(folder).samples}
    names = {"train": "train", "validation": "val", "test": "test"}
    assert {names[split] for split in loaded} == {sample.subset for sample in samples.values()}
    rows = {row["sample_id"]: (names[split], row) for split in loaded for row in loaded[split]}
    assert rows.keys() == samples.keys()
    for key, (subset, row) in rows.items():
        sample = samples[key]
        assert subset == sample.subset
        assert np.array_equal(np.asarray(row["mask"]), mask_of(folder, sample))
        assert row["image"].size == (sample.width, sample.height)
        assert [source["pan"] for source in row["sources"]] == [s.pan for s in sample.sources]
        assert row["silent"] == ", ".join(sample.silent)
        for source in row["sources"]:
            assert (out / subset / source["audio"]).is_file()


@pytest.mark.parametrize("target", FORMATS)
def test_the_same_dataset_gives_the_same_bytes_with_any_workers(
    target: ExportFormat, small_dataset: Path, tmp_path: Path
) -> None:
    write_documents(small_dataset)
    first = export_dataset(small_dataset, tmp_path / "one", target, workers=1)
    for path in small_dataset.rglob("*.jpg"):
        path.touch()
    export_dataset(small_dataset, tmp_path / "two", target, workers=3)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert {"README.md", "ATTRIBUTION.csv"} <= digests(tmp_path / "one").keys()
    assert first.files == len(digests(tmp_path / "one"))
    assert first.samples == 8


@pytest.mark.parametrize("target", FORMATS)
def test_bad_input_is_one_line_and_leaves_no_folder(
    target: ExportFormat, small_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "export"
    with pytest.raises(InputError, match="not empty"):
        export_dataset(small_dataset, small_dataset, target)
    image = next(small_dataset.rglob("*.jpg"))
    image.unlink()
    with pytest.raises(InputError, match=image.name):
        export_dataset(small_dataset, out, target)
    (small_dataset / META).unlink()
    with pytest.raises(InputError, match="not finished"):
        export_dataset(small_dataset, out, target)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
