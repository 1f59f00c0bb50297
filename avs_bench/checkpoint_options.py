"""The options by which commands are told whose weights to run: a run's, a file's, a paper's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)


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
