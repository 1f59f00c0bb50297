"""Writes docs/listening.md from the outcomes of the study: table, verdicts, curves, pictures.

Every number and every verdict in it is computed from the runs; nothing is typed in.
"""

import io
import platform
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill

import matplotlib
import numpy as np
import torch

from avs_bench.data.vpo import read_vpo
from avs_bench.metrics import Record, compare, miou_dataset
from avs_bench.report.runs import read_runs
from avs_bench.results.records import Result
from benchmarks.listening.goals import (
    HEARD,
    ByVariant,
    heard,
    listening_gain,
    rate,
    rate_under,
    ratios,
    score,
    verdicts,
)
from benchmarks.listening.pictures import write_pictures
from benchmarks.listening.study import (
    LISTENER,
    PLAIN,
    PROBES,
    SCORED,
    TWIN,
    VARIANTS,
    Outcome,
    Study,
    Variant,
)
from vpo_builder.runtime.whole_files import write_atomically

matplotlib.use("Agg")
from matplotlib import pyplot

COLOURS = ("#8a8a8a", "#b8912b", "#9a56a8", "#2f6fb0", "#d0662b", "#3a8f5c")
WIDTH = 100
LISTENING = ("listening_score", "listening_score_soft")


def write_document(study: Study, outcomes: Sequence[Outcome], path: Path) -> str:
    """Write the document and its pictures beside it; return its verdicts."""
    budgeted = [outcome for outcome in outcomes if not outcome.job.epochs]
    longer = [outcome for outcome in outcomes if outcome.job.epochs]
    runs = _by_variant(budgeted)
    figures = path.parent / path.stem
    write_atomically(figures / "curves.svg", _curves(runs))
    captions = write_pictures(study, runs, figures)
    found = [line for variant in (LISTENER, SCORED) for line in verdicts(runs, variant)]
    sections = [
        "# Does it listen?",
        _introduction(study, runs),
        "## Scores on test",
        _table(runs),
        _notes(),
        "## Against the goals",
        "\n".join(found),
        "## Contrastive against none",
        _contrast(runs, LISTENER),
        "## Shuffled pairs scored too, against none",
        _contrast(runs, SCORED),
        "## Curves on val",
        f"![miou_dataset on val by epoch]({path.stem}/curves.svg)",
        _convergence(runs, (TWIN, LISTENER, SCORED)),
        *_longer(_by_variant(longer)),
        "## Pictures",
        captions,
        "## Cost",
        _cost(study, budgeted, longer),
    ]
    write_atomically(path, ("\n\n".join(sections) + "\n").encode())
    return "\n".join(found)


def _by_variant(outcomes: Sequence[Outcome]) -> ByVariant:
    runs: ByVariant = defaultdict(list)
    for outcome in outcomes:
        runs[outcome.job.variant.name].append(outcome)
    return runs


def _introduction(study: Study, runs: ByVariant) -> str:
    result = runs[LISTENER.name][0].result
    dataset = read_vpo(study.dataset)
    subsets = dataset.subsets
    pictures = len({example.unit for kept in subsets.values() for example in kept})
    sizes = ", ".join(f"{len(kept)} {name}" for name, kept in subsets.items())
    counterfactual = sum(e.groups["picture"] == "counterfactual" for e in subsets["test"])
    return _paragraphs(
        f"Made by `make listen`. A synthetic VPO-SS of {pictures:,} pictures ({sizes} samples; "
        f"manifest `{result.dataset_sha256[:12]}`): drawn pictures with objects that could sound "
        f"but do not, and synthesised sounds. {counterfactual:,} of the test samples share their "
        "picture with another one that has another sound, so that the picture alone cannot say "
        "what to segment.",
        f"Every variant is the `listening` preset ({result.settings['train']['epochs']} epochs, "
        f"crops of {result.settings['image']['crop']} pixels, batch "
        f"{result.settings['train']['batch_size']}, from scratch) with {len(study.seeds)} seeds, "
        "and differs only in how it takes the sound in and in its loss. The contrastive loss is "
        f"the published one; {SCORED.title}, is a change of ours to it: a cross-entropy on the "
        "wrongly accompanied half of the batch as well, whose target is background where the "
        "class that is heard is not in the picture (`pairs.cross_entropy_weight`), and a tenth "
        "each of these pairs hears silence and noise (`pairs.silence_rate`, `pairs.noise_rate`): "
        "only the absent class's sound is new to it in test. Settings were "
        "chosen on val; best.pt is the best epoch on val; test was scored once.",
        "The pictures are drawn: the table says what the method does on data that anyone can "
        "build, and nothing about real photographs.",
    )


def _table(runs: ByVariant) -> str:
    lines = [
        f"| variant | {' | '.join(LISTENING)} | miou_dataset | "
        + " | ".join(f"FPR, {HEARD[probe]}" for probe in PROBES)
        + " | "
        + " | ".join(f"of the twin's, {HEARD[probe]}" for probe in PROBES)
        + " | listening gain |",
        "|---|" + "---:|" * (2 + len(LISTENING) + 2 * len(PROBES)),
    ]
    for variant in VARIANTS:
        kept = runs[variant.name]
        cells = [
            variant.title,
            *(_spread([heard(name)(o.result) for o in kept], 3) for name in LISTENING),
            _spread([score(o.result) for o in kept], 3),
            *(_spread([rate(o.result, probe) for o in kept], 4) for probe in PROBES),
            *(_spread(ratios(runs, variant, probe), 2) for probe in PROBES),
            _spread([listening_gain(o.result) for o in kept], 3),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _notes() -> str:
    return _paragraphs(
        "Mean ± standard deviation over seeds. `listening_score`: the share of pictures in which "
        "every sound gets its object, `listening_score_soft`: the mean IoU of the sounds, both "
        "above what one answer to all sounds of a picture would reach: 0 for a model that ignores "
        "the sound, 1 for one without an error ([definition](listening-score.md)). "
        "`miou_dataset`: one confusion matrix over the whole subset, background included, absent "
        "classes 0, 255 ignored. FPR: the share of pixels in "
        "which nothing heard is seen that are predicted as an object (`foreground_fpr_dataset`), "
        "under the probes of `avs-bench eval --probe`; then the same divided by that of the "
        "visual-only twin of the same seed. Listening gain: miou_dataset with the right sound "
        "minus with silence."
    )


def _contrast(runs: ByVariant, variant: Variant) -> str:
    lines = []
    kept = zip(runs[variant.name], runs[PLAIN.name], strict=True)
    for number, (with_it, without) in enumerate(kept):
        one = compare(_units(with_it.result), _units(without.result), miou_dataset)
        lines.append(
            f"- seed {number}: {one.first.value:.3f} with, {one.second.value:.3f} without; "
            f"difference {one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}], "
            f"p = {one.p_value:.4f}"
        )
    said = _paragraphs(
        f"The same model, data, seeds and steps, with the loss of {variant.title} and with the "
        f"cross-entropy alone ({PLAIN.title}); the intervals are 95 % paired bootstrap intervals "
        "over pictures, p is a paired permutation test:"
    )
    words = [_wins(name, heard(name), runs, variant, higher=True) for name in LISTENING]
    words += [_wins("miou_dataset", score, runs, variant, higher=True)]
    words += [
        _wins(f"False positives with {HEARD[probe]}", rate_under(probe), runs, variant)
        for probe in PROBES
    ]
    return "\n\n".join([said, "\n".join(lines), "\n".join(words)])


def _wins(
    name: str,
    figure: Callable[[Result], float],
    runs: ByVariant,
    variant: Variant,
    *,
    higher: bool = False,
) -> str:
    with_it, without = ([figure(o.result) for o in runs[kept.name]] for kept in (variant, PLAIN))
    better = sum((a > b) == higher for a, b in zip(with_it, without, strict=True) if a != b)
    worse = sum((a < b) == higher for a, b in zip(with_it, without, strict=True) if a != b)
    won = "**better**" if better == len(with_it) else "**worse**" if worse == len(with_it) else ""
    return (
        f"- {name}: {_spread(with_it, 4)} with it, {_spread(without, 4)} without; better in "
        f"{better} of {len(with_it)} seeds{won and ', ' + won}."
    )


def _convergence(runs: ByVariant, variants: Sequence[Variant]) -> str:
    said = []
    for variant in variants:
        halves = []
        for outcome in runs[variant.name]:
            values = [value for _, value in _validations(outcome)]
            halves.append((values[2 * len(values) // 3], max(values)))
        before, best = np.mean(halves, axis=0)
        said.append(f"{variant.title} from {before:.3f} after two thirds of the run to {best:.3f}")
    return _paragraphs(f"On val, the mean over seeds went on: {'; '.join(said)}.")


def _longer(runs: ByVariant) -> list[str]:
    """Return the section on the runs beyond the budget, nothing if there are none."""
    if not runs:
        return []
    said = [f"{kept[0].job.variant.title} for {kept[0].job.epochs}" for kept in runs.values()]
    lines = []
    for (outcome,) in runs.values():
        rates = ", ".join(f"{HEARD[probe]} {rate(outcome.result, probe):.4f}" for probe in PROBES)
        lines.append(
            f"- {outcome.job.variant.title}: miou_dataset {score(outcome.result):.3f}, FPR: {rates}"
        )
    return [
        "## Where they end",
        _paragraphs(
            f"Outside the budget (`--longer`), one seed and more epochs: {', '.join(said)} epochs. "
            "The twin shows what the picture alone can give, the listener whether the budget "
            "bounds it."
        ),
        "\n".join(lines),
        "\n".join(verdicts(runs, LISTENER)),
        _convergence(runs, (TWIN, LISTENER)),
    ]


def _curves(runs: ByVariant) -> bytes:
    matplotlib.rcParams["svg.hashsalt"] = "listening"  # the same bytes from the same runs
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for variant, colour in zip(VARIANTS, COLOURS, strict=True):
        for number, outcome in enumerate(runs[variant.name]):
            epochs, values = zip(*_validations(outcome), strict=True)
            label = variant.title if number == 0 else None
            axes.plot(epochs, values, color=colour, label=label, linewidth=1.2, alpha=0.9)
    axes.set(xlabel="epoch", ylabel="miou_dataset on val")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return buffer.getvalue()


def _cost(study: Study, outcomes: Sequence[Outcome], longer: Sequence[Outcome]) -> str:
    total = sum(o.cost.processor_seconds for o in outcomes) / 60
    by_clock = sum(o.cost.seconds for o in outcomes) / 60
    lines = [
        f"{len(outcomes)} jobs, {study.jobs} side by side: {total:.0f} processor minutes for "
        f"training and evaluation, {total / study.jobs:.0f} minutes where {study.jobs} cores are "
        f"free. The jobs took {by_clock:.0f} minutes by the clock, one after the other.",
    ]
    for variant in VARIANTS:
        kept = [o.cost.processor_seconds / 60 for o in outcomes if o.job.variant is variant]
        lines.append(f"- {variant.title}: {np.mean(kept):.1f} processor minutes a job")
    for outcome in longer:
        minutes = outcome.cost.processor_seconds / 60
        title = f"{outcome.job.variant.title}, {outcome.job.epochs} epochs"
        lines.append(f"- {title}, beyond the budget: {minutes:.1f} processor minutes")
    machine = f"{platform.machine()}, torch {torch.__version__}, {study.device} device"
    return "\n".join([_paragraphs(lines[0]), "", *lines[1:], "", f"Machine: {machine}."])


def _validations(outcome: Outcome) -> list[tuple[int, float]]:
    (run,) = read_runs([outcome.job.folder])
    return [
        (record["epoch"] + 1, record["val"]["miou_dataset"])
        for record in run.history
        if "val" in record
    ]


def _units(result: Result) -> dict[str, Record]:
    return result.sets[0].by_unit()


def _spread(values: Sequence[float], digits: int) -> str:
    if np.isnan(values).any():
        return "–"
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else mean


def _paragraphs(*paragraphs: str) -> str:
    options = {"width": WIDTH, "break_long_words": False, "break_on_hyphens": False}
    return "\n\n".join(fill(paragraph, **options) for paragraph in paragraphs)
