"""COCO: instance annotations of what sounds, and the panoptic form of the same masks.

An image record is a sample with a picture of its own, so that the counterfactual samples of one
photograph keep apart: its `id` is a running number and `coco_id` the photograph's own. The picture
and the panoptic PNG are both named by the sample: detectron2 and mmdetection find one by the other.
A category's `id` is its mask value.
"""

import itertools
from collections.abc import Sequence
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
from vpo_builder.dataset.schema import SUBSETS, Sample
from vpo_builder.documents.attribution import Credit, read_credits
from vpo_builder.export.coco_regions import (
    Groups,
    Outlines,
    Region,
    draw_regions,
    group_sources,
    paint,
    read_outlines,
)
from vpo_builder.runtime.threads import in_threads
from vpo_builder.runtime.whole_files import faults_named, write_atomically

Json = dict[str, Any]


def write_coco(manifest: Manifest, files: OwnFiles, target: Path, workers: int | None) -> None:
    """Write `<subset>/`, `panoptic_<subset>/`, `audio/` and `annotations/*.json`."""
    (target / "audio").mkdir()
    clips = sorted({source.clip_id for sample in manifest.samples for source in sample.sources})
    copies = {f"{clip_id}.wav": manifest.clip_path(clip_id) for clip_id in clips}
    files.copy_all(copies, target / "audio", workers, "export: clips")
    outlines = read_outlines(manifest, files)
    for subset in SUBSETS:
        samples = [sample for sample in manifest.samples if sample.subset == subset]
        if not samples:
            continue
        photographs = {_name(sample): manifest.folder / sample.image for sample in samples}
        (target / subset).mkdir()
        files.copy_all(photographs, target / subset, workers, f"export: photographs of {subset}")
        instances, segments = _masks(manifest, files, outlines, samples, target, workers)
        shared = {
            "info": {"description": f"{manifest.meta.split} {subset}", "version": "1.0"},
            **_images(manifest, samples),
            "categories": _categories(manifest),
        }
        annotations = target / "annotations"
        _write_json(annotations / f"instances_{subset}.json", shared | {"annotations": instances})
        _write_json(annotations / f"panoptic_{subset}.json", shared | {"annotations": segments})


def _masks(
    manifest: Manifest,
    files: OwnFiles,
    outlines: Outlines,
    samples: Sequence[Sample],
    target: Path,
    workers: int | None,
) -> tuple[list[Json], list[Json]]:
    """Write the panoptic masks of one subset; return its instances and its segments' records."""
    subset = samples[0].subset
    panoptic = target / f"panoptic_{subset}"
    panoptic.mkdir()
    values = {row.name: row.mask_value for row in manifest.meta.classes}
    grouped = [group_sources(sample, values, outlines) for sample in samples]
    firsts = itertools.accumulate(map(len, grouped), initial=1)

    def describe(task: tuple[int, int, Sample, Groups]) -> tuple[list[Json], Json]:
        number, first, sample, groups = task
        decode = partial(decode_mask, width=sample.width, height=sample.height)
        mask = files.load(manifest.folder / sample.mask, decode)
        regions = draw_regions(manifest.folder, sample, groups, mask, outlines)
        path = panoptic / f"{sample.sample_id}.png"
        annotations = [_annotation(row, number, at) for at, row in enumerate(regions, first)]
        return annotations, _write_panoptic(paint(regions), regions, path, number, first)

    tasks = list(zip(itertools.count(1), firsts, samples, grouped, strict=False))
    described = list(in_threads(describe, tasks, workers, f"export: masks of {subset}"))
    return [row for rows, _ in described for row in rows], [s for _, s in described]


def _images(manifest: Manifest, samples: Sequence[Sample]) -> Json:
    """Return the table of licences, numbered in the order of their names, and the image records."""
    known = read_credits(manifest.folder)
    credits = [known.get(sample.image_id, Credit()) for sample in samples]
    found = sorted({(credit.licence, credit.licence_url) for credit in credits})
    ids = {licence: number for number, licence in enumerate(found, start=1)}
    return {
        "licenses": [
            {"id": number, "name": name or "unknown", "url": url}
            for (name, url), number in ids.items()
        ],
        "images": [
            _image(sample, number, credit, ids[credit.licence, credit.licence_url])
            for number, (sample, credit) in enumerate(zip(samples, credits, strict=True), start=1)
        ],
    }


def _name(sample: Sample) -> str:
    return sample.sample_id + PurePosixPath(sample.image).suffix


def _image(sample: Sample, number: int, credit: Credit, licence: int) -> Json:
    return {
        "id": number,
        "file_name": _name(sample),
        "width": sample.width,
        "height": sample.height,
        "license": licence,
        "sample_id": sample.sample_id,
        "coco_id": sample.image_id,
        "author_page": credit.author_page,
        "silent": sample.silent,
    }


def _annotation(region: Region, image: int, number: int) -> Json:
    code = region.code
    return {
        "id": number,
        "image_id": image,
        "category_id": region.value,
        "segmentation": {"size": code["size"], "counts": code["counts"].decode("ascii")},
        "area": int(coco_mask.area(code)),
        "bbox": coco_mask.toBbox(code).tolist(),
        "iscrowd": int(region.is_crowd),
        "sources": [
            {"ann_id": s.ann_id, "audio": f"audio/{s.clip_id}.wav", "pan": s.pan}
            for s in region.sources
        ],
    }


def _write_panoptic(
    places: npt.NDArray[np.uint8], regions: Sequence[Region], path: Path, image: int, first: int
) -> Json:
    """Write the PNG whose R + 256 G + 65536 B is a segment's id, and return its record.

    `places` [H, W] holds the place of the region seen, counted from 1; its id is that of its
    annotation, of which `first` is the first. A region that others cover is no segment.
    """
    ids = np.array([0, *range(first, first + len(regions))], "<u4")
    channels = ids.view(np.uint8).reshape(-1, 4)[:, :3]
    with faults_named(path, path):
        Image.fromarray(channels[places], "RGB").save(path, "PNG")
    seen = []
    for place, region in enumerate(regions, start=1):
        code = coco_mask.encode(np.asfortranarray(places == place))
        if area := int(coco_mask.area(code)):
            seen.append(
                {
                    "id": first - 1 + place,
                    "category_id": region.value,
                    "area": area,
                    "bbox": coco_mask.toBbox(code).tolist(),
                    "iscrowd": int(region.is_crowd),
                }
            )
    return {"image_id": image, "file_name": path.name, "segments_info": seen}


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
