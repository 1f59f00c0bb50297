"""Builds a VPO dataset: read, filter, choose and pair, render, write the manifest last."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vpo_builder.availability import refuse_reappeared
from vpo_builder.classes import CLASS_TABLE, SoundingClass, class_rows, read_class_table
from vpo_builder.config import BuildConfig
from vpo_builder.damage import refuse_damage, refuse_too_many_missing
from vpo_builder.errors import InputError
from vpo_builder.executors import local_executor
from vpo_builder.filtering import Filtered, filter_images
from vpo_builder.funnel import Funnel, count_funnel
from vpo_builder.identity import BuildIdentity, is_finished, mark_started
from vpo_builder.manifest import encode_lines
from vpo_builder.matching import match_clips
from vpo_builder.planning import plan_dataset
from vpo_builder.publishing import Publication, publish
from vpo_builder.records import Clip, Rejection
from vpo_builder.rendering.clips import ClipFolder, claim_clip_folder
from vpo_builder.rendering.images import RenderedImages, render_images
from vpo_builder.rendering.layout import (
    AUDIO_FOLDER,
    csv_name,
    dataset_folder,
    encode_csv,
    relative_to_dataset,
    scene_sample,
)
from vpo_builder.schema import SUBSETS, Sample, Split, Subset
from vpo_builder.settings import to_tree
from vpo_builder.sources.corpus import Corpus, read_corpus
from vpo_builder.sources.vggsound import known_labels

PERSONS = "persons.jsonl"
MEDIA_FOLDERS = ("data", "mask")
FEW_VAL_CLIPS = 5  # protocol §2, subsets: a class with fewer is named


@dataclass(frozen=True)
class BuildRequest:
    """What a user asks for: the dataset, and where its sources and its output lie."""

    split: Split
    out: Path
    coco: Path
    vggsound: Path
    config: BuildConfig
    synthetic: bool = False
    seed: int = 0
    workers: int = 1
    strict: bool = False
    class_table: Path = CLASS_TABLE


@dataclass(frozen=True)
class BuildReport:
    """What came of a build; `already_built` when the folder held the dataset before.

    `notes` are lines for a person: what the sources lacked.
    """

    folder: Path
    already_built: bool = False
    funnel: Funnel = field(default_factory=dict)
    notes: Sequence[str] = ()


def build(request: BuildRequest) -> BuildReport:
    """Build one dataset below `request.out` and return what came of it.

    An interrupted build resumes: every file is whole or absent, and the manifest's meta comes
    last. Raises InputError for what the user can mend; nothing is written before the sources
    have been read and found usable.
    """
    split, config, seed = request.split, request.config, request.seed
    folder = request.out / dataset_folder(split)
    table = read_class_table(request.class_table, config.person.policy, known_labels())
    corpus = read_corpus(request.coco, request.vggsound, table, config.subsets.val_fraction)
    identity = _identity(request, corpus)
    if is_finished(folder, identity):
        refuse_reappeared(folder, corpus.vggsound.paths)
        return BuildReport(folder, already_built=True)
    filtered = filter_images(
        corpus.photos, corpus.objects, corpus.class_of, corpus.captions, split, config
    )
    clips, rejected_clips = match_clips(corpus.vggsound, table, config.subsets.val_fraction)
    _refuse_without_clips(request, clips)
    mark_started(folder, identity)
    claim_clip_folder(request.out / AUDIO_FOLDER, config)
    with local_executor(request.workers) as executor:
        clip_folder = ClipFolder(request.out / AUDIO_FOLDER, clips, config, executor)
        plan = plan_dataset(filtered.kept, clips, clip_folder.check, split, config, seed)
        images = render_images(plan.scenes, corpus, folder, split, executor)
    rejections = [*filtered.rejections, *rejected_clips, *plan.rejections, *images.rejections]
    selected = len({scene.photo.id for scene, _ in plan.scenes})
    if request.strict:
        refuse_damage(rejections)
    refuse_too_many_missing(
        images.rejections, selected, config.limits.max_missing_fraction, request.coco
    )
    publication = _publication(request, corpus, filtered, images, rejections)
    publish(folder, publication, identity)
    return BuildReport(
        folder, False, publication.funnel, _clips_wanting(corpus.table, plan.clip_counts)
    )


def _publication(
    request: BuildRequest,
    corpus: Corpus,
    filtered: Filtered,
    images: RenderedImages,
    rejections: Sequence[Rejection],
) -> Publication:
    """Return what stands beside the media of a VPO split."""
    split = request.split
    samples = [scene_sample(scene, placements, split) for scene, placements in images.scenes]
    repeated = frozenset(
        sample.sample_id
        for sample, (scene, _) in zip(samples, images.scenes, strict=True)
        if scene.repeated
    )
    rows = class_rows(corpus.table)
    values = {row.name: row.mask_value for row in rows}
    return Publication(
        samples=samples,
        classes=rows,
        audio=relative_to_dataset(split, AUDIO_FOLDER),
        media_folders=MEDIA_FOLDERS,
        media_sha256=images.sha256,
        texts={
            csv_name(split): encode_csv(samples, values, repeated),
            PERSONS: encode_lines(filtered.decisions),
        },
        rejections=rejections,
        funnel=_funnel(corpus, samples, rejections),
        synthetic=request.synthetic,
    )


def _clips_wanting(
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


def _identity(request: BuildRequest, corpus: Corpus) -> BuildIdentity:
    table = hashlib.sha256(request.class_table.read_bytes()).hexdigest()
    return BuildIdentity(
        request.split,
        request.seed,
        to_tree(request.config),
        {"classes.toml": table, **corpus.inputs},
    )


def _refuse_without_clips(request: BuildRequest, clips: Sequence[Clip]) -> None:
    """Stop before anything is written when no clip has a file."""
    if all(clip.path is None for clip in clips):
        raise InputError(
            f"{request.vggsound}: no class has a usable clip: the csv lists {len(clips)} clips of "
            "the class table's labels and none has a file; check the folder given by --vggsound"
        )


def _funnel(corpus: Corpus, samples: Sequence[Sample], rejections: Sequence[Rejection]) -> Funnel:
    return count_funnel(
        [photo.id for photo, _ in corpus.photos],
        {row.id: row.image_id for row in corpus.objects},
        [row.clip_id for row in corpus.vggsound.rows],
        corpus.vggsound.label_counts,
        {label for row in corpus.table for label in row.labels},
        samples,
        rejections,
    )
