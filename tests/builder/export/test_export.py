"""`export`: each format is read back by the library that people read it with."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.builder.dataset_by_hand import (
    AUDIO,
    DUETS,
    PICTURES,
    VALUES,
    finish,
    waveform,
    write_dataset,
)
from tests.builder.documents.test_documents import ATTRIBUTIONS, write_documents
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.dataset.schema import Sample, Split
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_card_says_how_masks_and_sounds_are_decoded(
    small_duets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("webdataset")
    (_, *duets) = read_manifest(small_duets).samples
    alone = replace(duets[0], sources=duets[0].sources[:1])
    finish(small_duets, "ms", [alone, *duets[1:]])
    write_documents(small_duets)
    export_dataset(small_duets, tmp_path / "tars", "webdataset")
    duo = read_manifest(small_duets).samples
    card = (tmp_path / "tars" / "README.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    monkeypatch.chdir(tmp_path / "tars")
    scope: dict[str, Any] = {}
    exec(snippet, scope)
    read = {item["__key__"]: item for batch in scope["batches"] for item in batch}
    assert read.keys() == {sample.sample_id for sample in duo if sample.subset == "train"}
    for sample in duo:
        if sample.subset == "train":
            item = read[sample.sample_id]
            assert np.array_equal(item["mask.png"], mask_of(small_duets, sample))
            assert len(item["sounds"]) == len(sample.sources)
            for source, (samples, rate) in zip(sample.sources, item["sounds"], strict=True):
                assert rate == 16_000
                assert np.allclose(samples, waveform(source.clip_id), atol=1e-4)


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("split", ["ss", "ms", "msmi"])
def test_datasets_loads_the_folder(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("vpo_builder.export.hf.SAMPLES_A_FILE", 2)
    monkeypatch.setattr("vpo_builder.export.hf.SAMPLES_A_GROUP", 1)
    datasets = pytest.importorskip("datasets")
    folder = write_dataset(tmp_path / "data", PICTURES if split == "ss" else DUETS, split)
    write_documents(folder)
    out = tmp_path / "hf"
    export_dataset(folder, out, "hf")
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    samples = {sample.sample_id: sample for sample in read_manifest(folder).samples}
    names = {"train": "train", "validation": "val", "test": "test"}
    assert {names[name] for name in loaded} == {sample.subset for sample in samples.values()}
    licences = {a.image_id: (a.license_name, a.license_url) for a in ATTRIBUTIONS}
    seen = set()
    for name, table in loaded.items():
        assert isinstance(table.features["audio"].feature, datasets.Audio)
        for row in table.cast_column("audio", [datasets.Audio(decode=False)]):
            sample = samples[row["sample_id"]]
            seen.add(sample.sample_id)
            assert names[name] == sample.subset
            assert np.array_equal(np.asarray(row["mask"]), mask_of(folder, sample))
            assert row["image"].size == (sample.width, sample.height)
            assert [source["pan"] for source in row["sources"]] == [s.pan for s in sample.sources]
            assert [s["ann_id"] for s in row["sources"]] == [s.ann_id for s in sample.sources]
            assert row["silent"] == list(sample.silent)
            assert (row["licence"], row["licence_url"]) == licences[sample.image_id]
            for source, sound in zip(sample.sources, row["audio"], strict=True):
                assert sound["bytes"] == (folder / AUDIO / f"{source.clip_id}.wav").read_bytes()
    assert seen == samples.keys()


def test_a_dataset_without_a_card_gets_one_that_tells_where_the_data_are(
    small_dataset: Path, tmp_path: Path
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    export_dataset(small_dataset, tmp_path / "bare", "hf")
    write_documents(small_dataset)
    export_dataset(small_dataset, tmp_path / "full", "hf")
    for name in ("bare", "full"):
        card = hub.DatasetCard((tmp_path / name / "README.md").read_text())
        (config,) = card.data.to_dict()["configs"]
        for rows in config["data_files"]:
            assert list((tmp_path / name).glob(rows["path"]))
        assert "load_dataset(" in card.text
    assert card.data.to_dict()["pretty_name"] == "VPO-SS"
    assert "## Licences" in card.text


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
    ours = {"README.md", "ATTRIBUTION.csv", META}
    found = digests(tmp_path / "one").keys()
    assert not ours & found if target == "published" else ours <= found
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


@pytest.mark.parametrize("card", [b"---\nnever closed", b"---\n", b"", b"text\n---\n---\n---\n"])
def test_a_card_of_any_text_keeps_it_beneath_what_is_said_of_the_copy(
    small_duets: Path, tmp_path: Path, card: bytes
) -> None:
    manifest = read_manifest(small_duets)
    (small_duets / "README.md").write_bytes(card)
    finish(small_duets, manifest.meta.split, manifest.samples)
    export_dataset(small_duets, tmp_path / "out", "webdataset")
    written = (tmp_path / "out" / "README.md").read_bytes()
    assert written.startswith(b"---\n")
    assert written.count(b"## How to read this copy") == 1
    assert card in written


def test_a_card_that_is_no_text_is_refused(small_duets: Path, tmp_path: Path) -> None:
    manifest = read_manifest(small_duets)
    (small_duets / "README.md").write_bytes(b"---\n---\n\xff")
    finish(small_duets, manifest.meta.split, manifest.samples)
    with pytest.raises(InputError, match="no UTF-8 text"):
        export_dataset(small_duets, tmp_path / "out", "webdataset")
    assert not (tmp_path / "out").exists()
