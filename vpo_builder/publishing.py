"""Writes what stands beside a dataset's images: csv, decisions, checksums, the manifest last."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.atomic import write_atomically
from vpo_builder.classes import class_rows
from vpo_builder.funnel import Funnel
from vpo_builder.identity import BuildIdentity, mark_finished
from vpo_builder.manifest import CHECKSUMS, MANIFEST, encode_lines, encode_samples, write_manifest
from vpo_builder.records import PersonDecision, Rejection
from vpo_builder.rendering.audio import decoder_versions
from vpo_builder.rendering.layout import AUDIO_FOLDER, csv_name, encode_csv, relative_to_dataset
from vpo_builder.schema import SCHEMA_VERSION, ManifestMeta, Sample
from vpo_builder.sources.corpus import Corpus

PERSONS = "persons.jsonl"
REJECTIONS = "rejections.jsonl"
MEDIA_FOLDERS = ("data", "mask")


@dataclass(frozen=True)
class Publication:
    """A dataset whose media are written: what is left is to say what they are."""

    samples: Sequence[Sample]
    repeated: frozenset[str]
    media_sha256: Mapping[Path, str]
    rejections: Sequence[Rejection]
    decisions: Sequence[PersonDecision]
    funnel: Funnel
    synthetic: bool


def publish(
    folder: Path, publication: Publication, corpus: Corpus, identity: BuildIdentity
) -> None:
    """Write everything but the media into the dataset's folder, the manifest's meta last."""
    rows = class_rows(corpus.table)
    samples = publication.samples
    values = {row.name: row.mask_value for row in rows}
    texts = {
        csv_name(identity.split): encode_csv(samples, values, publication.repeated),
        MANIFEST: encode_samples(samples),
        PERSONS: encode_lines(publication.decisions),
        REJECTIONS: encode_lines(_sorted(publication.rejections)),
    }
    _remove_leftovers(folder, samples)
    for name, content in texts.items():
        write_atomically(folder / name, content)
    audio = relative_to_dataset(identity.split, AUDIO_FOLDER)
    media = _media_checksums(folder, audio, samples, publication.media_sha256)
    checksums = media | {name: _sha256(content) for name, content in texts.items()}
    listing = "".join(f"{checksums[name]}  {name}\n" for name in sorted(checksums)).encode()
    write_atomically(folder / CHECKSUMS, listing)
    meta = ManifestMeta(
        schema_version=SCHEMA_VERSION,
        split=identity.split,
        classes=rows,
        seed=identity.seed,
        audio=audio,
        synthetic=publication.synthetic,
        config=identity.config,
        inputs=identity.inputs,
        funnel=publication.funnel,
        decoders=decoder_versions(),
        samples=len(samples),
        files=len(checksums),
        checksums_sha256=_sha256(listing),
        manifest_sha256=_sha256(texts[MANIFEST]),
    )
    write_manifest(folder, meta, samples)
    mark_finished(folder)


def _sorted(rejections: Iterable[Rejection]) -> list[Rejection]:
    return sorted(rejections, key=lambda item: (item.kind, len(item.record), item.record))


def _media_checksums(
    folder: Path, audio: str, samples: Sequence[Sample], rendered: Mapping[Path, str]
) -> dict[str, str]:
    """Return the sha256 of every image, mask and clip that the samples name."""
    names = {name for sample in samples for name in (sample.image, sample.mask)}
    checksums = {name: rendered[folder / name] for name in names}
    clips = sorted({source.clip_id for sample in samples for source in sample.sources})
    paths = [f"{audio}/{clip}.wav" for clip in clips]
    with ThreadPoolExecutor() as threads:  # hashing leaves the interpreter's lock
        hashes = threads.map(lambda name: _sha256((folder / name).read_bytes()), paths)
        checksums.update(zip(paths, hashes, strict=True))
    return checksums


def _remove_leftovers(folder: Path, samples: Sequence[Sample]) -> None:
    """Remove media that an earlier, interrupted run left and no sample names."""
    named = {folder / name for sample in samples for name in (sample.image, sample.mask)}
    for media in MEDIA_FOLDERS:
        for path in (folder / media).rglob("*"):
            if path.is_file() and path not in named:
                path.unlink()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
