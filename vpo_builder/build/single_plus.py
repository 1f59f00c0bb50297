"""What AVSBench-Single+ does in each stage of a build: S4 relabelled to its 23 categories.

One frame and one second a sample. The authors' download was never filled, so it is made from S4
as published (protocol §3).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from vpo_builder.audit.audit import AuditReport
from vpo_builder.build.damage import stop_at_damage
from vpo_builder.build.from_manifest import compared
from vpo_builder.build.recipe import Recipe
from vpo_builder.build.request import BuildReport, SinglePlusRequest, needed
from vpo_builder.dataset.avsbench_trees import Tree, Video, read_s4
from vpo_builder.dataset.places import REJECTIONS
from vpo_builder.documents.documents import Attribution
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.funnel import (
    Funnel,
    check_funnel,
    count_samples,
    count_stage,
    reasons_by_kind,
)
from vpo_builder.publishing.publication import Publication
from vpo_builder.records import DAMAGE, Reason, Rejection
from vpo_builder.rendering.single_plus import (
    AUDIOS,
    CSV_NAME,
    RenderedVideo,
    VideoTask,
    encode_single_plus_csv,
    frame_files,
    frame_name,
    render_video,
    single_plus_classes,
)
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import to_tree
from vpo_builder.runtime.tasks import Executor

SEED = 0  # nothing is drawn: every annotated frame of S4 is a sample
VIDEOS_NAMED = 10
LEAKS_NAMED = 5
LICENCE = "CC BY-NC 4.0"  # AVSBench's as a whole (protocol §3)
LICENCE_URL = "https://creativecommons.org/licenses/by-nc/4.0/"


def _read(request: SinglePlusRequest) -> Tree:
    return read_s4(needed(request.sources.avsbench))


def _identify(request: SinglePlusRequest, tree: Tree) -> BuildIdentity:
    inputs = {
        f"avsbench/{tree.csv.name}": tree.sha256,
        "avsbench/files (names and sizes)": _listing_sha256(tree),
    }
    return BuildIdentity(request.split, SEED, to_tree(request.config), inputs)


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


def _refuse_unusable(request: SinglePlusRequest, tree: Tree) -> None:
    """Every video may turn out usable: that is known once it is rendered."""


def _plan(request: SinglePlusRequest, tree: Tree, executor: Executor) -> list[VideoTask]:
    values = {row.name: row.mask_value for row in single_plus_classes()}
    return [
        VideoTask(video, values[video.categories[0]], request.folder, request.config.audio)
        for video in tree.videos
    ]


def _media(plan: Sequence[VideoTask]) -> Iterator[str]:
    names = _frame_names([task.video for task in plan])
    return (path for name in names for path in frame_files(name))


def _render(
    request: SinglePlusRequest, tree: Tree, plan: Sequence[VideoTask], executor: Executor
) -> Publication:
    rendered = executor(render_video, plan, "videos")
    samples = [sample for video in rendered for sample in video.samples]
    rejections = [rejection for video in rendered for rejection in video.rejections]
    selected = len(_frame_names(tree.videos))
    stop_at_damage(request, rejections, _lost_frames(tree, rendered), selected, tree.csv.parent)
    if not samples:
        raise InputError(
            f"{tree.csv.parent}: no usable frame: {len(tree.videos)} videos are listed in "
            f"{tree.csv.name}; expected s4_data/ as published beside it"
        )
    return Publication(
        samples=samples,
        classes=single_plus_classes(),
        audio=AUDIOS,
        media_sha256={path: sha for video in rendered for path, sha in video.sha256.items()},
        texts={CSV_NAME: encode_single_plus_csv(samples)},
        rejections=rejections,
        synthetic=request.sources.synthetic,
        attributions=[
            Attribution(sample.image_id, LICENCE, LICENCE_URL, "", "") for sample in samples
        ],
        notes=_missing(rejections),
        hashes={path: found for video in rendered for path, found in video.hashes.items()},
    )


def _lost_frames(tree: Tree, rendered: Sequence[RenderedVideo]) -> list[Rejection]:
    """Return a rejection for each frame that is lost to damage, its own or its video's."""
    return [
        Rejection("frame", name, rejection.reason)
        for video, result in zip(tree.videos, rendered, strict=True)
        for rejection in result.rejections
        if rejection.reason in DAMAGE
        for name in (_frame_names([video]) if rejection.kind == "video" else [rejection.record])
    ]


def _frame_names(videos: Iterable[Video]) -> list[str]:
    """Return the names of the annotated frames."""
    return [frame_name(video, n + 1) for video in videos for n in range(len(video.masks))]


def _missing(rejections: Iterable[Rejection]) -> list[str]:
    missing = [item.record for item in rejections if item.reason == Reason.VIDEO_MISSING]
    if not missing:
        return []
    more = f" and {len(missing) - VIDEOS_NAMED} more" if len(missing) > VIDEOS_NAMED else ""
    named = ", ".join(missing[:VIDEOS_NAMED])
    return [f"missing videos, listed in {REJECTIONS}: {named}{more}"]


def _judge(request: SinglePlusRequest, rendered: Publication, audit: AuditReport) -> Publication:
    """Say what crosses S4's subsets, which are the authors'; raise InputError if it is to stop."""
    named = ", ".join(f"{leak.kind} {leak.key[:16]}" for leak in audit.leaks[:LEAKS_NAMED])
    more = ", …" if len(audit.leaks) > LEAKS_NAMED else ""
    found = f"{len(audit.leaks)} leaks across S4's subsets: {named}{more}"
    if audit.leaks and request.config.audit.leaks == "fail":
        raise InputError(f"{request.folder}: {found}; correct S4's csv, or set audit.leaks to warn")
    lines = [found] if audit.leaks else []
    if audit.near_duplicates:
        lines.append(f"{len(audit.near_duplicates)} pairs of frames look alike across subsets")
    if lines:
        lines.append(f"vpo-data audit {request.folder} shows them")
    return replace(rendered, notes=[*rendered.notes, *lines])


def _count(request: SinglePlusRequest, tree: Tree, publication: Publication) -> Funnel:
    videos = tree.videos
    reasons = reasons_by_kind(publication.rejections, ("video", "frame"))
    used = {sample.sample_id for sample in publication.samples}
    used_videos = {video.name for video in videos if not used.isdisjoint(_frame_names([video]))}
    names = [video.name for video in videos]
    funnel = {
        "videos": count_stage(names, [("used", used_videos)], reasons["video"], "no_usable_frame"),
        "frames": count_stage(
            _frame_names(videos), [("used", used)], reasons["frame"], "video_dropped"
        ),
        "samples": count_samples(publication.samples),
    }
    check_funnel(funnel)
    return funnel


def _conclude(request: SinglePlusRequest, tree: Tree, report: BuildReport) -> BuildReport:
    """Compare with the manifest that is built again: S4 alone decides every sample."""
    return report if request.published is None else compared(report, request.published)


SINGLE_PLUS = Recipe(
    read=_read,
    identify=_identify,
    refuse_unusable=_refuse_unusable,
    plan=_plan,
    media=_media,
    render=_render,
    judge=_judge,
    count=_count,
    conclude=_conclude,
)
