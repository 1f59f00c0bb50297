"""Builds a dataset again from its manifest, from sources that may have lost some of it.

A sample whose image, mask or clip the sources no longer hold as it was is left out and listed,
or gets the clip that ranks next when substitutes are allowed. With nothing missing, the new
manifest is the old one, byte for byte.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from vpo_builder.build.request import BuildReport, VpoRequest
from vpo_builder.build.vpo import (
    VPO,
    BuildPlan,
    Material,
    identify,
    open_clip_folder,
    read_material,
)
from vpo_builder.classes import class_rows
from vpo_builder.dataset.manifest import MANIFEST, Manifest, encode_lines, read_manifest
from vpo_builder.planning.plan_again import Rebuild, plan_rebuild
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.funnel import ENTERED, Funnel, check_funnel, count_samples
from vpo_builder.publishing.publication import Publication
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.tasks import Executor

SUBSTITUTIONS = "substitutions.jsonl"
SHOWN = 5


def read_published(path: Path) -> Manifest:
    """Return the manifest in a file `manifest.jsonl`, checked against the meta beside it."""
    if path.name != MANIFEST:
        raise InputError(f"{path}: expected a file named {MANIFEST} with its meta beside it")
    manifest = read_manifest(path.parent)
    if manifest.meta.imported:
        raise InputError(
            f"{path}: of a published copy, which no rules of ours make again: run vpo-data import "
            "on that copy"
        )
    return manifest


def _published(request: VpoRequest) -> Manifest:
    assert request.published is not None, "a build from a manifest has one"
    return request.published


def _read(request: VpoRequest) -> Material:
    material, manifest = read_material(request), _published(request)
    if class_rows(material.corpus.table) != manifest.meta.classes:
        raise InputError(
            f"{manifest.folder}: its classes are not those of {request.sources.class_table}: give "
            "the class table that it was made with by --classes"
        )
    return material


def _identify(request: VpoRequest, material: Material) -> BuildIdentity:
    identity = identify(request, material)
    origin = {
        "manifest": _published(request).meta.manifest_sha256,
        "substitutes": str(request.allow_substitutes),
    }
    return replace(identity, inputs={**identity.inputs, **origin})


def _plan(request: VpoRequest, material: Material, executor: Executor) -> BuildPlan:
    plan = plan_rebuild(
        _published(request),
        {photo.id: photo for photo, _ in material.corpus.photos},
        {row.id: row for row in material.corpus.objects},
        material.clips,
        open_clip_folder(request, material, executor),
        allow_substitutes=request.allow_substitutes,
    )
    texts = {SUBSTITUTIONS: encode_lines(plan.substitutions)} if plan.substitutions else {}
    return BuildPlan(plan.samples, plan.rejections, texts, _missing(plan))


def _missing(plan: Rebuild) -> list[str]:
    """Return a line for each reason why something of the manifest cannot be made again."""
    counts = Counter((item.kind, item.reason.value) for item in plan.rejections)
    lines = [f"missing: {count} {kind}s: {why}" for (kind, why), count in sorted(counts.items())]
    if plan.substitutions:
        lines.append(f"{len(plan.substitutions)} clips substituted: {SUBSTITUTIONS} lists them")
    return lines


def _count(request: VpoRequest, material: Material, publication: Publication) -> Funnel:
    listed = _published(request).samples
    same = len(set(listed) & set(publication.samples))
    stage = {
        ENTERED: len(listed),
        "rebuilt": same,
        "with_substitute": len(publication.samples) - same,
        "lost": len(listed) - len(publication.samples),
    }
    funnel = {"manifest": stage, "samples": count_samples(publication.samples)}
    check_funnel(funnel)
    return funnel


def _conclude(request: VpoRequest, material: Material, report: BuildReport) -> BuildReport:
    return replace(report, complete=report.already_built or not report.funnel["manifest"]["lost"])


FROM_MANIFEST = replace(
    VPO, read=_read, identify=_identify, plan=_plan, count=_count, conclude=_conclude
)


def compared(report: BuildReport, manifest: Manifest) -> BuildReport:
    """Return the report of a finished dataset, with what its manifest lists and it lacks."""
    built = {sample.sample_id: sample for sample in read_manifest(report.folder).samples}
    lost = [s.sample_id for s in manifest.samples if built.get(s.sample_id) != s]
    added = len(built) - len(manifest.samples) + len(lost)
    notes = [*report.notes]
    if lost:
        notes.append(f"missing, or different from the manifest: {', '.join(lost[:SHOWN])}")
    if added:
        notes.append(f"{added} samples are not in the manifest")
    return replace(report, notes=notes, complete=not lost and not added)
