"""COCO: instance annotations of what sounds, and the panoptic form of the same masks.

An image record is a sample, so that the counterfactual samples of one photograph keep apart: its
`id` is a running number and `coco_id` the photograph's own. A category's `id` is its mask value.
Instances of one class in a sample share a region, as they do in the masks.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image
from pycocotools import mask as coco_mask

from vpo_builder.dataset.class_colours import class_colours
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import OwnFiles, decode_mask
from vpo_builder.dataset.schema import SUBSETS, Sample, Source
from vpo_builder.documents.attribution import read_credits
from vpo_builder.runtime.whole_files import write_atomically

Json = dict[str, Any]


def write_coco(manifest: Manifest, files: OwnFiles, target: Path) -> None:
    """Write `<subset>/`, `panoptic_<subset>/`, `audio/` and `annotations/*.json`."""
    (target / "audio").mkdir()
    clips = {source.clip_id for sample in manifest.samples for source in sample.sources}
    for clip_id in sorted(clips):
        files.copy(manifest.clip_path(clip_id), target / "audio" / f"{clip_id}.wav")
    for subset in SUBSETS:
        samples = [sample for sample in manifest.samples if sample.subset == subset]
        if samples:
            _write_subset(manifest, files, samples, target, subset)


def _write_subset(
    manifest: Manifest, files: OwnFiles, samples: Sequence[Sample], target: Path, subset: str
) -> None:
    images, panoptic = target / subset, target / f"panoptic_{subset}"
    images.mkdir()
    panoptic.mkdir()
    credit = read_credits(manifest.folder)
    records: list[Json] = []
    instances: list[Json] = []
    segments: list[Json] = []
    for number, sample in enumerate(samples, start=1):
        name = PurePosixPath(sample.image).name
        if not (images / name).exists():
            files.copy(manifest.folder / sample.image, images / name)
        records.append(_image(sample, number, name, credit.get(sample.image_id, ("", ""))[0]))
        mask = files.load(
            manifest.folder / sample.mask,
            partial(decode_mask, width=sample.width, height=sample.height),
        )
        regions = list(_regions(manifest, sample, mask, number, len(instances) + 1))
        instances += regions
        segments.append(
            _write_panoptic(mask, regions, panoptic / f"{sample.sample_id}.png", number)
        )
    shared = {
        "info": {"description": f"{manifest.meta.split} {subset}", "version": "1.0"},
        "images": records,
        "categories": _categories(manifest),
    }
    annotations = target / "annotations"
    _write_json(annotations / f"instances_{subset}.json", shared | {"annotations": instances})
    _write_json(annotations / f"panoptic_{subset}.json", shared | {"annotations": segments})


def _image(sample: Sample, number: int, name: str, licence: str) -> Json:
    return {
        "id": number,
        "file_name": name,
        "width": sample.width,
        "height": sample.height,
        "sample_id": sample.sample_id,
        "coco_id": sample.image_id,
        "licence": licence,
        "silent": sample.silent,
    }


def _regions(
    manifest: Manifest, sample: Sample, mask: npt.NDArray[np.uint8], image: int, first: int
) -> Iterator[Json]:
    """Yield an annotation for each class that sounds in a sample, numbered from `first`."""
    values = {row.name: row.mask_value for row in manifest.meta.classes}
    by_value: dict[int, list[Source]] = {}
    for source in sample.sources:
        by_value.setdefault(values[source.category], []).append(source)
    for number, (value, sources) in enumerate(sorted(by_value.items()), start=first):
        code = coco_mask.encode(np.asfortranarray(mask == value))
        yield {
            "id": number,
            "image_id": image,
            "category_id": value,
            "segmentation": {"size": code["size"], "counts": code["counts"].decode("ascii")},
            "area": int(coco_mask.area(code)),
            "bbox": coco_mask.toBbox(code).tolist(),
            "iscrowd": 0,
            "sources": [
                {"ann_id": s.ann_id, "audio": f"audio/{s.clip_id}.wav", "pan": s.pan}
                for s in sources
            ],
        }


def _write_panoptic(
    mask: npt.NDArray[np.uint8], regions: Sequence[Json], path: Path, image: int
) -> Json:
    """Write the PNG whose R + 256 G + 65536 B is a segment's id, and return its record."""
    ids = np.zeros(mask.shape, dtype=np.uint32)
    for region in regions:
        ids[mask == region["category_id"]] = region["id"]
    channels = np.stack([ids & 255, ids >> 8 & 255, ids >> 16 & 255], axis=-1).astype(np.uint8)
    Image.fromarray(channels, "RGB").save(path, "PNG")
    kept = ("id", "category_id", "area", "bbox", "iscrowd")
    return {
        "image_id": image,
        "file_name": path.name,
        "segments_info": [{key: region[key] for key in kept} for region in regions],
    }


def _categories(manifest: Manifest) -> list[Json]:
    colours = class_colours(len(manifest.meta.classes))
    return [
        {
            "id": row.mask_value,
            "name": row.name,
            "supercategory": row.group,
            "isthing": 1,
            "color": colours[row.index],
        }
        for row in manifest.meta.classes
        if row.index
    ]


def _write_json(path: Path, content: Json) -> None:
    write_atomically(path, msgspec.json.encode(content))
