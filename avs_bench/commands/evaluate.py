"""The command that scores a model: `avs-bench eval`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.commands.options import (
    CLASS_MAP,
    LABELS,
    PATH,
    PRECISION,
    TRANSLATE,
    hold,
    listed,
    model_options,
    subset_option,
    tell_translation,
)
from avs_bench.config import AskedPrecision
from avs_bench.names import OWN_FAMILIES, PROBE_NAMES
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.command_help import PresetCommand, examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.outside_text import say

if TYPE_CHECKING:
    from avs_bench.names import OwnFamily
    from avs_bench.results.records import Result
    from avs_bench.scoring.score import Questions


@click.command(
    "eval",
    cls=PresetCommand,
    epilog=examples(
        "The best epoch of a run, on test; and whether it listens:",
        "avs-bench eval --run run --data data/VPO/VPO-SS --probe silence,shuffled",
        "A published checkpoint, as its paper did:",
        "avs-bench eval --checkpoint cavp.pth --model MODEL --data data/VPO/VPO-SS",
    ),
)
@model_options("is evaluated", LABELS)
@click.option("--data", "folder", required=True, type=PATH, help="Dataset to score on.")
@subset_option("What is scored.")
@click.option(
    "--probe",
    "probes",
    default="",
    metavar="NAMES",
    help=f"Of {','.join(PROBE_NAMES)},toward-twin.",
)
@click.option("--probe-seed", default=0, show_default=True, help="Chooses the probes' sounds.")
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(OWN_FAMILIES),
    help="Score in this metric family too; the dataset's own is always scored.",
)
@click.option(
    "--unseen",
    default="",
    metavar="CLASSES",
    help="Classes that training left out; without it, those that the run held out.",
)
@CLASS_MAP
@click.option(
    "--examples",
    default=6,
    show_default=True,
    type=click.IntRange(0),
    help="Best and worst examples kept for the report, of each.",
)
@TRANSLATE
@PRECISION
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, auto.")
@one_line_errors
def evaluate(
    choice: ModelChoice,
    folder: Path,
    subset: Subset,
    probes: str,
    probe_seed: int,
    families: tuple[OwnFamily, ...],
    unseen: str,
    class_map: str,
    examples: int,
    translate: bool,
    precision: AskedPrecision | None,
    device: str,
) -> None:
    """Score a model on a subset; the counts are stored beside its checkpoint.

    With --class-map names, classes of the same name are scored and the rest of the dataset is
    ignored; a csv with the columns model and data adds those whose names differ; with foreground
    any class is an object. Such scores stand in tables of their own.
    """
    require_torch()
    from avs_bench.checkpoints.opening import open_model
    from avs_bench.data.datasets import read_dataset
    from avs_bench.report.runs import run_of
    from avs_bench.report.score_tables import tables_of
    from avs_bench.report.text_formats import plain
    from avs_bench.results.files import examples_folder, write_result
    from avs_bench.results.showcase import Showcase
    from avs_bench.runtime.device import open_device
    from avs_bench.scoring.score import Questions, score
    from avs_bench.scoring.translator import Translator

    questions = Questions(families, listed(probes), probe_seed, listed(unseen), class_map)
    dataset = read_dataset(folder)
    home = choice.home
    if home.is_dir() or choice.is_on_hub:  # else there is no checkpoint, which will be told
        hold(home)
    showcase, translator = Showcase(examples), Translator() if translate else None
    opened = open_model(choice, open_device(device), dataset.name)
    result = score(
        opened.computing_in(precision),
        dataset,
        subset,
        questions,
        command=_command(choice, folder, subset, questions, precision),
        showcase=showcase if examples else None,
        translator=translator,
        label=f"{dataset.name} {subset}",
    )
    showcase.write(examples_folder(home, result), result.classes)
    stored = write_result(home, result)
    click.echo(plain(tables_of([run_of(home.resolve().name, home, (result,))]).every))
    click.echo()
    if translator:
        tell_translation(home, result, translator.translation(result))
    if result.seen:
        _warn_of_seen(result)
    say(stored)


def _warn_of_seen(result: Result) -> None:
    say(
        f"warning: training has seen pictures of this {result.subset}: {result.seen}; build with "
        "vpo-build --exclude to score here",
        err=True,
    )


def _command(
    choice: ModelChoice,
    folder: Path,
    subset: Subset,
    questions: Questions,
    precision: AskedPrecision | None,
) -> str:
    """The evaluation as it can be typed again, whatever was left to defaults."""
    words: list[object] = ["avs-bench", "eval", *choice.words()]
    words += ["--data", folder, "--subset", subset]
    for family in questions.families:
        words += ["--family", family]
    if questions.probes:
        words += ["--probe", ",".join(questions.probes), "--probe-seed", questions.probe_seed]
    if questions.unseen:
        words += ["--unseen", ",".join(questions.unseen)]
    if questions.class_map:
        words += ["--class-map", questions.class_map]
    if precision:
        words += ["--precision", precision]
    return shlex.join(map(str, words))
