"""The commands of `vpo-data`: each reads its arguments, calls one function and prints its lines.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import Any

import click

from vpo_builder.commands.import_copy import import_command
from vpo_builder.commands.option_groups import FILE, GroupedCommand
from vpo_builder.commands.option_records import AvsBenchVideos, HowToFetchVideos, HowToRun
from vpo_builder.commands.options import FETCH_AVSBENCH_GROUPS
from vpo_builder.commands.reconcile import reconcile_command
from vpo_builder.runtime.command_help import CONTEXT, ProgramGroup, examples, version_option
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.interruption import resumable
from vpo_builder.runtime.outside_text import say

WORKERS = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads.  [default: one a processor]",
)


@click.group(
    cls=ProgramGroup,
    context_settings=CONTEXT,
    epilog=examples(
        "Is a dataset whole, and how does it look?",
        "vpo-data verify data/VPO/VPO-SS",
        "vpo-data gallery data/VPO/VPO-SS --out gallery",
        "What a command can do:",
        "vpo-data export --help",
    ),
)
@version_option()
def data_command() -> None:
    """Check, count and show a dataset that vpo-build made, or import a published one."""


data_command.add_command(import_command)
data_command.add_command(reconcile_command)


@data_command.command(
    epilog=examples(
        "Compare every file with its listed sha256:",
        "vpo-data verify data/VPO/VPO-SS",
        "Decode every photograph and clip as well:",
        "vpo-data verify data/VPO/VPO-SS --decode",
    )
)
@click.argument("folder", type=FILE)
@click.option("--decode", is_flag=True, help="Also decode every photograph and clip.")
@WORKERS
@one_line_errors
def verify(folder: Path, decode: bool, workers: int | None) -> None:
    """Check every file of a finished dataset; exit code 1 and a line for each fault."""
    from vpo_builder.verify.verify import format_verification, verify

    result = verify(folder, workers, decode=decode)
    for line in format_verification(result):
        say(line)
    sys.exit(1 if result.faults else 0)


@data_command.command(
    epilog=examples(
        "A dataset that vpo-build made:",
        "vpo-data stats data/VPO/VPO-SS --png counts.png",
        "AVSBench as published:",
        "vpo-data stats avsbench/Single-source",
    )
)
@click.argument("folder", type=FILE)
@click.option("--png", type=FILE, help="Where the chart goes [FOLDER's name.png].")
@click.option(
    "--person-labels",
    type=FILE,
    help="A csv image_id,label by hand: how often the captions agree with it.",
)
@one_line_errors
def stats(folder: Path, png: Path | None, person_labels: Path | None) -> None:
    """Count a dataset by class and subset, as a table and as a chart like the papers'.

    A folder of AVSBench as published (S4, MS3, AVSS) is counted by videos and annotated frames.
    """
    from vpo_builder.dataset.manifest import META, read_manifest
    from vpo_builder.statistics.charts import write_chart
    from vpo_builder.statistics.counts import count, format_statistics

    if folder.is_dir() and not (folder / META).exists() and _print_trees(folder, png):
        return
    statistics = count(read_manifest(folder))
    checked = _agreement(folder, person_labels) if person_labels is not None else []
    for line in [*format_statistics(statistics), *checked]:
        say(line)
    chart = png or Path(f"{folder.resolve().name}-statistics.png")
    write_chart(statistics, chart)
    say(f"chart: {chart}")


def _agreement(folder: Path, labels: Path) -> list[str]:
    from vpo_builder.statistics.person_agreement import (
        compare,
        format_agreement,
        read_decisions,
        read_labels,
    )

    return ["", *format_agreement(compare(read_decisions(folder), read_labels(labels)))]


def _print_trees(folder: Path, png: Path | None) -> bool:
    """Print the statistics of AVSBench's trees in a folder and tell whether it holds any."""
    from vpo_builder.dataset.avsbench_trees import find_trees
    from vpo_builder.statistics.avsbench import count_tree, format_trees

    trees = find_trees(folder)
    if trees and png is not None:
        raise InputError(f"--png {png}: {folder} is AVSBench as published: it has tables, no chart")
    for line in format_trees(map(count_tree, trees)):
        say(line)
    return bool(trees)


@data_command.command(
    epilog=examples(
        "Look for leaks; photographs that look alike are shown on a page:",
        "vpo-data audit data/VPO/VPO-SS --sheet alike.html",
    )
)
@click.argument("folder", type=FILE)
@click.option(
    "--near-duplicates",
    "policy",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Whether photographs that look alike are a fault.",
)
@click.option("--sheet", type=FILE, help="Where such photographs are shown [NAME.html].")
@click.option(
    "--against",
    type=FILE,
    metavar="LIST",
    help="Published samples, as for reconcile: their pictures may not be in train or val.",
)
@WORKERS
@one_line_errors
def audit(
    folder: Path, policy: Any, sheet: Path | None, against: Path | None, workers: int | None
) -> None:
    """Look for anything that crosses the subsets; exit code 1 for a leak."""
    from vpo_builder.audit.audit import audit, format_audit
    from vpo_builder.audit.sheet import write_sheet
    from vpo_builder.dataset.manifest import read_manifest
    from vpo_builder.dataset.sound_credits import read_sound_credits
    from vpo_builder.documents.attribution import read_licences
    from vpo_builder.sources.published_ids import read_published_ids
    from vpo_builder.verify.reconcile import seen_in_training, seen_line

    manifest = read_manifest(folder)
    published = None if against is None else read_published_ids(against)
    credits = read_sound_credits(manifest)
    report = audit(manifest, read_licences(folder), workers, credits=credits)
    for line in format_audit(report, policy):
        say(line)
    if report.near_duplicates:
        page = sheet or Path(f"{folder.resolve().name}-near-duplicates.html")
        write_sheet(report, page)
        say(f"side by side: {page}")
    seen = published is not None and bool(seen_in_training(manifest, published))
    if published is not None:
        say(seen_line(manifest, published))
    sys.exit(0 if report.passes(policy) and not seen else 1)


@data_command.command(
    epilog=examples(
        "A page to open from disk:",
        "vpo-data gallery data/VPO/VPO-SS --out gallery",
        "Two datasets side by side:",
        "vpo-data gallery data/VPO/VPO-SS --compare data/VPO/VPO-MS --out gallery",
    )
)
@click.argument("folder", type=FILE)
@click.option(
    "--compare",
    multiple=True,
    type=FILE,
    metavar="FOLDER",
    help="Another dataset to show beside it, class by class; repeatable.",
)
@click.option("--out", type=FILE, help="Where it goes [FOLDER's name-gallery].")
@click.option(
    "--per-class",
    type=click.IntRange(min=0),
    default=12,
    show_default=True,
    help="Samples shown of each class and subset; 0 for all.",
)
@WORKERS
@one_line_errors
def gallery(
    folder: Path,
    compare: tuple[Path, ...],
    out: Path | None,
    per_class: int,
    workers: int | None,
) -> None:
    """Write a page that shows a dataset: pictures, masks, sounds; it opens from disk."""
    from vpo_builder.gallery.gallery import write_gallery

    target = out or Path(f"{folder.resolve().name}-gallery")
    result = write_gallery([folder, *compare], target, per_class, workers)
    say(f"{result.shown} of {result.samples} samples: open {result.page}")


@data_command.command(
    epilog=examples(
        "vpo-data export data/VPO/VPO-SS --format webdataset --out tars",
        "vpo-data export data/VPO/VPO-MS --format coco",
    )
)
@click.argument("folder", type=FILE)
@click.option(
    "--format",
    "target",
    type=click.Choice(["webdataset", "coco", "hf", "vpo-clean", "published"]),
    required=True,
    help="Whose reader it is for.",
)
@click.option("--out", type=FILE, help="A new folder [FOLDER's name-FORMAT].")
@WORKERS
@one_line_errors
def export(folder: Path, target: Any, out: Path | None, workers: int | None) -> None:
    """Write a dataset as others read it: tars, COCO annotations, Parquet, or VPO as published.

    webdataset: tars. coco: instances and panoptic masks. hf: Parquet, for datasets.load_dataset.
    vpo-clean: the layout of DDESeg and EASE. published: the layout of VPO's authors, nothing else.
    """
    from vpo_builder.export.export import export_dataset

    given = out or Path(f"{folder.resolve().name}-{target}")
    result = export_dataset(folder, given, target, workers)
    say(f"{result.folder}: {result.samples} samples in {result.files} files")


@data_command.command(
    epilog=examples(
        "vpo-data diff data/VPO/VPO-SS other/VPO/VPO-SS",
    )
)
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@one_line_errors
def diff(first: Path, second: Path) -> None:
    """Compare two builds of a split; exit code 1 if they differ."""
    from vpo_builder.verify.diff import compare, format_comparison

    comparison = compare(first, second)
    for line in format_comparison(comparison):
        say(line)
    sys.exit(1 if comparison.changes else 0)


@data_command.command(
    epilog=examples(
        "What a build with --download could not fetch:",
        "vpo-data rot data/VPO/VPO-SS",
    )
)
@click.argument("folder", type=FILE)
@one_line_errors
def rot(folder: Path) -> None:
    """Say what could not be fetched for a dataset: by class, with reasons and dates."""
    from vpo_builder.fetching.link_rot import count_rot, find_ledger, format_rot

    for line in format_rot(count_rot(find_ledger(folder))):
        say(line)


@data_command.command(
    cls=GroupedCommand,
    groups=FETCH_AVSBENCH_GROUPS,
    epilog=examples(
        "Frames, sound and folders as published:",
        "vpo-data fetch-avsbench s4_meta_data.csv --out avsbench",
        "Recordings from a mirror, and again what failed for a passing reason:",
        "vpo-data fetch-avsbench s4_meta_data.csv --out avsbench --retry transient",
    ),
)
@click.argument("table", metavar="CSV", type=FILE)
@resumable
@one_line_errors
def fetch_avsbench(
    table: Path, videos: AvsBenchVideos, fetching: HowToFetchVideos, running: HowToRun
) -> None:
    """Fetch the videos that a CSV of AVSBench lists: S4's, MS3's or AVSS's.

    They become frames and sound in the published layout; the masks are the authors' to give.
    """
    from vpo_builder.fetching.avsbench import SIDES, AvsBenchRequest, fetch_avsbench
    from vpo_builder.runtime.executors import default_workers

    options, side = fetching.checked(), SIDES[videos.frames]
    workers = running.workers or default_workers()
    request = AvsBenchRequest(table, videos.out, options, side, workers, running.executor)
    for line in fetch_avsbench(request):
        say(line)
