"""The command that scores another program's answers: `avs-bench score`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avs_bench.commands.options import (
    CLASS_MAP,
    PATH,
    TRANSLATE,
    hold,
    listed,
    subset_option,
    tell_translation,
)
from avs_bench.names import OWN_FAMILIES, RESIZES, VALUES, OwnFamily, Resize, Values
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.outside_text import say

if TYPE_CHECKING:
    from avs_bench.data.example import AVSDataset
    from avs_bench.scoring.given import Terms


@click.command(
    epilog=examples(
        "A folder of PNGs of class indices, <sample id>.png; or a zip of one:",
        "avs-bench score answers --data data/VPO/VPO-SS",
        "What is wanted, as a list beside which to write the answers:",
        "avs-bench score answers --data data/VPO/VPO-SS --template",
        "Answers of 224 x 224 pixels; some samples left unanswered:",
        "avs-bench score answers --data data/VPO/VPO-SS --resize nearest",
        "Every mIoU and F in circulation, and why they differ:",
        "avs-bench score answers --data data/VPO/VPO-SS --translate",
        "What it answers to wrong sounds too, in answers/silence and answers/noise:",
        "avs-bench score answers --data data/VPO/VPO-SS --probe silence,noise",
        "avs-bench score answers.zip --data AVSBench_semantic --name 'My model' --allow-missing",
    ),
)
@click.argument("predictions", type=PATH)
@click.option("--data", "folder", required=True, type=PATH, help="Dataset to score on.")
@subset_option("What is answered.")
@click.option(
    "--values",
    type=click.Choice(VALUES),
    default="classes",
    show_default=True,
    help="What the pixels of PNGs are: class indices, the values or colours of the dataset's own "
    "masks, or the probability of an object.",
)
@click.option(
    "--resize",
    type=click.Choice(RESIZES),
    help="Bring answers of another size to the mask's; class indices by nearest only.",
)
@click.option("--name", default="", help="The method's name in tables; else PREDICTIONS' own.")
@click.option("--seed", type=int, help="Its seed: methods of one name are averaged over seeds.")
@click.option("--out", type=PATH, help="Folder for the scores; without it, PREDICTIONS-scores.")
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Score samples without one usable answer as background, and pass over other files.",
)
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(OWN_FAMILIES),
    help="Score in this metric family too; the dataset's own is always scored.",
)
@click.option("--unseen", default="", metavar="CLASSES", help="Classes that training left out.")
@CLASS_MAP
@click.option("--labels", type=PATH, help="The answers' classes: json of name to index.")
@click.option(
    "--probe",
    "probes",
    default="",
    metavar="NAMES",
    help="Score answers to avs-bench probe-set too: those in PREDICTIONS' folders of these names.",
)
@click.option("--probe-seed", default=0, show_default=True, help="The seed of that probe-set.")
@click.option(
    "--examples",
    default=6,
    show_default=True,
    type=click.IntRange(0),
    help="Best and worst examples kept for the report, of each.",
)
@TRANSLATE
@click.option(
    "--template",
    is_flag=True,
    help="Score nothing: make PREDICTIONS, an empty folder with the list of what is wanted.",
)
@one_line_errors
def score(
    predictions: Path,
    folder: Path,
    subset: Subset,
    values: Values,
    resize: Resize | None,
    name: str,
    seed: int | None,
    out: Path | None,
    allow_missing: bool,
    families: tuple[OwnFamily, ...],
    unseen: str,
    class_map: str,
    labels: Path | None,
    probes: str,
    probe_seed: int,
    examples: int,
    translate: bool,
    template: bool,
) -> None:
    """Score PREDICTIONS, a folder or zip with one file for each sample of a subset.

    The scores are stored as those of `eval`: `avs-bench report` takes them, with --compare and
    --submit. With --class-map the answers' classes are those of --labels. Needs no torch.
    """
    from avs_bench.checkpoints.class_names import read_labels
    from avs_bench.data.datasets import read_dataset
    from avs_bench.scoring.given import Terms

    if template and out:
        raise InputError(
            f"--out {out}: --template scores nothing and makes PREDICTIONS, {predictions}, itself: "
            "leave --out away, or give the folder as PREDICTIONS"
        )
    dataset, full = read_dataset(folder), predictions.resolve()
    title = (full.stem if full.is_file() else full.name) or "answers"
    terms = Terms(
        name or title,
        values,
        resize,
        allow_missing,
        families,
        listed(unseen),
        seed,
        listed(probes),
        probe_seed,
        class_map,
        read_labels(labels) if labels else (),
    )
    command = _command(predictions, folder, subset, terms, labels)
    if template:
        _write_template(predictions, dataset, subset, terms, command)
        return
    home = out or full.parent / f"{title}-scores"
    _refuse_inside(home, dataset.folder, "the dataset")
    _refuse_inside(home, full, "the answers")
    _score(predictions, dataset, subset, terms, command, home, examples, translate=translate)


def _write_template(
    predictions: Path, dataset: AVSDataset, subset: Subset, terms: Terms, command: str
) -> None:
    """Write the list of what is wanted, in the table of the answers."""
    from avs_bench.scoring.answer_template import write_template
    from avs_bench.scoring.given import scored_data

    scored, _ = scored_data(dataset, subset, terms)
    wanted = replace(scored, classes=terms.labels or dataset.classes)
    say(write_template(predictions, wanted, subset, command))


def _score(
    predictions: Path,
    dataset: AVSDataset,
    subset: Subset,
    terms: Terms,
    command: str,
    home: Path,
    examples: int,
    *,
    translate: bool,
) -> None:
    """Score, store in `home` and print."""
    from avs_bench.report.runs import run_of
    from avs_bench.report.score_tables import tables_of
    from avs_bench.report.text_formats import plain
    from avs_bench.results.files import examples_folder, write_result
    from avs_bench.results.showcase import Showcase
    from avs_bench.scoring.answer_files import open_answers
    from avs_bench.scoring.given import refuse_other_scores, scored_data
    from avs_bench.scoring.given_probes import score_with_probes
    from avs_bench.scoring.given_showcase import showing
    from avs_bench.scoring.translator import Translator

    scored, _ = scored_data(dataset, subset, terms)
    hold(home)
    refuse_other_scores(home, terms)
    showcase = Showcase(examples)
    translator = Translator() if translate else None
    if translator:
        translator.start(scored, subset)
    watchers = [showing(showcase, scored)] if examples else []
    watchers += [translator.add] if translator else []
    result = score_with_probes(
        open_answers(predictions),
        dataset,
        subset,
        terms,
        command=command,
        watchers=watchers,
        label=f"{dataset.name} {subset}",
    )
    showcase.write(examples_folder(home, result), result.classes)
    stored = write_result(home, result)
    click.echo(plain(tables_of([run_of(home.name, home, (result,))]).every))
    click.echo()
    if translator:
        tell_translation(home, result, translator.translation(result))
    say(stored)


def _refuse_inside(home: Path, kept: Path, what: str) -> None:
    """Raise InputError for scores that would lie among files that others wrote."""
    if home.resolve().is_relative_to(kept.resolve()):
        raise InputError(
            f"{home}: lies in {what}, which scoring leaves as it is: give another --out"
        )


def _command(
    predictions: Path, folder: Path, subset: Subset, terms: Terms, labels: Path | None
) -> str:
    """The scoring as it can be typed again."""
    words: list[object] = ["avs-bench", "score", predictions, "--data", folder, "--subset", subset]
    words += ["--values", terms.values, "--name", terms.name]
    words += ["--resize", terms.resize] if terms.resize else []
    words += ["--seed", terms.seed] if terms.seed is not None else []
    words += ["--allow-missing"] if terms.allow_missing else []
    words += [word for family in terms.families for word in ("--family", family)]
    words += ["--unseen", ",".join(terms.unseen)] if terms.unseen else []
    words += ["--class-map", terms.class_map] if terms.class_map else []
    words += ["--labels", labels] if labels else []
    if terms.probes:
        words += ["--probe", ",".join(terms.probes), "--probe-seed", terms.probe_seed]
    return shlex.join(map(str, words))
