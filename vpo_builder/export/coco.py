"""COCO: instance annotations of what sounds, and the panoptic form of the same masks.

An image record is a sample, so that the counterfactual samples of one photograph keep apart: its
`id` is a running number and `coco_id` the photograph's own. A category's `id` is its mask value.
Instances of one class in a sample share a region, as they do in the masks.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
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
from vpo_builder.runtime.threads import in_threads
from vpo_builder.runtime.whole_files import write_atomically

Json = dict[str, Any]
ByValue = dict[int, list[Source]]
"""The sources of each class that sounds in a sample, by the class's mask value."""


def write_coco(manifest: Manifest, files: OwnFiles, target: Path, workers: int | None) -> None:
    """Write `<subset>/`, `panoptic_<subset>/`, `audio/` and `annotations/*.json`."""
    (target / "audio").mkdir()
    clips = sorted({source.clip_id for sample in manifest.samples for source in sample.sources})
    copies = {f"{clip_id}.wav": manifest.clip_path(clip_id) for clip_id in clips}
    files.copy_all(copies, target / "audio", workers, "export: clips")
    for subset in SUBSETS:
        samples = [sample for sample in manifest.samples if sample.subset == subset]
        if not samples:
            continue
        photographs = {_name(sample): manifest.folder / sample.image for sample in samples}
        (target / subset).mkdir()
        files.copy_all(photographs, target / subset, workers, f"export: photographs of {subset}")
        instances, segments = _masks(manifest, files, samples, target, workers)
        shared = {
            "info": {"description": f"{manifest.meta.split} {subset}", "version": "1.0"},
            "images": _images(manifest, samples),
            "categories": _categories(manifest),
        }
        annotations = target / "annotations"
        _write_json(annotations / f"instances_{subset}.json", shared | {"annotations": instances})
        _write_json(annotations / f"panoptic_{subset}.json", shared | {"annotations": segments})


def _masks(
    manifest: Manifest,
    files: OwnFiles,
    samples: Sequence[Sample],
    target: Path,
    workers: int | None,
) -> tuple[list[Json], list[Json]]:
    """Write the panoptic masks of one subset; return its instances and its segments' records."""
    subset = samples[0].subset
    panoptic = target / f"panoptic_{subset}"
    panoptic.mkdir()
    values = {row.name: row.mask_value for row in manifest.meta.classes}
    sounding = [_by_value(sample, values) for sample in samples]
    firsts = itertools.accumulate(map(len, sounding), initial=1)

    def describe(task: tuple[int, int, Sample, ByValue]) -> tuple[list[Json], Json]:
        number, first, sample, sources = task
        decode = partial(decode_mask, width=sample.width, height=sample.height)
        mask = files.load(manifest.folder / sample.mask, decode)
        regions = list(_regions(sources, mask, number, first))
        path = panoptic / f"{sample.sample_id}.png"
        return regions, _write_panoptic(mask, regions, path, number)

    tasks = list(zip(itertools.count(1), firsts, samples, sounding, strict=False))
    described = list(in_threads(describe, tasks, workers, f"export: masks of {subset}"))
    return [region for regions, _ in described for region in regions], [s for _, s in described]


def _images(manifest: Manifest, samples: Sequence[Sample]) -> list[Json]:
    credit = read_credits(manifest.folder)
    return [
        _image(sample, number, _name(sample), credit.get(sample.image_id, ("", ""))[0])
        for number, sample in enumerate(samples, start=1)
    ]


def _name(sample: Sample) -> str:
    return PurePosixPath(sample.image).name


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


def _by_value(sample: Sample, values: Mapping[str, int]) -> ByValue:
    """Return the sources of a sample, by rising mask value."""
    found: ByValue = {}
    for source in sample.sources:
        found.setdefault(values[source.category], []).append(source)
    return dict(sorted(found.items()))


def _regions(
    sounding: ByValue, mask: npt.NDArray[np.uint8], image: int, first: int
) -> Iterator[Json]:
    """Yield an annotation for each class that sounds in a sample, numbered from `first`."""
    for number, (value, sources) in enumerate(sounding.items(), start=first):
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
