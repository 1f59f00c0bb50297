"""Builds a VPO dataset: read, plan, render, audit, write the manifest last."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from vpo_builder.build.corpus import Corpus, read_corpus, refuse_absent_folders
from vpo_builder.build.damage import refuse_damage, refuse_too_many_missing
from vpo_builder.build.request import (
    BuildReport,
    BuildRequest,
)
from vpo_builder.classes import SoundingClass, class_rows, read_class_table
from vpo_builder.dataset.manifest import encode_lines
from vpo_builder.dataset.schema import SUBSETS, Sample, Subset
from vpo_builder.layout import AUDIO_FOLDER, dataset_folder
from vpo_builder.planning.filtering import filter_images
from vpo_builder.planning.matching import match_clips
from vpo_builder.planning.persons import PERSONS
from vpo_builder.planning.plan import ClipCheck, plan_dataset
from vpo_builder.publishing.build_identity import BuildIdentity, is_finished, mark_started
from vpo_builder.publishing.funnel import Funnel, count_funnel
from vpo_builder.publishing.publish import Composition, CountFunnel, audited_publication, publish
from vpo_builder.publishing.rejections import refuse_reappeared
from vpo_builder.records import Clip, PlannedSample, Rejection
from vpo_builder.rendering.clip_folder import claim_clip_folder
from vpo_builder.rendering.images import render_images
from vpo_builder.rendering.mix import render_mixes
from vpo_builder.runtime.cycle_collector import without_collecting
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import open_executor
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.settings import to_tree
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import remove_leftovers
from vpo_builder.sources.vggsound import known_labels

FEW_VAL_CLIPS = 5  # protocol §2, subsets: a class with fewer is named


@dataclass(frozen=True)
class BuildPlan:
    """The samples of a split, what was kept out, what is said beside them and to a person."""

    samples: Sequence[PlannedSample]
    rejections: Sequence[Rejection]
    texts: Mapping[str, bytes]
    notes: Sequence[str]


def build(request: BuildRequest) -> BuildReport:
    """Build one dataset below `request.out` and return what came of it.

    An interrupted build resumes: every file is whole or absent, and the manifest's meta comes
    last. MSMI builds or reuses MS, whose files it reads. Raises InputError for what the user can
    mend; nothing is written before the sources have been read and found usable.
    """
    with output_lock(request.out):
        if request.split == "msmi":
            _build(replace(request, split="ms"))
        return _build(request)


def _build(request: BuildRequest) -> BuildReport:
    folder = request.out / dataset_folder(request.split)
    corpus = open_corpus(request)
    identity = identify(request, corpus)
    if is_finished(folder, identity) and not request.supply.retries(folder):
        refuse_reappeared(folder, corpus.vggsound.paths)
        return BuildReport(folder, already_built=True)
    clips, rejected_clips = usable_clips(request, corpus)
    remove_leftovers(request.out)
    mark_started(folder, identity)
    audio = request.out / AUDIO_FOLDER
    claim_clip_folder(audio, request.config)
    with open_executor(request.executor, request.workers) as executor:
        clip_folder = request.supply.clips(audio, clips, request.config, executor)
        plan = plan_build(request, corpus, clips, clip_folder)
        rejections = [*plan.rejections, *rejected_clips]

        def count(samples: Sequence[Sample], dropped: Sequence[Rejection]) -> Funnel:
            return _funnel(corpus, samples, [*dropped, *rejections])

        funnel, notes = publish_samples(
            request, corpus, identity, plan.samples, rejections, plan.texts, count, executor
        )
    return BuildReport(folder, False, funnel, [*plan.notes, *notes, *request.supply.notes()])


def publish_samples(
    request: BuildRequest,
    corpus: Corpus,
    identity: BuildIdentity,
    samples: Sequence[PlannedSample],
    rejections: Sequence[Rejection],
    texts: Mapping[str, bytes],
    count: CountFunnel,
    executor: Executor,
) -> tuple[Funnel, list[str]]:
    """Render planned samples, audit them and publish what is left.

    Returns the funnel, as `count` gives it, and lines for a person.
    """
    folder = request.out / dataset_folder(request.split)
    classes = class_rows(corpus.table)
    values = {row.name: row.mask_value for row in classes}
    photos = {planned.sample.image_id: planned.scene.photo for planned in samples}
    image_path = request.supply.photos(corpus, list(photos.values()))
    images = render_images(samples, image_path, values, folder, executor)
    _refuse_images(request, samples, images.rejections)
    if request.strict:
        refuse_damage([*rejections, *images.rejections])
    audio = request.out / AUDIO_FOLDER
    mixes = render_mixes(images.samples, audio, folder, request.config.audio, executor)
    composition = Composition(
        request.split,
        classes,
        images.samples,
        {**images.sha256, **mixes},
        texts,
        corpus.attributions,
        request.synthetic,
    )
    publication, notes = audited_publication(
        folder,
        composition,
        [*rejections, *images.rejections],
        lambda left, dropped: count(left, [*images.rejections, *dropped]),
        request.config.audit,
        identity,
    )
    publish(folder, publication, identity)
    return publication.funnel, notes


def open_corpus(request: BuildRequest) -> Corpus:
    """Return the sources of a request, read and checked, for its class table."""
    config = request.config
    table = read_class_table(request.class_table, config.person.policy, known_labels())
    with without_collecting():
        corpus = read_corpus(
            request.coco,
            request.vggsound,
            table,
            config.subsets.val_fraction,
            request.vggsounder,
            request.vggsound_csv,
        )
    if not request.supply.fetches:
        refuse_absent_folders(corpus, request.vggsound)
    return corpus


def identify(request: BuildRequest, corpus: Corpus, **inputs: str) -> BuildIdentity:
    """Return everything that decides the bytes of a request's dataset."""
    table = hashlib.sha256(request.class_table.read_bytes()).hexdigest()
    return BuildIdentity(
        request.split,
        request.seed,
        to_tree(request.config),
        {"classes.toml": table, **corpus.inputs, **inputs},
    )


def _refuse_images(
    request: BuildRequest, samples: Sequence[PlannedSample], missing: Sequence[Rejection]
) -> None:
    """Stop a build that lacks more of its images than the settings allow."""
    selected = len({planned.sample.image_id for planned in samples})
    allowed = request.config.limits.max_missing_fraction
    refuse_too_many_missing(missing, selected, allowed, request.coco)


def usable_clips(request: BuildRequest, corpus: Corpus) -> tuple[list[Clip], list[Rejection]]:
    """Return the clips of the table's labels; stop before anything is written if none is there."""
    clips, rejections = match_clips(
        corpus.vggsound, corpus.table, request.config.subsets.val_fraction, corpus.audible
    )
    if request.supply.fetches:
        return [
            msgspec.structs.replace(clip, fetchable=clip.path is None) for clip in clips
        ], rejections
    if all(clip.path is None for clip in clips):
        raise InputError(
            f"{request.vggsound}: no class has a usable clip: the csv lists {len(clips)} clips of "
            "the class table's labels and none has a file; check the folder given by --vggsound"
        )
    return clips, rejections


def plan_build(
    request: BuildRequest, corpus: Corpus, clips: Sequence[Clip], clip_check: ClipCheck
) -> BuildPlan:
    """Return the plan of a split for the clips that pass a check."""
    with without_collecting():
        filtered = filter_images(
            corpus.photos,
            corpus.objects,
            corpus.class_of,
            corpus.captions,
            request.split,
            request.config,
        )
    plan = plan_dataset(
        filtered.kept, clips, clip_check, request.split, request.config, request.seed
    )
    return BuildPlan(
        plan.samples,
        [*filtered.rejections, *plan.rejections],
        {PERSONS: encode_lines(filtered.decisions)},
        _clips_wanting(corpus.table, plan.clip_counts),
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
