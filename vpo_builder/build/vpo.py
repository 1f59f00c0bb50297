"""What VPO-SS, VPO-MS and VPO-MSMI do in each stage of a build."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import msgspec

from vpo_builder.audit.audit import AuditReport
from vpo_builder.build.corpus import Corpus, read_corpus, refuse_absent_folders
from vpo_builder.build.damage import stop_at_damage
from vpo_builder.build.known_persons import KnownPersons
from vpo_builder.build.outlines import outlines_of
from vpo_builder.build.recipe import Recipe
from vpo_builder.build.request import BuildReport, VpoRequest, needed
from vpo_builder.classes import SoundingClass, class_rows, classes_of_labels, read_class_table
from vpo_builder.dataset.instances import INSTANCES
from vpo_builder.dataset.manifest import encode_lines
from vpo_builder.dataset.places import AUDIO_FOLDER, audio_folder
from vpo_builder.dataset.schema import SUBSETS, Sample, Split, Subset
from vpo_builder.dataset.sound_credits import SOUNDS, credits_in_use
from vpo_builder.dataset.tiled_clips import TILED
from vpo_builder.layout import csv_name, encode_csv
from vpo_builder.planning.filtering import filter_images
from vpo_builder.planning.matching import match_clips
from vpo_builder.planning.persons import PERSONS
from vpo_builder.planning.plan import ClipCheck, counted, plan_dataset
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.funnel import Funnel, count_funnel
from vpo_builder.publishing.leaks import find_crossing
from vpo_builder.publishing.publication import Publication
from vpo_builder.publishing.rejections import refuse_reappeared
from vpo_builder.records import Candidates, Clip, ClipRow, PlannedSample, Reason, Rejection, Sounds
from vpo_builder.rendering.clip_folder import ClipFolder, claim_clip_folder
from vpo_builder.rendering.clip_record import tiled_clips
from vpo_builder.rendering.images import render_images
from vpo_builder.rendering.mix import MIX_FOLDER, render_mixes
from vpo_builder.rendering.packed_clips import PackedClips
from vpo_builder.runtime.cycle_collector import leaving_records, without_collecting
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import to_tree
from vpo_builder.runtime.tasks import Executor
from vpo_builder.sources.image_sources import ImageSource, coco_2017, read_image_sources
from vpo_builder.sources.published_ids import PublishedIds, read_published_ids
from vpo_builder.sources.recordings import clip_of_names, seen_and_expected
from vpo_builder.sources.sounds import open_sounds, united
from vpo_builder.sources.vggsound import known_labels, read_vggsound

SHOWN_LABELS = 3
FAULTS_OF_OBJECTS = (Reason.IMAGE_NOT_LISTED, Reason.WITHOUT_AREA, Reason.TOO_SMALL)
FEW_VAL_CLIPS = 5  # protocol §2, subsets: a class with fewer is named


@dataclass(frozen=True)
class Material:
    """What was read: the sources, the clips that sound like a class, and those kept out.

    `excluded` are published samples whose pictures stay out of train and val.
    """

    corpus: Corpus
    clips: Sequence[Clip]
    rejected_clips: Sequence[Rejection]
    excluded: PublishedIds | None = None


@dataclass(frozen=True)
class BuildPlan:
    """The samples of a split, what was left out, the files beside them, and lines for a person.

    `clip_sha256` are the hashes of those clips' wavs, by their ids, that need not be read again.
    """

    samples: Sequence[PlannedSample]
    rejections: Sequence[Rejection]
    texts: Mapping[str, bytes]
    notes: Sequence[str]
    clip_sha256: Mapping[str, str] = field(default_factory=dict)


def image_sources(request: VpoRequest) -> list[ImageSource]:
    """Return the lists of masks that a request names."""
    coco, images = request.sources.coco, request.sources.images
    sources = [] if coco is None else coco_2017(coco, request.config.subsets)
    return sources if images is None else [*sources, *read_image_sources(images)]


def read_material(request: VpoRequest) -> Material:
    """Return the sources of a request, read and checked, for its class table."""
    config, sources = request.config, request.sources
    lists = [open_sounds(path) for path in sources.sounds]
    known = known_labels().union(*(other.labels for other in lists))
    table = read_class_table(sources.class_table, config.person.policy, known)

    def read_sounds() -> Sounds:
        labels = frozenset(label for row in table for label in row.labels)
        parts = [other.select(frozenset(classes_of_labels(table))) for other in lists]
        if sources.wants_vggsound:
            where = (needed(sources.vggsound), labels, sources.vggsound_csv)
            parts.insert(0, read_vggsound(*where, request.work.side_files))
        return united(parts)

    with without_collecting():
        corpus = read_corpus(
            image_sources(request),
            read_sounds,
            table,
            config.subsets,
            sources.vggsounder,
            request.work.side_files,
        )
    if not request.supply.fetches:
        refuse_absent_folders(corpus, sources.vggsound)
    clips, rejected = match_clips(corpus.sounds, table, config.subsets, corpus.audible)
    if request.supply.fetches or corpus.sounds.packed:
        clips = [
            msgspec.structs.replace(clip, fetchable=True)
            if clip.path is None and clip.clip_id not in corpus.sounds.credits
            else clip
            for clip in clips
        ]
    excluded = None if sources.exclude is None else read_published_ids(sources.exclude)
    return Material(corpus, clips, rejected, excluded)


def identify(request: VpoRequest, material: Material) -> BuildIdentity:
    """Return everything that decides the bytes of a request's dataset."""
    table = hashlib.sha256(request.sources.class_table.read_bytes()).hexdigest()
    inputs = {"classes.toml": table, **material.corpus.inputs}
    if material.excluded is not None:
        inputs["exclude"] = material.excluded.sha256
    return BuildIdentity(request.split, request.seed, to_tree(request.config), inputs)


def refuse_without_clips(request: VpoRequest, material: Material) -> None:
    """Raise InputError if no clip of the table's labels has a file and none will come."""
    clips, sources = material.clips, request.sources
    if (request.supply.fetches and sources.wants_vggsound) or material.corpus.sounds.packed:
        return
    if all(clip.path is None for clip in clips):
        where = sources.sounds[0] if sources.vggsound is None else sources.vggsound
        listed = sorted(material.corpus.sounds.label_counts)[:SHOWN_LABELS]
        seen = f"its labels are {', '.join(map(repr, listed))}…: name them in a table for --classes"
        if clips and sources.vggsound is not None:
            seen = seen_and_expected(sources.vggsound)
        raise InputError(
            f"{where}: no class has a usable clip: {len(clips)} clips of the class table's labels "
            f"are listed and none has a file; {seen}"
        )


def open_clip_folder(request: VpoRequest, material: Material, executor: Executor) -> ClipFolder:
    """Return the folder that a request's clips go to, which the splits of its output share."""
    folder = request.out / AUDIO_FOLDER
    claim_clip_folder(folder, request.config)
    sounds = material.corpus.sounds
    if sounds.packed and request.supply.fetches:
        raise InputError(
            f"{sounds.packed[0]}: --download would fetch the clips in it: unpack it, or leave "
            "--download out"
        )
    if sounds.packed:
        rows = (row for row in sounds.rows if isinstance(row, ClipRow))
        what = (material.clips, request.config, executor, sounds.packed, clip_of_names(rows))
        return PackedClips(folder, *what)
    return request.supply.clips(folder, material.clips, request.config, executor)


def plan_split(request: VpoRequest, material: Material, clip_check: ClipCheck) -> BuildPlan:
    """Return the plan of a split for the clips that pass a check."""
    corpus, config = material.corpus, request.config
    with without_collecting():
        known = KnownPersons(corpus, request.work.side_files, config.person)
        filtered = filter_images(
            corpus.photos,
            corpus.objects,
            corpus.class_of,
            corpus.captions,
            request.split,
            config,
            corpus.in_part,
            known.decisions,
        )
    kept, excluded = _not_excluded(filtered.kept, material.excluded)
    if not kept:
        _refuse_without_images([*filtered.rejections, *excluded], request.split)
    with leaving_records():
        plan = plan_dataset(
            kept, material.clips, clip_check, request.split, config, request.seed, corpus.list_of
        )
    persons = encode_lines(filtered.decisions)
    known.keep(filtered.decisions, persons)
    corpus.written.result()  # whoever plans next finds the side files whole
    rejections = [*corpus.rejections, *filtered.rejections, *excluded, *plan.rejections]
    return BuildPlan(
        plan.samples,
        [*rejections, *material.rejected_clips],
        {PERSONS: persons},
        [*_unseen(corpus), *_scarce_clips(corpus.table, plan.clip_counts)],
    )


def _refuse_without_images(rejections: Iterable[Rejection], split: Split) -> NoReturn:
    told = list(rejections)
    reasons = [rejection.reason for rejection in told if rejection.kind == "image"]
    of_objects = counted([r.reason for r in told if r.reason in FAULTS_OF_OBJECTS])
    raise InputError(
        f"no image passes the rules of VPO-{split.upper()}: {len(reasons)} are listed: "
        f"{counted(reasons) or 'none'}{of_objects and f'; of their objects {of_objects}'}: give "
        "others, or change the rules (--set filters.…)"
    )


def _unseen(corpus: Corpus) -> list[str]:
    """Return a line for the classes that no list of masks has."""
    names = corpus.unseen
    return [f"in no list of masks, so never seen: {', '.join(names)}"] if names else []


def _not_excluded(
    kept: Sequence[Candidates], excluded: PublishedIds | None
) -> tuple[list[Candidates], list[Rejection]]:
    """Return the images whose picture no list keeps out of train and val, and the others."""
    out = frozenset() if excluded is None else excluded.image_ids
    lost = [row.photo.id for row in kept if row.subset != "test" and row.photo.id in out]
    rejections = [Rejection("image", str(number), Reason.EXCLUDED) for number in lost]
    return [row for row in kept if row.subset == "test" or row.photo.id not in out], rejections


def _plan(request: VpoRequest, material: Material, executor: Executor) -> BuildPlan:
    folder = open_clip_folder(request, material, executor)
    plan = plan_split(request, material, folder)
    used = {source.clip_id for item in plan.samples for source in item.sample.sources}
    return replace(plan, clip_sha256=folder.sha256(used))


def _scarce_clips(
    table: Sequence[SoundingClass], clip_counts: Mapping[tuple[str, Subset], int]
) -> list[str]:
    """Return a line for the classes without any clip, and one for those with few in val."""
    names = [row.name for row in table]
    lines = []
    for subset in SUBSETS:
        absent = [name for name in names if not clip_counts.get((name, subset))]
        if absent:
            lines.append(f"no usable clip in {subset}, so silent there: {', '.join(absent)}")
    few = {name: clip_counts.get((name, "val"), 0) for name in names}
    scarce = [f"{name} ({count})" for name, count in few.items() if 0 < count < FEW_VAL_CLIPS]
    if scarce:
        lines.append(f"fewer than {FEW_VAL_CLIPS} clips in val: {', '.join(scarce)}")
    return lines


def _files(sample: Sample) -> tuple[str, ...]:
    """Return the paths of a sample's media, a mix among them if one is written."""
    return sample.image, sample.mask, f"{MIX_FOLDER}/{sample.sample_id}.wav"


def _media(plan: BuildPlan) -> Iterator[str]:
    return (path for planned in plan.samples for path in _files(planned.sample))


def _render(
    request: VpoRequest, material: Material, plan: BuildPlan, executor: Executor
) -> Publication:
    folder, corpus = request.folder, material.corpus
    classes = class_rows(corpus.table)
    values = {row.name: row.mask_value for row in classes}
    photos = {planned.sample.image_id: planned.scene.photo for planned in plan.samples}
    image_path = request.supply.photos(corpus, list(photos.values()))
    images = render_images(plan.samples, image_path, values, folder, executor)
    rejections = [*plan.rejections, *images.rejections]
    stop_at_damage(request, rejections, images.rejections, len(photos), _place_of_pictures(corpus))
    audio = request.out / AUDIO_FOLDER
    mixes = render_mixes(images.samples, audio, folder, request.config.audio, executor)
    return Publication(
        samples=[planned.sample for planned in images.samples],
        classes=classes,
        audio=audio_folder(request.split),
        media_sha256={**images.sha256, **mixes},
        clip_sha256=plan.clip_sha256,
        texts=plan.texts,
        rejections=rejections,
        synthetic=request.sources.synthetic,
        attributions=corpus.attributions,
        credits=corpus.sounds.credits,
        notes=[*plan.notes, *images.notes],
        hashes=images.hashes,
        instances=list(outlines_of(images, folder, corpus.objects, corpus.class_of))
        if request.split == "msmi"
        else (),
    )


def _place_of_pictures(corpus: Corpus) -> Path:
    """Return the folder in which all pictures lie."""
    return Path(os.path.commonpath([part.images for part in corpus.parts]))


def _judge(request: VpoRequest, rendered: Publication, audit: AuditReport) -> Publication:
    """Leave out the images that cross subsets, and write the csv of the others."""
    crossing = find_crossing(audit, rendered.samples, request.config.audit)
    samples = [item for item in rendered.samples if item.image_id not in crossing.dropped]
    dropped = [Rejection("image", str(i), why) for i, why in sorted(crossing.dropped.items())]
    named = {request.folder / path for sample in samples for path in _files(sample)}
    values = {row.name: row.mask_value for row in rendered.classes}
    texts = {csv_name(request.split): encode_csv(samples, values, request.split)}
    if rendered.instances:
        ids = {sample.sample_id for sample in samples}
        texts[INSTANCES] = encode_lines(i for i in rendered.instances if i.sample_id in ids)
    tiled = tiled_clips(request.out / AUDIO_FOLDER, samples)
    texts |= {TILED: encode_lines(tiled)} if tiled else {}
    credits = credits_in_use(rendered.credits, samples)
    texts |= {SOUNDS: encode_lines(credits.values())} if rendered.credits else {}
    return replace(
        rendered,
        samples=samples,
        credits=credits,
        media_sha256={path: sha for path, sha in rendered.media_sha256.items() if path in named},
        texts={**texts, **rendered.texts},
        rejections=[*rendered.rejections, *dropped],
        notes=[*rendered.notes, *crossing.notes],
        tiled=tiled,
    )


def _count(request: VpoRequest, material: Material, publication: Publication) -> Funnel:
    corpus = material.corpus
    unread = dict.fromkeys(row.record for row in corpus.rejections if row.kind == "image")
    return count_funnel(
        [*(photo.id for photo, _ in corpus.photos), *unread],
        dict(zip(corpus.objects.number.tolist(), corpus.objects.image.tolist(), strict=True)),
        [row.clip_id for row in corpus.sounds.rows],
        corpus.sounds.label_counts,
        classes_of_labels(corpus.table),
        publication.samples,
        publication.rejections,
    )


def _conclude(request: VpoRequest, material: Material, report: BuildReport) -> BuildReport:
    """Refuse a finished dataset that was built without clips which are there now."""
    if report.already_built:
        refuse_reappeared(report.folder, material.corpus.sounds.paths)
    return report


VPO = Recipe(
    read=read_material,
    identify=identify,
    refuse_unusable=refuse_without_clips,
    plan=_plan,
    media=_media,
    render=_render,
    judge=_judge,
    count=_count,
    conclude=_conclude,
)
