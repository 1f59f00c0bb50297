"""Writes what stands beside a dataset's images: csv, decisions, checksums, the manifest last."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from vpo_builder.audit.audit import audit
from vpo_builder.config import AuditSettings
from vpo_builder.dataset.manifest import (
    CHECKSUMS,
    MANIFEST,
    Manifest,
    encode_lines,
    encode_samples,
    write_manifest,
)
from vpo_builder.dataset.places import audio_folder
from vpo_builder.dataset.schema import SCHEMA_VERSION, ClassRow, ManifestMeta, Sample, Split
from vpo_builder.documents.documents import Attribution, render_documents
from vpo_builder.layout import csv_name, encode_csv
from vpo_builder.publishing.build_identity import BuildIdentity, mark_finished
from vpo_builder.publishing.funnel import Funnel
from vpo_builder.publishing.leaks import settle_leaks
from vpo_builder.records import PlannedSample, Rejection
from vpo_builder.rendering.decoding import decoder_versions
from vpo_builder.rendering.mix import MIX_FOLDER
from vpo_builder.runtime.whole_files import write_atomically

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


MEDIA_FOLDERS = ("data", "mask", MIX_FOLDER)
CountFunnel = Callable[[Sequence[Sample], Sequence[Rejection]], Funnel]


@dataclass(frozen=True)
class Composition:
    """The rendered samples of a VPO split and what goes beside them."""

    split: Split
    classes: tuple[ClassRow, ...]
    samples: Sequence[PlannedSample]
    media_sha256: Mapping[Path, str]
    texts: Mapping[str, bytes]
    attributions: Sequence[Attribution]
    synthetic: bool


def audited_publication(
    folder: Path,
    composition: Composition,
    rejections: Sequence[Rejection],
    count_funnel: CountFunnel,
    settings: AuditSettings,
    identity: BuildIdentity,
) -> tuple[Publication, list[str]]:
    """Return the publication without what crosses subsets, and lines for a person.

    `count_funnel` is given the samples that are left and the rejections of those that are not.
    Raises InputError for a leak that dropping images does not mend.
    """
    samples = [planned.sample for planned in composition.samples]
    licences = {row.image_id: row.license_name for row in composition.attributions}
    draft = _publication(folder, composition, composition.samples, rejections, {})
    report = audit(
        Manifest(folder, draft_meta(draft, identity), tuple(samples)),
        licences,
        max_bits=settings.near_duplicate_bits,
    )
    crossing = settle_leaks(report, samples, settings)
    left = [p for p in composition.samples if p.sample.image_id not in crossing.dropped]
    dropped = [Rejection("image", str(i), why) for i, why in sorted(crossing.dropped.items())]
    funnel = count_funnel([planned.sample for planned in left], dropped)
    notes = list(crossing.notes)
    if report.untrained:
        notes.append(f"tested but never trained: {', '.join(report.untrained)}")
    return _publication(folder, composition, left, [*rejections, *dropped], funnel), notes


def _publication(
    folder: Path,
    composition: Composition,
    planned: Sequence[PlannedSample],
    rejections: Sequence[Rejection],
    funnel: Funnel,
) -> Publication:
    split = composition.split
    samples = [item.sample for item in planned]
    repeated = frozenset(item.sample.sample_id for item in planned if item.scene.repeated)
    named = {
        folder / path
        for sample in samples
        for path in (sample.image, sample.mask, f"{MIX_FOLDER}/{sample.sample_id}.wav")
    }
    media = {path: sha256 for path, sha256 in composition.media_sha256.items() if path in named}
    values = {row.name: row.mask_value for row in composition.classes}
    return Publication(
        samples=samples,
        classes=composition.classes,
        audio=audio_folder(split),
        media_folders=MEDIA_FOLDERS,
        media_sha256=media,
        texts={csv_name(split): encode_csv(samples, values, repeated), **composition.texts},
        rejections=rejections,
        funnel=funnel,
        synthetic=composition.synthetic,
        attributions=composition.attributions,
    )
