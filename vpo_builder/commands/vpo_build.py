"""The command `vpo-build`: it reads its options into one record and hands that on.

Everything heavy is imported inside the function that needs it, so that `--help` answers at once.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from vpo_builder.commands.asked import Asked
from vpo_builder.commands.option_groups import GroupedCommand
from vpo_builder.commands.option_records import Choices, Fetching, Folders, Running, What
from vpo_builder.commands.options import EXAMPLES, GROUPS
from vpo_builder.commands.reports import print_lines, print_report
from vpo_builder.runtime.command_help import CONTEXT, version_option
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.interruption import resumable
from vpo_builder.runtime.outside_text import say

if TYPE_CHECKING:
    from vpo_builder.build.request import BuildRequest
    from vpo_builder.fetching.fetch_request import FetchOptions


@click.command(cls=GroupedCommand, groups=GROUPS, context_settings=CONTEXT, epilog=EXAMPLES)
@version_option()
@resumable
@one_line_errors
def build_command(
    what: What, sources: Folders, choices: Choices, fetching: Fetching, running: Running
) -> None:
    """Build an audio-visual segmentation dataset.

    VPO (ss, ms, msmi) is made of COCO's masks and VGGSound's clips, avsbench-single-plus of
    AVSBench's S4. Without its sources each is made of an embedded synthetic corpus, for trying.
    """
    asked = Asked(what, sources, choices, fetching, running)
    request, options = asked.request(), asked.fetch_options()
    if fetching.plan and options is not None:
        from vpo_builder.fetching.cost_estimate import plan_lines

        print_lines(plan_lines(request, options, download=fetching.download))
    elif fetching.shard is not None:
        from vpo_builder.fetching.completing import do_share

        print_lines(do_share(request, options, fetching.shard))
    else:
        from vpo_builder.build.build import build

        with _completed(request, options, merge=fetching.merge) as completed:
            report = build(completed)
        print_report(report)


def _completed(
    request: "BuildRequest[Any]", options: "FetchOptions | None", *, merge: bool
) -> AbstractContextManager["BuildRequest[Any]"]:
    """Return the request with its sources: the folders given, completed, or synthetic ones."""
    if options is None and not merge:
        return nullcontext(_with_synthetic_sources(request))
    from vpo_builder.fetching.completing import complete_sources
    from vpo_builder.fetching.shards import unite_shards

    if merge:
        unite_shards(request.out)
    return complete_sources(request, options)


def _with_synthetic_sources(request: "BuildRequest[Any]") -> "BuildRequest[Any]":
    """Return the request as it is, or with the embedded corpus if it names no sources.

    Raises InputError before anything is drawn if files are in the way of the dataset.
    """
    from vpo_builder.publishing.build_identity import refuse_foreign
    from vpo_builder.synthetic import write_synthetic_corpus, write_synthetic_s4

    sources, out, settings = request.sources, request.out, request.config.synthetic
    if {sources.avsbench, sources.coco, sources.images} != {None}:
        return request
    for folder in request.folders:
        refuse_foreign(folder)
    if request.split == "avsbench-single-plus":
        _say_synthetic(request, "--avsbench DIR")
        tree = write_synthetic_s4(
            out / "synthetic-s4",
            videos_per_category=settings.videos_per_category,
            seed=settings.seed,
        )
        return replace(request, sources=replace(sources, avsbench=tree, synthetic=True))
    _say_synthetic(request, "--coco DIR --vggsound DIR")
    corpus = write_synthetic_corpus(
        out / "synthetic-corpus",
        images=settings.images,
        seed=settings.seed,
        clips_per_class=settings.clips_per_class,
    )
    embedded = replace(sources, coco=corpus.coco, vggsound=corpus.vggsound, synthetic=True)
    return replace(request, sources=embedded)


def _say_synthetic(request: "BuildRequest[Any]", sources: str) -> None:
    say(
        "Building from the embedded SYNTHETIC corpus, for trying and testing only. For the real "
        f"one: vpo-build --split {request.split} --out {request.out} {sources}"
    )
