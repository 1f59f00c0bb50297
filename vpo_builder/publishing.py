"""Writes what stands beside a dataset's images: csv, decisions, checksums, the manifest last."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from vpo_builder.atomic import write_atomically
from vpo_builder.documents import Attribution, render_documents
from vpo_builder.funnel import Funnel
from vpo_builder.identity import BuildIdentity, mark_finished
from vpo_builder.manifest import (
    CHECKSUMS,
    MANIFEST,
    Manifest,
    encode_lines,
    encode_samples,
    write_manifest,
)
from vpo_builder.records import Rejection
from vpo_builder.rendering.decoding import decoder_versions
from vpo_builder.schema import SCHEMA_VERSION, ClassRow, ManifestMeta, Sample

REJECTIONS = "rejections.jsonl"


@dataclass(frozen=True)
class Publication:
    """A dataset whose media are written: what is left is to say what they are.

    `media_sha256` holds every image and mask by its path; clips lie in `audio`, relative to the
    dataset's folder. `media_folders` are those that hold nothing but this dataset's media.
    `texts` are the files beside the manifest that only this kind of dataset has, its csv first.
    """

    samples: Sequence[Sample]
    classes: tuple[ClassRow, ...]
    audio: str
    media_folders: tuple[str, ...]
    media_sha256: Mapping[Path, str]
    texts: Mapping[str, bytes]
    rejections: Sequence[Rejection]
    funnel: Funnel
    synthetic: bool = False
    attributions: Sequence[Attribution] = ()


def publish(folder: Path, publication: Publication, identity: BuildIdentity) -> None:
    """Write everything but the media into the dataset's folder, the manifest's meta last."""
    samples = publication.samples
    texts = {
        **publication.texts,
        MANIFEST: encode_samples(samples),
        REJECTIONS: encode_lines(_sorted(publication.rejections)),
    }
    meta = draft_meta(publication, identity)
    documents = render_documents(Manifest(folder, meta, tuple(samples)), publication.attributions)
    texts |= documents
    media = _media_checksums(folder, publication)
    _remove_leftovers(folder, publication.media_folders, media)
    for name, content in texts.items():
        write_atomically(folder / name, content)
    checksums = media | {name: _sha256(content) for name, content in texts.items()}
    listing = "".join(f"{checksums[name]}  {name}\n" for name in sorted(checksums)).encode()
    write_atomically(folder / CHECKSUMS, listing)
    meta = replace(meta, files=len(checksums), checksums_sha256=_sha256(listing))
    write_manifest(folder, meta, samples)
    mark_finished(folder)


def draft_meta(publication: Publication, identity: BuildIdentity) -> ManifestMeta:
    """Return the meta record of a publication whose checksums are not listed yet."""
    return ManifestMeta(
        schema_version=SCHEMA_VERSION,
        split=identity.split,
        classes=publication.classes,
        seed=identity.seed,
        audio=publication.audio,
        synthetic=publication.synthetic,
        config=identity.config,
        inputs=identity.inputs,
        funnel=publication.funnel,
        decoders=decoder_versions(),
        samples=len(publication.samples),
        files=0,
        checksums_sha256="",
        manifest_sha256=_sha256(encode_samples(publication.samples)),
    )


def _sorted(rejections: Iterable[Rejection]) -> list[Rejection]:
    return sorted(rejections, key=lambda item: (item.kind, len(item.record), item.record))


def _media_checksums(folder: Path, publication: Publication) -> dict[str, str]:
    """Return the sha256 of every image and mask, and of every clip that the samples name."""
    rendered = publication.media_sha256.items()
    checksums = {path.relative_to(folder).as_posix(): sha256 for path, sha256 in rendered}
    sources = (source for sample in publication.samples for source in sample.sources)
    clips = sorted({source.clip_id for source in sources})
    paths = [f"{publication.audio}/{clip}.wav" for clip in clips]
    with ThreadPoolExecutor() as threads:  # hashing leaves the interpreter's lock
        hashes = threads.map(lambda name: _sha256((folder / name).read_bytes()), paths)
        checksums.update(zip(paths, hashes, strict=True))
    return checksums


def _remove_leftovers(folder: Path, media_folders: Sequence[str], media: Collection[str]) -> None:
    """Remove media that an earlier, interrupted run left and no sample names."""
    for media_folder in media_folders:
        for path in (folder / media_folder).rglob("*"):
            if path.is_file() and path.relative_to(folder).as_posix() not in media:
                path.unlink()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
