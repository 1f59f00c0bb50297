"""What is done, in each stage of a build, to make a dataset of a published copy of VPO.

Its samples and subsets are its authors'. What cannot be used is left out and counted by reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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
from vpo_builder.build.published_copy import Material, copy_of, read_copy, refuse_unusable
from vpo_builder.build.recipe import Recipe
from vpo_builder.build.request import BuildReport, ImportRequest
from vpo_builder.config import SubsetSettings
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.dataset.places import (
    AUDIO_FOLDER,
    MS_HOME,
    SampleFiles,
    audio_folder,
    dataset_folder,
    vpo_files,
)
from vpo_builder.dataset.schema import Sample, Source, Split
from vpo_builder.layout import csv_name, encode_csv
from vpo_builder.planning.matching import image_subsets
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.funnel import (
    Funnel,
    check_funnel,
    count_samples,
    count_stage,
    reasons_by_kind,
)
from vpo_builder.publishing.publication import Publication
from vpo_builder.records import Rejection
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
    clips = sorted({source.clip_id for sample in listed.samples for source in sample.sources})
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
            name = _files(sample, request.split, "").sample_id
            rejections.append(Rejection("sample", name, failed[lost], lost))
    notes = [f"{rewritten} clips were not mono PCM16 of 16 kHz: converted"] * bool(rewritten)
    notes += [f"{short} clips are shorter than {SHORT_SECONDS:g} s"] * bool(short)
    return ImportPlan(kept, rejections, notes, request.split)


def _files(sample: ListedSample, split: Split, home: str) -> SampleFiles:
    first = sample.sources[0]
    return vpo_files(split, sample.image_id, first.category, first.ann_id, home)


def _placed(request: ImportRequest, samples: Sequence[ListedSample]) -> list[SampleFiles]:
    """Return where each sample's files go: MSMI reads from MS what was imported there."""
    ms = request.out / dataset_folder("ms")
    shared: set[str] = set()
    if request.split == "msmi" and (ms / META).exists():
        manifest = read_manifest(ms)
        shared = {s.sample_id for s in manifest.samples if manifest.meta.imported}
    homes = [
        MS_HOME if s.shared and _files(s, "ms", "").sample_id in shared else "" for s in samples
    ]
    return [_files(s, request.split, home) for s, home in zip(samples, homes, strict=True)]


def _render(
    request: ImportRequest, material: Material, plan: ImportPlan, executor: Executor
) -> Publication:
    folder, values = request.folder, {row.name: row.mask_value for row in material.classes}
    files = _placed(request, plan.samples)
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
        for sample, place in zip(plan.samples, files, strict=True)
    ]
    outcomes = executor(import_picture, tasks, "pictures")
    samples, rejections = [], [*material.listed.rejections, *plan.rejections]
    sha256: dict[Path, str] = {}
    for listed, place, outcome in zip(plan.samples, files, outcomes, strict=True):
        if outcome.reason is not None:
            rejections.append(Rejection("sample", place.sample_id, outcome.reason))
            continue
        samples.append(_sample(listed, place, outcome, values))
        sha256.update(outcome.sha256)
    rewritten = sum(outcome.rewritten for outcome in outcomes)
    notes = [f"{rewritten} pictures and masks were written anew"] * bool(rewritten)
    return Publication(
        samples=_with_val(samples, request.config.subsets),
        classes=material.classes,
        audio=audio_folder(request.split),
        media_sha256=sha256,
        texts={},
        rejections=rejections,
        synthetic=False,
        attributions=material.attributions,
        notes=[*plan.notes, *notes],
        origin="published",
    )


def _sample(
    listed: ListedSample, files: SampleFiles, found: PictureOutcome, values: Mapping[str, int]
) -> Sample:
    return Sample(
        files.sample_id,
        listed.subset,
        listed.image_id,
        files.image,
        files.mask,
        found.width,
        found.height,
        tuple(
            Source(
                source.category,
                source.ann_id,
                source.clip_id,
                found.places[values[source.category]] if source.pan is None else source.pan,
            )
            for source in listed.sources
        ),
    )


def _with_val(samples: Sequence[Sample], settings: SubsetSettings) -> list[Sample]:
    """Return the samples, some of train's pictures being val by the hash that our builds use."""
    train = [sample.image_id for sample in samples if sample.subset == "train"]
    val = {
        image
        for image, subset in zip(train, image_subsets("train2017", train, settings), strict=True)
        if subset == "val"
    }
    return [
        replace(sample, subset="val")
        if sample.subset == "train" and sample.image_id in val
        else sample
        for sample in samples
    ]


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
        str(line): _files(sample, request.split, "").sample_id
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
        files = _files(sample, plan.split, "")
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
