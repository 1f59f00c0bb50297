"""Builds AVSBench-Single+: S4 relabelled to its 23 categories, one frame and one second a sample.

The authors' download was never filled, so it is made from S4 as published (protocol §3).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.audit.audit import audit
from vpo_builder.build.damage import refuse_damage, refuse_too_many_missing
from vpo_builder.build.request import BuildReport
from vpo_builder.config import SinglePlusAuditSettings, SinglePlusConfig
from vpo_builder.dataset.avsbench_trees import Tree, Video, read_s4
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.documents.documents import Attribution
from vpo_builder.publishing.build_identity import BuildIdentity, is_finished, mark_started
from vpo_builder.publishing.funnel import (
    Funnel,
    check_funnel,
    count_samples,
    count_stage,
    reasons_by_kind,
)
from vpo_builder.publishing.publish import REJECTIONS, Publication, draft_meta, publish
from vpo_builder.records import DAMAGE, Reason, Rejection
from vpo_builder.rendering.single_plus import (
    AUDIOS,
    CSV_NAME,
    DATASET_FOLDER,
    MEDIA_FOLDERS,
    RenderedVideo,
    VideoTask,
    encode_single_plus_csv,
    frame_name,
    render_video,
    single_plus_classes,
)
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import ExecutorKind, open_executor
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.settings import to_tree
from vpo_builder.runtime.whole_files import remove_leftovers

SEED = 0  # nothing is drawn: every annotated frame of S4 is a sample
VIDEOS_NAMED = 10
LEAKS_NAMED = 5
LICENCE = "CC BY-NC 4.0"  # AVSBench's as a whole (protocol §3)
LICENCE_URL = "https://creativecommons.org/licenses/by-nc/4.0/"


@dataclass(frozen=True)
class SinglePlusRequest:
    """What a user asks for: where S4 lies, where the dataset goes, and how it is made."""

    avsbench: Path
    out: Path
    config: SinglePlusConfig
    workers: int = 1
    strict: bool = False
    synthetic: bool = False
    executor: ExecutorKind = "local"


def build_single_plus(request: SinglePlusRequest) -> BuildReport:
    """Build AVSBench-Single+ below `request.out` and return what came of it.

    An interrupted build resumes, and any number of workers gives the same bytes. Raises
    InputError for what the user can mend; nothing is written before the csv has been read.
    """
    with output_lock(request.out):
        return _build(request)


def _build(request: SinglePlusRequest) -> BuildReport:
    folder = request.out / DATASET_FOLDER
    tree = read_s4(request.avsbench)
    identity = _identity(tree, request.config)
    if is_finished(folder, identity):
        return BuildReport(folder, already_built=True)
    remove_leftovers(folder)
    mark_started(folder, identity)
    rows = single_plus_classes()
    values = {row.name: row.mask_value for row in rows}
    tasks = [
        VideoTask(video, values[video.categories[0]], folder, request.config.audio)
        for video in tree.videos
    ]
    with open_executor(request.executor, request.workers) as executor:
        rendered = executor(render_video, tasks, "videos")
    samples = [sample for video in rendered for sample in video.samples]
    rejections = [rejection for video in rendered for rejection in video.rejections]
    _stop_at_damage(request, tree, rendered, rejections)
    publication = Publication(
        samples=samples,
        classes=rows,
        audio=AUDIOS,
        media_folders=MEDIA_FOLDERS,
        media_sha256={path: sha for video in rendered for path, sha in video.sha256.items()},
        texts={CSV_NAME: encode_single_plus_csv(samples)},
        rejections=rejections,
        funnel=_funnel(tree.videos, samples, rejections),
        synthetic=request.synthetic,
        attributions=[
            Attribution(sample.image_id, LICENCE, LICENCE_URL, "", "") for sample in samples
        ],
    )
    notes = [*_missing(rejections), *_leaks(folder, publication, identity, request.config.audit)]
    publish(folder, publication, identity)
    return BuildReport(folder, False, publication.funnel, notes)


def _identity(tree: Tree, config: SinglePlusConfig) -> BuildIdentity:
    inputs = {
        f"avsbench/{tree.csv.name}": tree.sha256,
        "avsbench/files (names and sizes)": _listing_sha256(tree),
    }
    return BuildIdentity("avsbench-single-plus", SEED, to_tree(config), inputs)


def _listing_sha256(tree: Tree) -> str:
    """Return the hash of the name and size of every file that the dataset is made from."""
    lines = []
    for video in tree.videos:
        for path in (*video.images[: len(video.masks)], *video.masks, video.audio):
            try:
                lines.append(f"{path.relative_to(tree.csv.parent)} {path.stat().st_size}\n")
            except FileNotFoundError:
                continue
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _stop_at_damage(
    request: SinglePlusRequest,
    tree: Tree,
    rendered: Sequence[RenderedVideo],
    rejections: Sequence[Rejection],
) -> None:
    if request.strict:
        refuse_damage(rejections)
    missing = [
        Rejection("frame", name, rejection.reason)
        for video, result in zip(tree.videos, rendered, strict=True)
        for rejection in result.rejections
        if rejection.reason in DAMAGE
        for name in (_frame_names([video]) if rejection.kind == "video" else [rejection.record])
    ]
    limit = request.config.limits.max_missing_fraction
    refuse_too_many_missing(missing, len(_frame_names(tree.videos)), limit, tree.csv.parent)
    if not any(video.samples for video in rendered):
        raise InputError(
            f"{tree.csv.parent}: no usable frame: {len(tree.videos)} videos are listed in "
            f"{tree.csv.name}; expected s4_data/ as published beside it"
        )


def _frame_names(videos: Iterable[Video]) -> list[str]:
    """Return the names of the annotated frames."""
    return [frame_name(video, n + 1) for video in videos for n in range(len(video.masks))]


def _funnel(
    videos: Sequence[Video], samples: Sequence[Sample], rejections: Sequence[Rejection]
) -> Funnel:
    reasons = reasons_by_kind(rejections, ("video", "frame"))
    used = {sample.sample_id for sample in samples}
    used_videos = {video.name for video in videos if not used.isdisjoint(_frame_names([video]))}
    names = [video.name for video in videos]
    funnel = {
        "videos": count_stage(names, [("used", used_videos)], reasons["video"], "no_usable_frame"),
        "frames": count_stage(
            _frame_names(videos), [("used", used)], reasons["frame"], "video_dropped"
        ),
        "samples": count_samples(samples),
    }
    check_funnel(funnel)
    return funnel


def _missing(rejections: Iterable[Rejection]) -> list[str]:
    missing = [item.record for item in rejections if item.reason == Reason.VIDEO_MISSING]
    if not missing:
        return []
    more = f" and {len(missing) - VIDEOS_NAMED} more" if len(missing) > VIDEOS_NAMED else ""
    named = ", ".join(missing[:VIDEOS_NAMED])
    return [f"missing videos, listed in {REJECTIONS}: {named}{more}"]


def _leaks(
    folder: Path,
    publication: Publication,
    identity: BuildIdentity,
    settings: SinglePlusAuditSettings,
) -> list[str]:
    """Return a line for what crosses S4's subsets; raise InputError if that is to stop a build."""
    draft = Manifest(folder, draft_meta(publication, identity), tuple(publication.samples))
    licences = {row.image_id: row.license_name for row in publication.attributions}
    report = audit(draft, licences, max_bits=settings.near_duplicate_bits)
    named = ", ".join(f"{leak.kind} {leak.key[:16]}" for leak in report.leaks[:LEAKS_NAMED])
    more = ", …" if len(report.leaks) > LEAKS_NAMED else ""
    found = f"{len(report.leaks)} leaks across S4's subsets: {named}{more}"
    if report.leaks and settings.leaks == "fail":
        raise InputError(f"{folder}: {found}; mend S4's csv, or set audit.leaks to warn")
    lines = [found] if report.leaks else []
    if report.near_duplicates:
        lines.append(f"{len(report.near_duplicates)} pairs of frames look alike across subsets")
    if lines:
        lines.append(f"vpo-data audit {folder} shows them")
    if report.untrained:
        lines.append(f"tested but never trained: {', '.join(report.untrained)}")
    return lines
