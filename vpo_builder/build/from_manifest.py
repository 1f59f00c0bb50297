"""Builds a dataset again from its manifest, from sources that may have lost some of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vpo_builder.build.request import BuildReport, BuildRequest
from vpo_builder.build.vpo import identify, open_corpus, publish_samples
from vpo_builder.classes import class_rows
from vpo_builder.config import BuildConfig
from vpo_builder.dataset.manifest import MANIFEST, Manifest, encode_lines, read_manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.layout import AUDIO_FOLDER, dataset_folder
from vpo_builder.planning.matching import match_clips
from vpo_builder.planning.plan_again import Rebuild, plan_rebuild
from vpo_builder.publishing.build_identity import is_finished, mark_started
from vpo_builder.publishing.funnel import ENTERED, Funnel, check_funnel, count_samples
from vpo_builder.records import Rejection
from vpo_builder.rendering.clip_folder import claim_clip_folder
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import open_executor
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.settings import from_tree
from vpo_builder.runtime.whole_files import remove_leftovers

SUBSTITUTIONS = "substitutions.jsonl"
SHOWN = 5


def read_published(path: Path) -> Manifest:
    """Return the manifest in a file `manifest.jsonl`, checked against the meta beside it."""
    if path.name != MANIFEST:
        raise InputError(f"{path}: expected a file named {MANIFEST} with its meta beside it")
    return read_manifest(path.parent)


def config_of(manifest: Manifest) -> BuildConfig:
    """Return the settings that a VPO manifest was made with."""
    return from_tree(BuildConfig, manifest.meta.config, f"{manifest.folder}: its config")


@dataclass(frozen=True)
class RebuildRequest:
    """What a user asks for: a manifest, where to find its sources, and whether to replace clips."""

    build: BuildRequest
    manifest: Manifest
    allow_substitutes: bool


def rebuild(request: RebuildRequest) -> BuildReport:
    """Build the dataset of a manifest again and return what came of it.

    A sample whose image, mask or clip the sources no longer hold as it was is left out and
    listed, or gets the clip that ranks next when substitutes are allowed. With nothing missing,
    the new manifest is the old one, byte for byte.
    """
    with output_lock(request.build.out):
        return _rebuild(request)


def _rebuild(request: RebuildRequest) -> BuildReport:
    build, manifest = request.build, request.manifest
    folder = build.out / dataset_folder(build.split)
    corpus = open_corpus(build)
    if class_rows(corpus.table) != manifest.meta.classes:
        raise InputError(
            f"{manifest.folder}: its classes are not those of {build.class_table}: give the class "
            "table that it was made with by --classes"
        )
    origin = {
        "manifest": manifest.meta.manifest_sha256,
        "substitutes": str(request.allow_substitutes),
    }
    identity = identify(build, corpus, **origin)
    if is_finished(folder, identity):
        return BuildReport(folder, already_built=True)
    clips, _ = match_clips(
        corpus.vggsound, corpus.table, build.config.subsets.val_fraction, corpus.audible
    )
    remove_leftovers(build.out)
    mark_started(folder, identity)
    audio = build.out / AUDIO_FOLDER
    claim_clip_folder(audio, build.config)
    with open_executor(build.executor, build.workers) as executor:
        plan = plan_rebuild(
            manifest,
            {photo.id: photo for photo, _ in corpus.photos},
            {row.id: row for row in corpus.objects},
            clips,
            build.supply.clips(audio, clips, build.config, executor),
            allow_substitutes=request.allow_substitutes,
        )

        def count(samples: Sequence[Sample], _dropped: Sequence[Rejection]) -> Funnel:
            return _funnel(manifest, plan, samples)

        texts = {SUBSTITUTIONS: encode_lines(plan.substitutions)} if plan.substitutions else {}
        funnel, notes = publish_samples(
            build, corpus, identity, plan.samples, plan.rejections, texts, count, executor
        )
    lost = funnel["manifest"][ENTERED] - funnel["samples"][ENTERED]
    return BuildReport(folder, False, funnel, [*_missing(plan), *notes], complete=not lost)


def compared(report: BuildReport, manifest: Manifest) -> BuildReport:
    """Return the report of a dataset that is built whole, with what its manifest had and it lacks.

    AVSBench-Single+ draws nothing: its sources decide every sample.
    """
    built = {sample.sample_id: sample for sample in read_manifest(report.folder).samples}
    lost = [s.sample_id for s in manifest.samples if built.get(s.sample_id) != s]
    added = len(built) - len(manifest.samples) + len(lost)
    notes = [*report.notes]
    if lost:
        notes.append(f"missing or other than in the manifest: {', '.join(lost[:SHOWN])}")
    if added:
        notes.append(f"{added} samples are not in the manifest")
    return replace(report, notes=notes, complete=not lost and not added)


def _funnel(manifest: Manifest, plan: Rebuild, samples: Sequence[Sample]) -> Funnel:
    replaced = {item.sample_id for item in plan.substitutions}
    made = {sample.sample_id for sample in samples}
    stage = {
        ENTERED: len(manifest.samples),
        "rebuilt": len(made - replaced),
        "with_substitute": len(made & replaced),
        "lost": len(manifest.samples) - len(made),
    }
    funnel = {"manifest": stage, "samples": count_samples(samples)}
    check_funnel(funnel)
    return funnel


def _missing(plan: Rebuild) -> list[str]:
    """Return a line for each reason why something of the manifest could not be had."""
    counts = Counter((item.kind, item.reason.value) for item in plan.rejections)
    lines = [f"missing: {count} {kind}s: {why}" for (kind, why), count in sorted(counts.items())]
    if plan.substitutions:
        lines.append(f"{len(plan.substitutions)} clips substituted: {SUBSTITUTIONS} lists them")
    return lines
