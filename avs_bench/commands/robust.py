"""The command that lets sounds and pictures get worse by degrees: `avs-bench robust`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.commands.options import (
    DATA,
    DEVICE,
    PATH,
    PRECISION,
    hold,
    listed,
    model_options,
    subset_option,
)
from avs_bench.config import AskedPrecision
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.command_help import PresetCommand, examples
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.outside_text import say

if TYPE_CHECKING:
    from avs_bench.checkpoints.opening import OpenedModel
    from avs_bench.data.example import Example
    from avs_bench.probes.corruptions import Of

MOST_LEVEL = 5


@click.command(
    cls=PresetCommand,
    epilog=examples(
        "How the score falls with the sound, as curves; and two runs on one page:",
        "avs-bench robust --run run --data data/VPO/VPO-SS --of sound",
        "avs-bench robust --run other --data data/VPO/VPO-SS --of sound --beside run",
    ),
)
@model_options("is made to hear and see worse")
@DATA
@subset_option("What is scored.")
@click.option("--of", type=click.Choice(["sound", "picture"]), help="Without it, both.")
@click.option("--corruption", "names", default="", metavar="NAMES", help="These alone, by name.")
@click.option(
    "--levels", default="1,2,3,4,5", show_default=True, help="How bad: of 1 to 5, with commas."
)
@click.option(
    "--pictures",
    default=0,
    type=click.IntRange(0),
    help="So many pictures alone, by a hash of their ids, with all their sounds; 0: all.",
)
@click.option("--probe-seed", default=0, show_default=True, help="Chooses what is drawn.")
@click.option(
    "--beside",
    "others",
    multiple=True,
    type=PATH,
    help="Folder of a run that was scored so too, drawn on the same page; repeatable.",
)
@PRECISION
@DEVICE
@one_line_errors
def robust(
    choice: ModelChoice,
    folder: Path,
    subset: Subset,
    of: Of | None,
    names: str,
    levels: str,
    pictures: int,
    probe_seed: int,
    others: tuple[Path, ...],
    precision: AskedPrecision | None,
    device: str,
) -> None:
    """Score a model on sounds and pictures that get worse by degrees: AVS-C, docs/robustness.md.

    Writes the counts and a page with curves, and with every level to listen to, beside the
    checkpoint.
    """
    require_torch()
    from avs_bench.checkpoints.opening import open_model
    from avs_bench.data.datasets import read_dataset
    from avs_bench.probes.corruption_curves import levels_of, robustness_of
    from avs_bench.report.corruption_page import Compared, robustness_tables, write_page
    from avs_bench.report.text_formats import plain
    from avs_bench.results.files import read_robust, write_robust
    from avs_bench.runtime.device import open_device
    from avs_bench.scoring.score import Questions, score

    dataset = read_dataset(folder)
    home = choice.files[0].parent
    if home.is_dir():
        hold(home)
    opened = open_model(choice, open_device(device), dataset.name)
    asked = levels_of(_chosen(opened, of, names), _numbers(levels))
    if not names:
        asked = _possible(asked, dataset.subsets[subset], probe_seed)
    result = score(
        opened.computing_in(precision),
        dataset,
        subset,
        Questions(probes=tuple(asked), probe_seed=probe_seed, pictures=pictures),
        command=_command(choice, folder, subset, asked, pictures, probe_seed, precision),
        label=f"{dataset.name} {subset}",
    )
    stored = write_robust(home, result)
    compared = [Compared(home.resolve().name, result, robustness_of(result))]
    for path in others:
        other = read_robust(path, result)
        compared.append(Compared(path.resolve().name, other, robustness_of(other)))
    page = write_page(stored.with_suffix(".html"), compared, dataset, opened.settings.audio)
    click.echo(plain(robustness_tables(compared)))
    click.echo()
    say(stored)
    say(page)


def _chosen(opened: OpenedModel, of: Of | None, names: str) -> list[str]:
    """Return the corruptions that are asked for, without names those that the model can hear."""
    from avs_bench.probes.corruption_curves import names_of

    stereo = opened.settings.audio.channels == 2
    if names and of:
        raise InputError("--of and --corruption both say which: leave one out")
    return list(listed(names)) or names_of(of, stereo=stereo)


def _possible(asked: list[str], examples: Sequence[Example], seed: int) -> list[str]:
    """Return what nobody named without what a small dataset cannot be asked, which is said."""
    from avs_bench.probes.choice import chosen_probes

    probes = chosen_probes(asked)
    left_out = [probe.name for probe in probes if not probe.hear(examples, seed)]
    if not left_out or len(left_out) == len(asked):
        return asked
    say(f"left out, too few voices of other classes: {', '.join(left_out)}", err=True)
    return [name for name in asked if name not in left_out]


def _numbers(levels: str) -> list[int]:
    allowed = [str(level) for level in range(1, MOST_LEVEL + 1)]
    chosen = listed(levels)
    if not chosen or not set(chosen) <= set(allowed):
        raise InputError(f"--levels {levels!r}: expected numbers of 1 to {MOST_LEVEL}, as 1,3,5")
    return [int(level) for level in chosen]


def _command(
    choice: ModelChoice,
    folder: Path,
    subset: Subset,
    asked: list[str],
    pictures: int,
    seed: int,
    precision: AskedPrecision | None,
) -> str:
    """The evaluation as it can be typed again."""
    words: list[object] = ["avs-bench", "robust", *choice.words(), "--data", folder]
    names = dict.fromkeys(name.partition("@")[0] for name in asked)
    levels = dict.fromkeys(name.partition("@")[2] for name in asked)
    words += ["--subset", subset, "--corruption", ",".join(names), "--levels", ",".join(levels)]
    words += ["--pictures", pictures] if pictures else []
    words += ["--probe-seed", seed]
    words += ["--precision", precision] if precision else []
    return shlex.join(map(str, words))
