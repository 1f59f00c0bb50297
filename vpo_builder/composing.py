"""Turns rendered samples of a VPO split into what is published: audited, with csv and documents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.audit import audit
from vpo_builder.config import AuditSettings
from vpo_builder.documents import Attribution
from vpo_builder.funnel import Funnel
from vpo_builder.identity import BuildIdentity
from vpo_builder.leaks import settle_leaks
from vpo_builder.manifest import Manifest
from vpo_builder.publishing import Publication, draft_meta
from vpo_builder.records import PlannedSample, Rejection
from vpo_builder.rendering.layout import (
    AUDIO_FOLDER,
    csv_name,
    encode_csv,
    relative_to_dataset,
)
from vpo_builder.rendering.mix import MIX_FOLDER
from vpo_builder.schema import ClassRow, Sample, Split

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
        audio=relative_to_dataset(split, AUDIO_FOLDER),
        media_folders=MEDIA_FOLDERS,
        media_sha256=media,
        texts={csv_name(split): encode_csv(samples, values, repeated), **composition.texts},
        rejections=rejections,
        funnel=funnel,
        synthetic=composition.synthetic,
        attributions=composition.attributions,
    )
