"""A dataset whose media are written: the one record that is audited, counted and published."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import UNSET, UnsetType

from vpo_builder.dataset.instances import Instance
from vpo_builder.dataset.manifest import Manifest, encode_samples
from vpo_builder.dataset.picture_hash import Hashes
from vpo_builder.dataset.schema import SCHEMA_VERSION, ClassRow, ManifestMeta, Origin, Sample
from vpo_builder.dataset.sound_credits import SoundCredit
from vpo_builder.dataset.tiled_clips import TiledClip
from vpo_builder.documents.documents import Attribution
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.funnel import Funnel
from vpo_builder.records import Rejection
from vpo_builder.rendering.decoding import decoder_versions


@dataclass(frozen=True)
class Publication:
    """A dataset whose media are written: what is left is to say what they are.

    `media_sha256` holds every image and mask by its path; clips lie in `audio`, relative to the
    dataset's folder, and `clip_sha256` holds those that were hashed already, by their ids. `tiled`
    are those of the clips that repeat their recording; `credits` tell whose those are that are not
    VGGSound's. `texts` are the files beside the manifest that only this kind of dataset has;
    `notes` are lines for a person; `instances` are the outlines of MSMI's sources and their silent
    twins; `hashes` hold the difference hash of pictures that were decoded for it.
    """

    samples: Sequence[Sample]
    classes: tuple[ClassRow, ...]
    audio: str
    media_sha256: Mapping[Path, str]
    texts: Mapping[str, bytes]
    rejections: Sequence[Rejection]
    synthetic: bool
    attributions: Sequence[Attribution]
    notes: Sequence[str] = ()
    instances: Sequence[Instance] = ()
    tiled: Sequence[TiledClip] = ()
    credits: Mapping[str, SoundCredit] = field(default_factory=dict)
    funnel: Funnel = field(default_factory=dict)
    origin: Origin | UnsetType = UNSET
    hashes: Mapping[Path, Hashes] = field(default_factory=dict)
    clip_sha256: Mapping[str, str] = field(default_factory=dict)

    def manifest(self, folder: Path, identity: BuildIdentity) -> Manifest:
        """Return the dataset's manifest, in whose meta the checksums are not listed yet."""
        meta = ManifestMeta(
            schema_version=SCHEMA_VERSION,
            split=identity.split,
            classes=self.classes,
            seed=identity.seed,
            audio=self.audio,
            synthetic=self.synthetic,
            config=identity.config,
            inputs=identity.inputs,
            funnel=self.funnel,
            decoders=decoder_versions(),
            samples=len(self.samples),
            files=0,
            checksums_sha256="",
            manifest_sha256=sha256(encode_samples(self.samples)),
            origin=self.origin,
        )
        return Manifest(folder, meta, tuple(self.samples))


def sha256(content: bytes) -> str:
    """Return the hash of a file's content, as checksums list it."""
    return hashlib.sha256(content).hexdigest()
