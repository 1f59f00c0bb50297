"""The command `vpo-data import`: a published copy of VPO becomes a dataset like ours."""

from pathlib import Path

import click

from vpo_builder.commands.option_groups import FILE
from vpo_builder.commands.reports import print_report
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.interruption import resumable


@click.command(
    "import",
    epilog=examples(
        "The authors' archive, with its sounds beside it:",
        "vpo-data import archive --out published",
        "With sounds elsewhere, and COCO's json for the licences:",
        "vpo-data import archive --out published --audio sounds --coco coco/annotations",
    ),
)
@click.argument("folder", type=FILE)
@click.option("--out", type=FILE, required=True, metavar="DIR", help="Where it goes.")
@click.option(
    "--audio", type=FILE, metavar="DIR", help="The recordings, if they lie elsewhere: any depth."
)
@click.option(
    "--coco",
    type=FILE,
    metavar="PATH",
    help="COCO's instances json, or the folder of both: tells the photographs' licences.",
)
@click.option(
    "--link/--copy",
    default=True,
    show_default=True,
    help="Link the files where the file system can, or copy them.",
)
@click.option(
    "--val-fraction",
    type=click.FloatRange(0, 0.9),
    default=0.0,
    show_default=True,
    help="So much of the train pictures becomes val; the authors have none.",
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes.  [default: one a core]")
@resumable
@one_line_errors
def import_command(
    folder: Path,
    out: Path,
    audio: Path | None,
    coco: Path | None,
    link: bool,
    val_fraction: float,
    workers: int | None,
) -> None:
    """Make a dataset of a published copy of VPO: the authors' archive, or DDESeg's layout.

    Every file is checked, and what cannot be used is counted by reason. Nothing of the copy is
    changed. Its subsets are kept: train and test.
    """
    from vpo_builder.build.build import build
    from vpo_builder.build.published_copy import published_splits, refuse_overlap
    from vpo_builder.build.request import BuildRequest, PublishedCopy, Sources, Work
    from vpo_builder.config import import_config
    from vpo_builder.runtime.executors import default_workers

    copy = PublishedCopy(folder, audio, link)
    splits = published_splits(copy)
    refuse_overlap(copy, out)
    sources = Sources(coco=coco, published_copy=copy)
    work = Work(workers or default_workers())
    for split in splits:
        config = import_config(val_fraction)
        print_report(build(BuildRequest(split, out, sources, config, work=work)))
