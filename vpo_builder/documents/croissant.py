"""Describes a dataset in Croissant 1.1, the json-ld that dataset search and loaders read."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from vpo_builder.dataset.manifest import MANIFEST, Manifest
from vpo_builder.documents.licences import Licence
from vpo_builder.documents.responsible_ai import RAI_CONFORMS_TO, responsible_ai
from vpo_builder.documents.sound_sources import SoundSource
from vpo_builder.documents.wording import citation, summary

MIME = {".jpg": "image/jpeg", ".png": "image/png", ".wav": "audio/x-wav"}
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
SAMPLES = "croissant-samples.json"
DATE_PUBLISHED = "2023-04-06"
"""When VPO and Single+ were first published: a build's own day would change its bytes.

arXiv 2304.02970, so April 2023. Its own page was not at hand for the day: arXiv counts up as papers
come in, and 2304.02643 came on 5 April (huggingface.co/papers/2304.02643).
"""

# The context of Croissant 1.1, as its specification prints it.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
} | {
    term: f"cr:{term}"
    for term in (
        *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract"),
        *("field", "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray"),
        *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
        *("references", "regex", "repeated", "replace", "samplingRate", "separator", "source"),
        *("subField", "transform"),
    )
}


def encode_croissant_samples(manifest: Manifest) -> bytes:
    """Return the records that `croissant.json` describes: one object a sample, paths with endings.

    They repeat the manifest as plain json: readers of JSON lines take ids of digits for numbers,
    and the last digits of numbers as they come.
    """
    records = [
        {
            "sample_id": sample.sample_id,
            "subset": sample.subset,
            "image_id": sample.image_id,
            "image": sample.image,
            "mask": sample.mask,
            "width": sample.width,
            "height": sample.height,
            "categories": [source.category for source in sample.sources],
            "ann_ids": [source.ann_id for source in sample.sources],
            "clips": [manifest.clip(source.clip_id) for source in sample.sources],
            "pans": [source.pan for source in sample.sources],
        }
        for sample in manifest.samples
    ]
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    return f"[\n{lines}\n]\n".encode()


def encode_croissant(
    manifest: Manifest, licences: Sequence[Licence], sounds: Sequence[SoundSource]
) -> bytes:
    """Return `croissant.json` for a dataset; `licences` come strictest first."""
    meta = manifest.meta
    record = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CONFORMS_TO, RAI_CONFORMS_TO],
        "name": meta.name,
        "description": summary(meta, sounds),
        "url": "https://arxiv.org/abs/2304.02970",
        "datePublished": DATE_PUBLISHED,
        "license": [row.url or row.name for row in licences if row.url or row.name],
        "version": f"{meta.schema_version}.0.0",
        "citeAs": citation(meta, sounds),
        "isLiveDataset": False,
        **responsible_ai(meta, sounds),
        "distribution": _distribution(manifest),
        "recordSet": [_samples()],
    }
    return json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"


def _distribution(manifest: Manifest) -> list[dict[str, Any]]:
    samples = manifest.samples
    records = hashlib.sha256(encode_croissant_samples(manifest)).hexdigest()
    clips = {source.clip_id for sample in samples for source in sample.sources}
    return [
        _file(
            MANIFEST,
            "One sample a line: subset, image, mask, sounding objects.",
            "application/jsonlines",
            manifest.meta.manifest_sha256,
        ),
        _file(SAMPLES, "The same samples for this description.", "application/json", records),
        *_file_set("images", "Pictures.", [sample.image for sample in samples]),
        *_file_set("masks", "Palette images of class values.", [s.mask for s in samples]),
        *_file_set("clips", "Mono recordings.", [f"{manifest.meta.audio}/{c}.wav" for c in clips]),
    ]


def _file(name: str, description: str, kind: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": description,
        "contentUrl": name,
        "encodingFormat": kind,
        "sha256": sha256,
    }


def _file_set(name: str, description: str, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the set of all files in the folders of `paths`, nothing for no path."""
    files = [PurePosixPath(path) for path in paths]
    if files:
        yield {
            "@type": "cr:FileSet",
            "@id": name,
            "name": name,
            "description": description,
            "encodingFormat": sorted({MIME[file.suffix] for file in files}),
            "includes": sorted({f"{file.parent}/*{file.suffix}" for file in files}),
        }


def _samples() -> dict[str, Any]:
    several = {"isArray": True, "arrayShape": "-1"}
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": "Images with the objects that sound in them.",
        "key": {"@id": "samples/sample_id"},
        "field": [
            _field("sample_id", "Name of the sample.", "sc:Text"),
            _field("subset", "train, val or test.", "sc:Text"),
            _field("image_id", "Samples that share it show the same picture.", "sc:Integer"),
            _field("image", "Path of the image.", "sc:Text"),
            _field("mask", "Path of the mask.", "sc:Text"),
            _field("width", "Pixels.", "sc:Integer"),
            _field("height", "Pixels.", "sc:Integer"),
            _field("categories", "Class of each sounding object.", "sc:Text", **several),
            _field("ann_ids", "Annotation of each sounding object.", "sc:Integer", **several),
            _field("clips", "Path of each sounding object's recording.", "sc:Text", **several),
            _field("pans", "Place of each, 0 left to 1 right.", "sc:Float", **several),
        ],
    }


def _field(name: str, description: str, kind: str, **shape: Any) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": {"fileObject": {"@id": SAMPLES}, "extract": {"jsonPath": f"$[*].{name}"}},
        **shape,
    }
