"""Writes what stands beside a dataset's images: csv, decisions, checksums, the manifest last."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from vpo_builder.dataset.manifest import (
    CHECKSUMS,
    MANIFEST,
    encode_lines,
    encode_samples,
    write_manifest,
)
from vpo_builder.dataset.places import REJECTIONS
from vpo_builder.documents.documents import render_documents
from vpo_builder.publishing.build_identity import BuildIdentity, mark_finished
from vpo_builder.publishing.media_record import forget_media, note_media, remove_leftovers_but
from vpo_builder.publishing.publication import Publication, sha256
from vpo_builder.records import Rejection
from vpo_builder.runtime.whole_files import write_atomically


def publish(folder: Path, publication: Publication, identity: BuildIdentity) -> None:
    """Write everything but the media into the dataset's folder, the manifest's meta last."""
    manifest = publication.manifest(folder, identity)
    texts = {
        **publication.texts,
        MANIFEST: encode_samples(manifest.samples),
        REJECTIONS: encode_lines(_sorted(publication.rejections)),
    }
    texts |= render_documents(manifest, publication.attributions, publication.credits)
    media = _media_checksums(folder, publication)
    checksums = media | {name: sha256(content) for name, content in texts.items()}
    note_media(folder, texts)  # a build of other options may have to take them away
    remove_leftovers_but(folder, checksums)
    for name, content in texts.items():
        write_atomically(folder / name, content)
    listing = "".join(f"{checksums[name]}  {name}\n" for name in sorted(checksums)).encode()
    write_atomically(folder / CHECKSUMS, listing)
    meta = replace(manifest.meta, files=len(checksums), checksums_sha256=sha256(listing))
    os.sync()  # ten thousand media at once: a folder with a meta is finished, whatever happens
    write_manifest(folder, meta, manifest.samples)
    forget_media(folder)
    mark_finished(folder)


def _sorted(rejections: Iterable[Rejection]) -> list[Rejection]:
    return sorted(rejections, key=lambda item: (item.kind, len(item.record), item.record))


def _media_checksums(folder: Path, publication: Publication) -> dict[str, str]:
    """Return the sha256 of every image and mask, and of every clip that the samples name."""
    rendered = publication.media_sha256.items()
    checksums = {path.relative_to(folder).as_posix(): digest for path, digest in rendered}
    sources = (source for sample in publication.samples for source in sample.sources)
    clips = sorted({source.clip_id for source in sources})

    def hashed(clip: str) -> str:
        wav = folder / publication.audio / f"{clip}.wav"
        return publication.clip_sha256.get(clip) or sha256(wav.read_bytes())

    with ThreadPoolExecutor() as threads:  # hashing leaves the interpreter's lock
        hashes = zip(clips, threads.map(hashed, clips), strict=True)
        checksums |= {f"{publication.audio}/{clip}.wav": digest for clip, digest in hashes}
    return checksums
