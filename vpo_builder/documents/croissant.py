"""Describes a dataset in Croissant 1.1, the json-ld that dataset search and loaders read."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from vpo_builder.dataset.manifest import MANIFEST, Manifest
from vpo_builder.dataset.schema import SPLIT_NAMES
from vpo_builder.documents.licences import Licence
from vpo_builder.documents.wording import citation, summary

MIME = {".jpg": "image/jpeg", ".png": "image/png", ".wav": "audio/x-wav"}
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"

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


def encode_croissant(manifest: Manifest, licences: Sequence[Licence]) -> bytes:
    """Return `croissant.json` for a dataset; `licences` come strictest first.

    No date of publication is given: it would be the reader's, and the bytes would change daily.
    """
    meta = manifest.meta
    record = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": SPLIT_NAMES[meta.split],
        "description": summary(meta),
        "url": "https://arxiv.org/abs/2304.02970",
        "license": [row.url or row.name for row in licences if row.url or row.name],
        "version": f"{meta.schema_version}.0.0",
        "citeAs": citation(meta.split),
        "isLiveDataset": False,
        "distribution": _distribution(manifest),
        "recordSet": [_samples()],
    }
    return json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"


def _distribution(manifest: Manifest) -> list[dict[str, Any]]:
    samples = manifest.samples
    clips = {source.clip_id for sample in samples for source in sample.sources}
    listing = {
        "@type": "cr:FileObject",
        "@id": MANIFEST,
        "name": MANIFEST,
        "description": "One sample a line: subset, image, mask, sounding objects.",
        "contentUrl": MANIFEST,
        "encodingFormat": "application/jsonlines",
        "sha256": manifest.meta.manifest_sha256,
    }
    return [
        listing,
        *_file_set("images", "Pictures.", [sample.image for sample in samples]),
        *_file_set("masks", "Palette images of class values.", [s.mask for s in samples]),
        *_file_set("clips", "Mono recordings.", [f"{manifest.meta.audio}/{c}.wav" for c in clips]),
    ]


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
    # Readers turn the column "sample_id" into a number ("000000000009_000000000021" parses as one
    # in Python); the mask's name holds the same id.
    fields = [
        _field("sample_id", "Name of the sample.", "sc:Text", "mask", regex=r".*/([^/]+)\.png"),
        _field("subset", "train, val or test.", "sc:Text", "subset"),
        _field(
            "image_id", "Samples that share it show the same picture.", "sc:Integer", "image_id"
        ),
        _field("image", "Path of the image.", "sc:Text", "image"),
        _field("mask", "Path of the mask.", "sc:Text", "mask"),
        _field("width", "Pixels.", "sc:Integer", "width"),
        _field("height", "Pixels.", "sc:Integer", "height"),
    ]
    for name, kind, key, description in (
        ("categories", "sc:Text", "category", "Class of each sounding object."),
        ("clips", "sc:Text", "clip_id", "Recording of each sounding object."),
        ("pans", "sc:Float", "pan", "Place of each sounding object, 0 left to 1 right."),
    ):
        field = _field(name, description, kind, "sources", jsonPath=f"$[*].{key}")
        fields.append(field | {"isArray": True, "arrayShape": "-1"})
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": "Images with the objects that sound in them.",
        "key": {"@id": "samples/sample_id"},
        "field": fields,
    }


def _field(name: str, description: str, kind: str, column: str, **transform: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": MANIFEST}, "extract": {"column": column}}
    if transform:
        source["transform"] = transform
    return {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": source,
    }
