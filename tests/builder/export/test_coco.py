"""`export --format coco`: pycocotools reads back what was written."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests.builder.dataset_by_hand import (
    AUDIO,
    VALUES,
    Picture,
    counterfactual,
    finish,
    mask_png,
    waveform,
    write_dataset,
)
from tests.builder.documents.test_documents import CC, write_documents
from tests.builder.export.test_export import mask_of
from vpo_builder.dataset.instances import INSTANCES, Instance
from vpo_builder.dataset.manifest import encode_lines, read_manifest
from vpo_builder.dataset.schema import Source
from vpo_builder.export.export import export_dataset
from vpo_builder.runtime.errors import InputError

PAIR = Picture(21, "train", (("dog", "bbbbbbbbbbb_000020"), ("cat", "-aaaaaaaaaa_000010")))
SMALL_DOG = Source("dog", 2102, "ddddddddddd_000000", 0.541667)
BOXES = ((0, 0, 60, 60), (50, 10, 70, 30), (40, 20, 64, 40))  # each lies over a part of the first


def outline(box: tuple[int, int, int, int]) -> str:
    pixels = np.zeros((64, 96), np.uint8, order="F")
    pixels[box[1] : box[3], box[0] : box[2]] = 1
    return str(coco_mask.encode(pixels)["counts"].decode())


@pytest.fixture
def herd(tmp_path: Path) -> Path:
    """A VPO-MSMI of one picture: a large dog, under a cat and under a small dog."""
    folder = write_dataset(tmp_path / "data", [PAIR], "msmi")
    (pair,) = read_manifest(folder).samples
    sample = replace(pair, sources=(*pair.sources, SMALL_DOG))
    clip = folder / AUDIO / f"{SMALL_DOG.clip_id}.wav"
    soundfile.write(clip, waveform(SMALL_DOG.clip_id), 16_000, subtype="PCM_16")
    finish(folder, "msmi", [sample])
    values = [VALUES[source.category] for source in sample.sources]
    # The smaller on top: the cat's 400 pixels over the small dog's 480.
    order = (0, 2, 1)
    drawn = mask_png([(values[i], BOXES[i]) for i in order], (96, 64))
    (folder / sample.mask).write_bytes(drawn)
    write_outlines(folder, BOXES)
    return folder


def write_outlines(folder: Path, boxes: Any) -> None:
    (sample,) = read_manifest(folder).samples
    rows = [
        Instance(sample.sample_id, source.ann_id, outline(box))
        for source, box in zip(sample.sources, boxes, strict=True)
    ]
    (folder / INSTANCES).write_bytes(encode_lines(rows))
    finish(folder, "msmi", [sample])


def annotations_of(out: Path, kind: str) -> Any:
    return json.loads((out / "annotations" / f"{kind}_train.json").read_text())["annotations"]


def test_each_instance_of_a_class_has_its_outline_its_sound_and_its_place(
    herd: Path, tmp_path: Path
) -> None:
    out = tmp_path / "coco"
    export_dataset(herd, out, "coco")
    (sample,) = read_manifest(herd).samples
    coco = COCO(str(out / "annotations" / "instances_train.json"))
    found = {row["sources"][0]["ann_id"]: row for row in coco.anns.values()}
    assert len(found) == len(coco.anns) == 3
    for source, (left, top, right, bottom) in zip(sample.sources, BOXES, strict=True):
        row = found[source.ann_id]
        assert row["category_id"] == VALUES[source.category]
        assert row["bbox"] == [left, top, right - left, bottom - top]
        assert row["area"] == coco.annToMask(row).sum() == (right - left) * (bottom - top)
        assert row["iscrowd"] == 0
        (heard,) = row["sources"]
        assert heard == {
            "ann_id": source.ann_id,
            "audio": f"audio/{source.clip_id}.wav",
            "pan": source.pan,
        }


def test_panoptic_segments_of_instances_do_not_overlap_and_draw_the_mask(
    herd: Path, tmp_path: Path
) -> None:
    out = tmp_path / "coco"
    export_dataset(herd, out, "coco")
    (sample,) = read_manifest(herd).samples
    (row,) = annotations_of(out, "panoptic")
    ids = np.asarray(Image.open(out / "panoptic_train" / row["file_name"])) @ [1, 256, 65536]
    drawn = np.zeros(ids.shape, np.uint8)
    for segment in row["segments_info"]:
        drawn[ids == segment["id"]] = segment["category_id"]
        assert segment["area"] == (ids == segment["id"]).sum()
    assert np.array_equal(drawn, mask_of(herd, sample))
    instances = {a["id"]: a for a in annotations_of(out, "instances")}
    assert instances.keys() == {segment["id"] for segment in row["segments_info"]}
    # The large dog is seen without what covers it; the small one without the cat on it.
    areas = sorted(segment["area"] for segment in row["segments_info"])
    assert areas == [24 * 20 - 14 * 10, 20 * 20, 3600 - 20 * 20 - 10 * 20 + 10 * 10]


def test_an_instance_that_another_covers_is_an_annotation_and_no_segment(
    herd: Path, tmp_path: Path
) -> None:
    (sample,) = read_manifest(herd).samples
    boxes = (BOXES[0], BOXES[1], BOXES[0])  # of two equal dogs one is on top
    values = [VALUES[source.category] for source in sample.sources]
    drawn = mask_png(zip(values[:2], boxes[:2], strict=True), (96, 64))
    (herd / sample.mask).write_bytes(drawn)
    write_outlines(herd, boxes)
    export_dataset(herd, tmp_path / "coco", "coco")
    assert len(annotations_of(tmp_path / "coco", "instances")) == 3
    (row,) = annotations_of(tmp_path / "coco", "panoptic")
    assert len(row["segments_info"]) == 2
    assert sum(segment["area"] for segment in row["segments_info"]) == 3600 + 10 * 20


def test_of_equal_outlines_the_one_of_the_higher_value_is_on_top_as_in_the_mask(
    herd: Path, tmp_path: Path
) -> None:
    (sample,) = read_manifest(herd).samples
    boxes = ((0, 0, 20, 20), (10, 0, 30, 20), (60, 0, 80, 20))  # dog, cat, dog
    drawn = [(VALUES["cat"], boxes[1]), (VALUES["dog"], boxes[0]), (VALUES["dog"], boxes[2])]
    (herd / sample.mask).write_bytes(mask_png(drawn, (96, 64)))
    write_outlines(herd, boxes)
    export_dataset(herd, tmp_path / "coco", "coco")
    (row,) = annotations_of(tmp_path / "coco", "panoptic")
    seen = [(segment["category_id"], segment["area"]) for segment in row["segments_info"]]
    assert seen == [(VALUES["cat"], 200), (VALUES["dog"], 400), (VALUES["dog"], 400)]


def test_objects_that_nothing_tells_apart_are_a_crowd(herd: Path, tmp_path: Path) -> None:
    (herd / INSTANCES).unlink()
    finish(herd, "msmi", read_manifest(herd).samples)
    export_dataset(herd, tmp_path / "coco", "coco")
    crowds = {a["category_id"]: a for a in annotations_of(tmp_path / "coco", "instances")}
    assert [crowds[VALUES[name]]["iscrowd"] for name in ("cat", "dog")] == [0, 1]
    assert len(crowds[VALUES["dog"]]["sources"]) == 2


@pytest.mark.parametrize("spoilt", ["other", "broken"])
def test_outlines_that_do_not_draw_the_mask_are_one_line(
    herd: Path, tmp_path: Path, spoilt: str
) -> None:
    if spoilt == "other":
        write_outlines(herd, [BOXES[0], BOXES[1], (0, 0, 70, 60)])
    else:
        text = (herd / INSTANCES).read_text()
        (herd / INSTANCES).write_text(text.replace('"counts":"', '"counts":"\u00e9'))
        finish(herd, "msmi", read_manifest(herd).samples)
    with pytest.raises(InputError, match=INSTANCES):
        export_dataset(herd, tmp_path / "coco", "coco")
    assert not (tmp_path / "coco").exists()


def test_pycocotools_draws_the_masks_of_the_dataset(small_duets: Path, tmp_path: Path) -> None:
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
        licences = {r["id"]: (r["name"], r["url"]) for r in annotations.dataset["licenses"]}
        for image in annotations.loadImgs(annotations.getImgIds()):
            sample = samples[image["sample_id"]]
            seen.append(sample.sample_id)
            assert (image["width"], image["height"]) == (sample.width, sample.height)
            assert Image.open(out / subset / image["file_name"]).size == (96, 64)
            assert licences[image["license"]] == ("Attribution License", f"{CC}by/2.0/")
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


def test_each_counterfactual_has_a_picture_that_is_named_as_its_panoptic_mask(
    small_dataset: Path, tmp_path: Path
) -> None:
    samples = list(read_manifest(small_dataset).samples)
    (source,) = samples[-2].sources
    twin = counterfactual(small_dataset, samples[-1], source.category, source.clip_id)
    finish(small_dataset, "ss", [*samples, twin])
    export_dataset(small_dataset, tmp_path / "coco", "coco")
    panoptic = json.loads((tmp_path / "coco/annotations/panoptic_test.json").read_text())
    images = panoptic["images"]
    assert [image["coco_id"] for image in images].count(8) == 2
    assert len({image["id"] for image in images}) == len(images) == 4
    names = {image["id"]: image["file_name"] for image in images}
    assert {path.name for path in (tmp_path / "coco/test").iterdir()} == set(names.values())
    for row in panoptic["annotations"]:
        # detectron2 makes the picture's name of the mask's, mmdetection the other way.
        assert names[row["image_id"]].replace("jpg", "png") == row["file_name"]
        assert (tmp_path / "coco/panoptic_test" / row["file_name"]).is_file()
