"""Builds a dataset: read, plan, render, audit, publish."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from vpo_builder.build.from_manifest import FROM_MANIFEST
from vpo_builder.build.published import PUBLISHED
from vpo_builder.build.recipe import AnyRecipe
from vpo_builder.build.request import BuildReport, BuildRequest
from vpo_builder.build.single_plus import SINGLE_PLUS
from vpo_builder.build.vpo import VPO
from vpo_builder.dataset.places import AUDIO_FOLDER
from vpo_builder.dataset.tiled_clips import count_sounds
from vpo_builder.publishing.audited import audit_rendered, untrained_note
from vpo_builder.publishing.build_identity import (
    begun_otherwise,
    is_finished,
    mark_started,
    refuse_foreign,
)
from vpo_builder.publishing.media_record import note_media
from vpo_builder.publishing.publish import publish
from vpo_builder.runtime.executors import open_executor
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.outside_text import say
from vpo_builder.runtime.whole_files import remove_leftovers


def build(request: BuildRequest[Any]) -> BuildReport:
    """Build one dataset below `request.out` and return what came of it.

    An interrupted build resumes: files are written under temporary names and renamed, the
    manifest's meta last, and any number of workers gives the same bytes. MSMI builds or reuses
    MS, whose files it reads. Raises InputError for what the user can mend; nothing is written
    before the sources have been read and found usable.
    """
    with output_lock(request.out):
        if _recipe_of(request) is VPO and request.split == "msmi":
            refuse_foreign(request.folder)  # before hours go into MS
            _build(replace(request, split="ms"))
        return _build(request)


def _build(request: BuildRequest[Any]) -> BuildReport:
    recipe, folder = _recipe_of(request), request.folder
    material = recipe.read(request)
    identity = recipe.identify(request, material)
    if is_finished(folder, identity) and not request.supply.retries(folder):
        return recipe.conclude(request, material, BuildReport(folder, already_built=True))
    recipe.refuse_unusable(request, material)
    for place in (folder, request.out / Path(AUDIO_FOLDER).parent):
        remove_leftovers(place)
    if told := begun_otherwise(folder, identity):
        say(told, err=True)
    mark_started(folder, identity)
    with open_executor(request.work.executor, request.work.workers) as executor:
        plan = recipe.plan(request, material, executor)
        note_media(folder, recipe.media(plan))
        rendered = recipe.render(request, material, plan, executor)
    bits, workers = request.config.audit.near_duplicate_bits, request.work.workers
    audit = audit_rendered(folder, rendered, identity, bits, workers)
    left = recipe.judge(request, rendered, audit)
    funnel = recipe.count(request, material, left) | count_sounds(left.samples, left.tiled)
    publication = replace(left, funnel=funnel)
    publish(folder, publication, identity)
    notes = [*publication.notes, *untrained_note(audit), *request.supply.notes()]
    report = BuildReport(folder, funnel=publication.funnel, notes=notes)
    return recipe.conclude(request, material, report)


def _recipe_of(request: BuildRequest[Any]) -> AnyRecipe:
    if request.split == "avsbench-single-plus":
        return SINGLE_PLUS
    if request.sources.published_copy is not None:
        return PUBLISHED
    return VPO if request.published is None else FROM_MANIFEST
