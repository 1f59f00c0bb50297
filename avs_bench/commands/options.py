"""The options that commands share: data, device, and whose weights to run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.config import PRESETS, AskedPrecision
from vpo_builder.dataset.schema import SUBSETS
from vpo_builder.runtime.command_help import PresetOption
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.output_lock import RUN_LOCK, output_lock
from vpo_builder.runtime.outside_text import say

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
TRANSLATE = click.option(
    "--translate",
    is_flag=True,
    help="Print and store every variant of the figures in circulation, and why they differ.",
)
LABELS = click.option("--labels", type=PATH, help="Class names of one: json of name to index.")
CLASS_MAP = click.option(
    "--class-map",
    default="",
    metavar="MAP",
    help="For a dataset with other classes than the model's: names, foreground, or a csv.",
)
CLASSES = click.option("--classes", type=click.IntRange(1), help="With background; 1 is binary.")

if TYPE_CHECKING:
    from avs_bench.results.records import Result
    from avs_bench.results.translation import Translation

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


def subset_option(text: str) -> Option:
    """Return the option --subset, test without it; `text` says what becomes of the subset."""
    return click.option(
        "--subset", type=click.Choice(SUBSETS), default="test", show_default=True, help=text
    )


def preset_option(text: str) -> Option:
    """Return the option --preset, for a PresetCommand."""
    return click.option(
        "--preset", cls=PresetOption, folders=lambda: {"": PRESETS}, metavar="NAME|FILE", help=text
    )


def model_options(what: str, *further: Option, needs_weights: bool = True) -> Option:
    """Give a command --run, --checkpoint, --model, --preset, --set, and `further` ones.

    `what` says what becomes of a run's best.pt. The command gets all of them as one `choice`, a
    `ModelChoice` that does not contradict itself; without `needs_weights` a model by name or preset
    may have fresh ones.
    """
    options: tuple[Option, ...] = (
        click.option("--run", "run", type=PATH, help=f"Folder of a run: its best.pt {what}."),
        click.option(
            "--checkpoint",
            "--weights",
            "checkpoints",
            multiple=True,
            type=PATH,
            help="A checkpoint file or hf:ORG/NAME[@REV]/FILE instead; of a paper with --model or "
            "--preset, repeatable.",
        ),
        click.option(
            "--model",
            metavar="NAME",
            help="The model of a published checkpoint: see avs-bench models. Your own by "
            "MODULE:NAME, with a --run or --checkpoint of it too.",
        ),
        preset_option("A preset, see below, with the model, picture size and sound of one."),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the preset."
        ),
        *further,
    )

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        @one_line_errors
        @functools.wraps(command)
        def resolved(**given: Any) -> Any:
            asked = {f.name: given.pop(f.name) for f in fields(ModelChoice) if f.name in given}
            choice = ModelChoice(**asked)
            name = click.get_current_context().info_name or ""
            choice.refuse_contradictions(name, needs_weights=needs_weights)
            return command(choice=choice, **given)

        made: Callable[..., Any] = resolved
        for option in reversed(options):  # click lists the last decorator first
            made = option(made)
        return made

    return decorated


PRECISION: Option = click.option(
    "--precision",
    type=click.Choice(get_args(AskedPrecision)),
    help="Of products; auto is bf16 where the device has it. Without: as the settings say, fp32.",
)


def tell_translation(folder: Path, result: Result, translation: Translation) -> None:
    """Print every variant of a result's figures, and store them beside its scores."""
    from avs_bench.report.translation_text import translation_text
    from avs_bench.results.translation import write_translation

    click.echo(translation_text(translation))
    click.echo()
    say(write_translation(folder, result, translation))


def hold(folder: Path) -> None:
    """Let no other command write into a folder until this one ends; InputError if one does."""
    click.get_current_context().with_resource(output_lock(folder, name=RUN_LOCK))


def listed(text: str) -> tuple[str, ...]:
    """Return the names that stand in a text between commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
