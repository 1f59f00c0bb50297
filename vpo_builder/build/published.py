"""What is done, in each stage of a build, to make a dataset of a published copy of VPO.

Its samples and subsets are its authors'. What cannot be used is left out and counted by reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import soundfile

from vpo_builder.audit.audit import AuditReport
from vpo_builder.build.imported_media import (
    SHORT_SECONDS,
    ClipTask,
    PictureOutcome,
    PictureTask,
    import_clip,
    import_picture,
)
from vpo_builder.build.imported_samples import (
    as_sample,
    copy_names,
    files_of,
    placed,
    with_val,
)
from vpo_builder.build.published_copy import Material, copy_of, read_copy, refuse_unusable
from vpo_builder.build.recipe import Recipe
from vpo_builder.build.request import BuildReport, ImportRequest
from vpo_builder.build.unmixed import import_mixes
from vpo_builder.dataset.places import AUDIO_FOLDER, audio_folder
from vpo_builder.dataset.schema import Sample, Split
from vpo_builder.layout import csv_name, encode_csv
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.funnel import (
    Funnel,
    check_funnel,
    count_samples,
    count_stage,
    reasons_by_kind,
)
from vpo_builder.publishing.publication import Publication
from vpo_builder.records import Reason, Rejection
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import to_tree
from vpo_builder.runtime.tasks import Executor
from vpo_builder.sources.published_samples import ListedSample


@dataclass(frozen=True)
class ImportPlan:
    """The samples whose sound can be used, the clips and samples left out, and lines to say."""

    samples: Sequence[ListedSample]
    rejections: Sequence[Rejection]
    notes: Sequence[str]
    split: Split


def _identify(request: ImportRequest, material: Material) -> BuildIdentity:
    return BuildIdentity(
        request.split, request.seed, to_tree(request.config), dict(material.inputs)
    )


def _plan(request: ImportRequest, material: Material, executor: Executor) -> ImportPlan:
    """Put the clips in place and leave out the samples that lack one."""
    listed, audio = material.listed, request.out / AUDIO_FOLDER
    apart = [sample for sample in listed.samples if sample.mixes is None]
    clips = sorted({source.clip_id for sample in apart for source in sample.sources})
    link = copy_of(request).link
    tasks = [
        ClipTask(listed.recordings.get(clip), audio / f"{clip}.wav", not link) for clip in clips
    ]
    outcomes = dict(zip(clips, executor(import_clip, tasks, "clips"), strict=True))
    failed = {clip: found.reason for clip, found in outcomes.items() if found.reason is not None}
    rewritten = sum(outcome.rewritten for outcome in outcomes.values())
    short = sum(outcome.short for outcome in outcomes.values())
    rejections = [Rejection("clip", clip, reason) for clip, reason in failed.items()]
    kept = []
    for sample in listed.samples:
        lost = next((s.clip_id for s in sample.sources if s.clip_id in failed), None)
        if lost is None:
            kept.append(sample)
        else:
            name = files_of(sample, request.split, "").sample_id
            rejections.append(Rejection("sample", name, failed[lost], lost))
    notes = [f"{rewritten} clips were not mono PCM16 of 16 kHz: converted"] * bool(rewritten)
    notes += [f"{short} clips are shorter than {SHORT_SECONDS:g} s"] * bool(short)
    return ImportPlan(kept, rejections, notes, request.split)


@dataclass(frozen=True)
class _Taken:
    """A sample whose picture and mask are in place, with what the list says of it."""

    listed: ListedSample
    sample: Sample
    found: PictureOutcome


def _render(
    request: ImportRequest, material: Material, plan: ImportPlan, executor: Executor
) -> Publication:
    taken, failed = _take_pictures(request, material, plan.samples, executor)
    mixed = [(row.sample, row.listed.mixes) for row in taken if row.listed.mixes is not None]
    silent, mono_only = import_mixes(mixed, request.out / AUDIO_FOLDER, executor)
    failed |= silent
    kept = [row for row in taken if row.sample.sample_id not in silent]
    lost = [Rejection("sample", name, reason) for name, reason in failed.items()]
    rewritten = sum(row.found.rewritten for row in kept)
    notes = [f"{rewritten} pictures and masks were written anew"] * bool(rewritten)
    notes += [f"{mono_only} samples keep their mono sound alone"] * bool(mono_only)
    return Publication(
        samples=with_val([row.sample for row in kept], request.config.subsets),
        classes=material.classes,
        audio=audio_folder(request.split),
        media_sha256={path: sha for row in kept for path, sha in row.found.sha256.items()},
        texts=copy_names((row.sample.sample_id, row.listed.name) for row in kept),
        rejections=[*material.listed.rejections, *plan.rejections, *lost],
        synthetic=False,
        attributions=material.attributions,
        notes=[*plan.notes, *notes],
        origin="published",
        hashes={
            request.folder / row.sample.image: row.found.hash
            for row in kept
            if row.found.hash is not None
        },
    )


def _take_pictures(
    request: ImportRequest, material: Material, samples: Sequence[ListedSample], executor: Executor
) -> tuple[list[_Taken], dict[str, Reason]]:
    """Put pictures and masks in place; return the samples, and why others cannot be used."""
    folder, values = request.folder, {row.name: row.mask_value for row in material.classes}
    places = placed(request, samples)
    tasks = [
        PictureTask(
            sample.image,
            sample.mask,
            folder / place.image,
            folder / place.mask,
            material.listed.mask_values,
            frozenset(values[source.category] for source in sample.sources),
            not copy_of(request).link,
        )
        for sample, place in zip(samples, places, strict=True)
    ]
    taken, failed = [], {}
    outcomes = executor(import_picture, tasks, "pictures")
    for listed, place, found in zip(samples, places, outcomes, strict=True):
        if found.reason is None:
            taken.append(_Taken(listed, as_sample(listed, place, found, values), found))
        else:
            failed[place.sample_id] = found.reason
    return taken, failed


def _judge(request: ImportRequest, rendered: Publication, audit: AuditReport) -> Publication:
    """Say what crosses the copy's subsets, which stay as they are, and write the csv."""
    if not rendered.samples:
        reasons = sorted({rejection.reason.value for rejection in rendered.rejections})
        raise InputError(
            f"{request.folder}: no sample of the list can be imported: {', '.join(reasons)}"
        )
    values = {row.name: row.mask_value for row in rendered.classes}
    table = encode_csv(rendered.samples, values, request.split)
    crossing = len(audit.leaks)
    note = f"{crossing} things cross the subsets: vpo-data audit {request.folder} lists them"
    return replace(
        rendered,
        texts={csv_name(request.split): table, **rendered.texts},
        notes=[*rendered.notes, *[note] * bool(crossing)],
    )


def _count(request: ImportRequest, material: Material, publication: Publication) -> Funnel:
    listed, audio = material.listed, request.out / AUDIO_FOLDER
    reasons = reasons_by_kind(publication.rejections, ("row", "sample", "clip"))
    lines = {
        str(line): files_of(sample, request.split, "").sample_id
        for sample in listed.samples
        for line in sample.lines
    }
    kept = {sample.sample_id for sample in publication.samples}
    of_rows = {line: reasons["sample"].get(name, "") for line, name in lines.items()}
    of_rows |= reasons["row"]
    used = {source.clip_id for sample in publication.samples for source in sample.sources}
    clips = {source.clip_id for sample in listed.samples for source in sample.sources} | used
    lengths = {clip: soundfile.info(audio / f"{clip}.wav").duration for clip in used}
    short = {clip for clip, seconds in lengths.items() if seconds < SHORT_SECONDS}
    funnel = {
        "rows": count_stage(
            of_rows, [("used", {line for line, name in lines.items() if name in kept})], of_rows, ""
        ),
        "clips": count_stage(
            clips,
            [("used", used - short), ("used_below_3_seconds", short)],
            reasons["clip"],
            "not_needed",
        ),
        "samples": count_samples(publication.samples),
    }
    check_funnel(funnel)
    return funnel


def _media(plan: ImportPlan) -> Iterator[str]:
    for sample in plan.samples:
        files = files_of(sample, plan.split, "")
        yield from (files.image, files.mask)


def _conclude(request: ImportRequest, material: Material, report: BuildReport) -> BuildReport:
    return report


PUBLISHED = Recipe(
    read=read_copy,
    identify=_identify,
    refuse_unusable=refuse_unusable,
    plan=_plan,
    media=_media,
    render=_render,
    judge=_judge,
    count=_count,
    conclude=_conclude,
)
