"""The options that commands share: data, device, and whose weights to run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.output_lock import RUN_LOCK, output_lock

PATH = click.Path(path_type=Path)
DATA = click.option(
    "--data",
    "folder",
    required=True,
    type=PATH,
    help="Dataset: data/VPO/VPO-SS, or a part of AVSBench as published.",
)
DEVICE = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1; auto: a GPU if any."
)


def checkpoint_options(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command --run, --checkpoint, --model, --preset and --set.

    `what` says what becomes of a run's best.pt. The command gets `run`, `checkpoints`, `model`,
    `preset` and `overrides`.
    """
    options = (
        click.option("--run", "run", type=PATH, help=f"Folder of a run: its best.pt {what}."),
        click.option(
            "--checkpoint",
            "checkpoints",
            multiple=True,
            type=PATH,
            help="A checkpoint file instead; of a paper with --model or --preset, repeatable.",
        ),
        click.option("--model", help="The model of a published checkpoint: see avs-bench models."),
        click.option(
            "--preset", help="A preset with the model, picture size and sound of one instead."
        ),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the preset."
        ),
    )

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):  # click lists the last decorator first
            command = option(command)
        return command

    return decorated


def refuse_contradictions(
    command: str,
    run: Path | None,
    checkpoints: Sequence[Path],
    published: Mapping[str, object],
    changes: Mapping[str, object],
) -> None:
    """Raise InputError for options that contradict each other, which would go unheard.

    `published` are the options that name a published checkpoint's model, `changes` those that
    say more of one, by their names: a checkpoint of ours knows all that by itself.
    """
    if bool(run) == bool(checkpoints):
        raise InputError(f"{command}: give either --run FOLDER or --checkpoint FILE")
    given = [name for name, value in {**published, **changes}.items() if value]
    if run and given:
        raise InputError(
            f"{command}: --run {run} has its model and settings with it: leave {given[0]} out, or "
            "give --checkpoint FILE in place of --run for published weights"
        )
    if any(published.values()):
        if changes.get("--set") and not published.get("--preset"):
            raise InputError(f"{command}: --set changes a preset: give --preset, not --model")
        return
    unheard = given[0] if given else "more than one --checkpoint" if len(checkpoints) > 1 else None
    if unheard:
        raise InputError(
            f"{command}: {unheard} is for --model or --preset only, which name a published model"
        )


def hold(folder: Path) -> None:
    """Let no other command write into a folder until this one ends; InputError if one does."""
    click.get_current_context().with_resource(output_lock(folder, name=RUN_LOCK))
