"""Writes docs/listening.md from the outcomes of the study: table, verdicts, curves, pictures.

Every number and every verdict in it is computed from the runs; nothing is typed in.
"""

import io
import platform
from collections import defaultdict
from collections.abc import Sequence
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
    ratios,
    reached,
    score,
    verdicts,
)
from benchmarks.listening.pictures import write_pictures
from benchmarks.listening.study import (
    LISTENER,
    PLAIN,
    PROBES,
    SCORED,
    TRANSFORMER,
    TWIN,
    VARIANTS,
    Outcome,
    Study,
    Variant,
)
from vpo_builder.runtime.whole_files import write_atomically

matplotlib.use("Agg")
from matplotlib import pyplot

COLOURS = ("#8a8a8a", "#b8912b", "#9a56a8", "#c24b8e", "#2f6fb0", "#d0662b", "#3a8f5c")
WIDTH = 100
LISTENING = ("listening_score", "listening_score_soft")


def write_document(study: Study, outcomes: Sequence[Outcome], path: Path) -> str:
    """Write the document and its pictures beside it; return its verdicts."""
    runs = _by_variant(outcomes)
    figures = path.parent / path.stem
    write_atomically(figures / "curves.svg", _curves(runs))
    captions = write_pictures(study, runs, figures)
    sections = [
        "# Does it listen?",
        answer(runs),
        "## Scores on test",
        _table(runs),
        _notes(),
        "## Against the goals",
        _goals(runs),
        "## Each loss against the cross-entropy alone",
        _contrast(runs),
        "## Curves on val",
        f"![miou_dataset on val by epoch]({path.stem}/curves.svg)",
        "## Pictures",
        captions,
        "## What was run",
        _introduction(study, runs),
        _cost(study, outcomes),
    ]
    write_atomically(path, ("\n\n".join(sections) + "\n").encode())
    return "\n".join(line for variant in (LISTENER, SCORED) for line in verdicts(runs, variant))


def answer(runs: ByVariant) -> str:
    """Return the answer to the title in one sentence, and what it does not say."""
    _, above_twin, *_ = reached(runs, LISTENER)
    follows = "a model that follows the sound" if above_twin.met else "no model that listens"
    scores = {v: np.mean([score(o.result) for o in runs[v.name]]) for v in (TWIN, LISTENER)}
    gain = np.mean([listening_gain(o.result) for o in runs[LISTENER.name]])
    published, ours = (np.mean(ratios(runs, v, "silence")) for v in (LISTENER, SCORED))
    return paragraphs(
        f"**The published contrastive loss gives {follows} (miou_dataset {scores[LISTENER]:.3f}, "
        f"{gain:.3f} of it by listening; {scores[TWIN]:.3f} for its twin without ears) and has in "
        f"silence {published:.3f} of that twin's false positives; scoring the shuffled pairs too "
        f"leaves {ours:.3f} of them.**",
        "The pictures are drawn and the sounds synthesised: this says what the method does on data "
        "that anyone can build (`make listen`), and nothing about photographs.",
    )


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
    train, image = result.settings["train"], result.settings["image"]
    seeds = f"{len(study.seeds)} seeds (one where no ± stands)" if study.seeds[1:] else "one seed"
    return paragraphs(
        f"A synthetic VPO-SS of {pictures:,} pictures ({sizes} samples; manifest "
        f"`{result.dataset_sha256[:12]}`) with objects that could sound but do not; "
        f"{counterfactual:,} of the test samples share their picture with another sound. "
        f"Every variant is the `{LISTENER.preset}` preset ({train['epochs']} epochs, crops of "
        f"{image['crop']} pixels, batch {train['batch_size']}, from scratch) with {seeds}. "
        "Shuffled pairs scored is ours: cross-entropy on the wrongly accompanied half of the batch "
        "too, whose target is background where the class that is heard is not in the picture "
        "(`pairs.cross_entropy_weight`); a tenth each of these pairs hears silence and noise "
        f"(`pairs.silence_rate`, `pairs.noise_rate`). {TRANSFORMER.title} is the released network "
        f"made small, without pairs (`{TRANSFORMER.preset}`). Settings and the best epoch were "
        "chosen on val; test was scored once.",
    )


def _table(runs: ByVariant) -> str:
    scores = " | ".join((*LISTENING, "miou_dataset", *(f"FPR, {HEARD[p]}" for p in PROBES)))
    lines = [
        f"| variant | {scores} | listening gain |",
        "|---|" + "---:|" * (2 + len(LISTENING) + len(PROBES)),
    ]
    for variant in VARIANTS:
        kept = runs[variant.name]
        cells = [
            variant.title,
            *(_spread([heard(name)(o.result) for o in kept], 3) for name in LISTENING),
            _spread([score(o.result) for o in kept], 3),
            *(
                f"{_spread([rate(o.result, probe) for o in kept], 4)} "
                f"({np.mean(ratios(runs, variant, probe)):.2f})"
                for probe in PROBES
            ),
            _spread([listening_gain(o.result) for o in kept], 3),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _notes() -> str:
    return paragraphs(
        "Mean ± standard deviation over seeds. [Listening scores](listening-score.md): the share "
        "of pictures in which every sound gets its object, and the mean IoU of the sounds, both "
        "above what one answer to all sounds would reach. FPR: the share of pixels in which "
        "nothing heard is seen that are predicted as an object, in brackets its mean ratio to the "
        "visual-only twin's. Listening gain: miou_dataset with the right sound minus with silence."
    )


def _goals(runs: ByVariant) -> str:
    variants = (LISTENER, SCORED)
    lines = [f"| | goal | {' | '.join(variant.title for variant in variants)} |"]
    lines.append("|---|---|" + "---:|" * len(variants))
    for rows in zip(*(reached(runs, variant) for variant in variants), strict=True):
        cells = [f"{one.value}, {one.verdict}" for one in rows]
        lines.append(f"| {rows[0].said} | {rows[0].goal} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _contrast(runs: ByVariant) -> str:
    heads = " | ".join(f"seed {outcome.job.seed}" for outcome in runs[PLAIN.name])
    lines = [f"| | {heads} |", "|---|" + "---:|" * len(runs[PLAIN.name])]
    lines += [
        f"| {' | '.join([variant.title, *_differences(runs, variant)])} |"
        for variant in (LISTENER, SCORED)
    ]
    said = paragraphs(
        f"What each adds to the miou_dataset of {PLAIN.title}, with 95 % paired bootstrap "
        "intervals over pictures:"
    )
    return "\n\n".join([said, "\n".join(lines)])


def _differences(runs: ByVariant, variant: Variant) -> list[str]:
    """Say for each seed what the loss adds to the score."""
    pairs = zip(runs[variant.name], runs[PLAIN.name], strict=True)
    found = [compare(_units(a.result), _units(b.result), miou_dataset) for a, b in pairs]
    return [f"{o.difference:+.3f} [{o.low:+.3f}, {o.high:+.3f}]" for o in found]


def _curves(runs: ByVariant) -> bytes:
    matplotlib.rcParams["svg.hashsalt"] = "listening"  # the same bytes from the same runs
    figure, axes = pyplot.subplots(figsize=(7, 3.9), layout="constrained")
    for variant, colour in zip(VARIANTS, COLOURS, strict=True):
        for number, outcome in enumerate(runs[variant.name]):
            epochs, values = zip(*_validations(outcome), strict=True)
            label = variant.title if number == 0 else None
            axes.plot(epochs, values, color=colour, label=label, linewidth=1.2, alpha=0.9)
    axes.set(xlabel="epoch", ylabel="miou_dataset on val")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return buffer.getvalue()


def _cost(study: Study, outcomes: Sequence[Outcome]) -> str:
    total = sum(o.cost.processor_seconds for o in outcomes) / 60
    machine = f"{platform.machine()}, torch {torch.__version__}, {study.device} device"
    return paragraphs(
        f"{len(outcomes)} jobs: {total:.0f} processor minutes, {total / study.jobs:.0f} minutes "
        f"where {study.jobs} cores are free. Machine: {machine}."
    )


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


def paragraphs(*texts: str) -> str:
    """Return texts as paragraphs of Markdown, their lines no wider than those of this house."""
    options = {"width": WIDTH, "break_long_words": False, "break_on_hyphens": False}
    return "\n\n".join(fill(text, **options) for text in texts)
