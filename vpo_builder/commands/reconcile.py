"""The command `vpo-data reconcile`: which published samples a dataset has, and why not all."""

from pathlib import Path

import click

from vpo_builder.commands.option_groups import FILE
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    "reconcile",
    epilog=examples(
        "Which of the authors' test samples does a build have?",
        "vpo-data reconcile data/VPO/VPO-SS vpo_ss_bbox.json",
        "Two datasets:",
        "vpo-data reconcile data/VPO/VPO-SS published/VPO/VPO-SS/manifest.jsonl",
    ),
)
@click.argument("folder", type=FILE)
@click.argument("ids", metavar="LIST", type=FILE)
@click.option(
    "--csv", "table", type=FILE, help="Where it is told object by object [NAME-reconciled.csv]."
)
@one_line_errors
def reconcile_command(folder: Path, ids: Path, table: Path | None) -> None:
    """Hold a dataset against a LIST of published samples: objects it has, and rules against others.

    LIST is a json of <image id>_<annotation id> names, the authors' csv, or a manifest.jsonl.
    """
    from vpo_builder.dataset.manifest import read_manifest
    from vpo_builder.sources.published_ids import read_published_ids
    from vpo_builder.verify.reconcile import format_reconciliation, reconcile, write_verdicts

    manifest, published = read_manifest(folder), read_published_ids(ids)
    verdicts = reconcile(manifest, published)
    for line in format_reconciliation(manifest, published, verdicts):
        say(line)
    target = table or Path(f"{folder.resolve().name}-reconciled.csv")
    write_verdicts(verdicts, target)
    say(f"csv: {target}")
