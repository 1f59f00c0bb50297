"""Reading and writing `manifest.jsonl` and `manifest.meta.json`.

The bytes are a function of the records alone: one sample a line, sorted by id, keys in the order
of declaration, LF, floats rounded to six decimals by whoever makes the record and written in the
shortest form that reads back equal.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from vpo_builder.dataset.avsbench_trees import list_in
from vpo_builder.dataset.places import CHECKSUMS, MANIFEST, META, datasets_below
from vpo_builder.dataset.schema import SCHEMA_VERSION, ManifestMeta, Sample
from vpo_builder.dataset.untrusted import meta_faults, sample_faults
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import write_atomically

__all__ = [
    "CHECKSUMS",
    "MANIFEST",
    "META",
    "STATE",
    "Manifest",
    "decode_lines",
    "decode_manifest",
    "decode_meta",
    "encode_lines",
    "encode_meta",
    "encode_samples",
    "read_manifest",
    "read_meta",
    "refuse_output_folder",
    "seal",
    "write_manifest",
]

STATE = ".build.json"
"""The note of a build begun, in a dataset's folder until it is finished."""

T = TypeVar("T")


@dataclass(frozen=True)
class Manifest:
    """A finished dataset: its folder, what it was made from, and its samples sorted by id."""

    folder: Path
    meta: ManifestMeta
    samples: tuple[Sample, ...]

    def clip(self, clip_id: str) -> str:
        """Return the path of a clip's wav relative to the folder."""
        return f"{self.meta.audio}/{clip_id}.wav"

    def clip_path(self, clip_id: str) -> Path:
        """Return the path of a clip's wav."""
        return self.folder / self.clip(clip_id)


def encode_lines(records: Iterable[object]) -> bytes:
    """Return records as JSON lines in the order given."""
    return msgspec.json.Encoder().encode_lines(records)


def encode_samples(samples: Iterable[Sample]) -> bytes:
    """Return the bytes of `manifest.jsonl` for samples in any order."""
    ordered = sorted(samples, key=lambda sample: sample.sample_id)
    return encode_lines(ordered)


def decode_lines(data: bytes, kind: type[T], where: str) -> tuple[T, ...]:
    """Return the records of JSON lines; an InputError names `where` and the line."""
    decoder = msgspec.json.Decoder(kind)
    records = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            records.append(decoder.decode(line))
        except BAD_JSON as error:
            raise InputError(
                f"{where}, line {number}: no {kind.__name__.lower()}: {error}; "
                "the file was edited or cut short: build the dataset again"
            ) from None
    return tuple(records)


def seal(meta: ManifestMeta) -> ManifestMeta:
    """Return `meta` with its own hash filled in."""
    blank = replace(meta, sha256="")
    return replace(blank, sha256=hashlib.sha256(encode_meta(blank)).hexdigest())


def write_manifest(folder: Path, meta: ManifestMeta, samples: Iterable[Sample]) -> None:
    """Write both files, the meta last: a folder with a meta is a finished dataset."""
    write_atomically(folder / MANIFEST, encode_samples(samples), durable=True)
    write_atomically(folder / META, encode_meta(seal(meta)), durable=True)


def read_manifest(folder: Path) -> Manifest:
    """Return the dataset in `folder`; every id, number and path in it is safe to use.

    Raises InputError if it is unfinished, newer, edited, or names what no build writes.
    """
    meta = read_meta(folder)
    manifest = decode_manifest(folder, meta)
    for fault in sample_faults(meta, manifest.samples):
        named = "" if fault.path == MANIFEST else f"{fault.path!r} "
        raise InputError(f"{folder / MANIFEST}: {named}{fault.reason}; {_NOT_OURS}")
    return manifest


def read_meta(folder: Path) -> ManifestMeta:
    """Return the meta record of the dataset in `folder`, checked as `read_manifest` does."""
    meta = decode_meta(folder)
    for reason in meta_faults(meta):
        raise InputError(f"{folder / META}: {reason}; {_NOT_OURS}")
    return meta


def decode_manifest(folder: Path, meta: ManifestMeta) -> Manifest:
    """Return the manifest that `meta` seals, whatever it names: only `verify` may want that."""
    data = _read(folder / MANIFEST)
    if hashlib.sha256(data).hexdigest() != meta.manifest_sha256:
        raise InputError(
            f"{folder / MANIFEST}: its sha256 is not the one in {META}: the manifest was edited "
            "or cut short; build the dataset again"
        )
    return Manifest(folder, meta, decode_lines(data, Sample, str(folder / MANIFEST)))


def decode_meta(folder: Path) -> ManifestMeta:
    """Return the meta record in `folder` if its seal is right, whatever it says."""
    path = folder / META
    if not folder.is_dir():
        raise InputError(
            f"{folder}: {'is a file' if folder.exists() else 'no such folder'}: expected a built "
            "dataset such as data/VPO/VPO-SS"
        )
    if not path.exists():
        refuse_output_folder(folder)
        if published := list_in(folder):
            raise InputError(
                f"{folder}: no {META}, but {published.name} of AVSBench as published: vpo-data "
                "stats counts it, avs-bench train and eval read it, vpo-build makes Single+ of S4"
            )
        raise InputError(
            f"{folder}: no {META}: this is no dataset, or its build was not finished; "
            "run the same vpo-build command again to finish it"
        )
    data = _read(path)
    _refuse_newer(data, path)
    try:
        meta = msgspec.json.decode(data, type=ManifestMeta)
        resealed = encode_meta(meta)
    except BAD_JSON as error:
        raise InputError(f"{path}: not a manifest record: {error}") from None
    if seal(meta).sha256 != meta.sha256 or resealed != data:
        raise InputError(f"{path}: its own sha256 does not match: the file was edited")
    return meta


def refuse_output_folder(folder: Path) -> None:
    """Raise InputError for a folder that is no dataset and holds some: say which could be meant."""
    found = datasets_below(folder)
    if found:
        raise InputError(
            f"{folder}: is no dataset itself, but holds some: give {' or '.join(map(str, found))}"
        )


def _refuse_newer(data: bytes, path: Path) -> None:
    try:
        version = msgspec.json.decode(data, type=dict)["schema_version"]
    except (*BAD_JSON, KeyError) as error:
        raise InputError(f"{path}: not a manifest record: {error}") from None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path}: schema version {version!r}, this program reads {SCHEMA_VERSION}: "
            "install the version of vpo-builder that made it, or build again"
        )


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def encode_meta(meta: ManifestMeta) -> bytes:
    """Return the bytes of `manifest.meta.json`."""
    return msgspec.json.format(msgspec.json.encode(meta), indent=1) + b"\n"


_NOT_OURS = "no build writes that: get the manifest again from a source that you trust"
