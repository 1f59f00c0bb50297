"""Writes docs/listening.md from the outcomes of the study: table, verdicts, curves, pictures.

Every number and every verdict in it is computed from the runs; nothing is typed in.
"""

import io
import math
import platform
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import fill

import matplotlib
import numpy as np
import torch

from avs_bench.data.vpo import read_vpo
from avs_bench.metrics import compare, foreground_fpr_dataset, miou_dataset
from avs_bench.report.runs import read_runs
from avs_bench.results import ProbedSet, Result
from benchmarks.listening.pictures import write_pictures
from benchmarks.listening.study import (
    LISTENER,
    PLAIN,
    PROBES,
    TWIN,
    VARIANTS,
    Outcome,
    Study,
    Variant,
)
from vpo_builder.atomic import write_atomically

matplotlib.use("Agg")
from matplotlib import pyplot

SCORE_GOAL, TWIN_GAP_GOAL = 0.70, 0.30
RATIO_GOALS = {"silence": 0.05, "noise": 0.25, "off-screen": 0.30}
"""Shares of the twin's false-positive rate that the listener must stay under."""
HEARD = {"silence": "silence", "noise": "noise", "off-screen": "an absent class"}
COLOURS = ("#8a8a8a", "#b8912b", "#9a56a8", "#2f6fb0", "#d0662b")
WIDTH = 100

ByVariant = dict[str, list[Outcome]]


def write_document(study: Study, outcomes: Sequence[Outcome], path: Path) -> str:
    """Write the document and its pictures beside it; return its verdicts."""
    runs: ByVariant = defaultdict(list)
    for outcome in outcomes:
        runs[outcome.job.variant.name].append(outcome)
    figures = path.parent / path.stem
    write_atomically(figures / "curves.svg", _curves(runs))
    captions = write_pictures(study, runs, figures)
    found = list(verdicts(runs))
    sections = [
        "# Does it listen?",
        _introduction(study, runs),
        "## Scores on test",
        _table(runs),
        _notes(),
        "## Against the goals",
        "\n".join(found),
        "## Contrastive against none",
        _contrast(runs),
        "## Curves on val",
        f"![miou_dataset on val by epoch]({path.stem}/curves.svg)",
        _convergence(runs),
        "## Pictures",
        captions,
        "## Cost",
        _cost(study, outcomes),
    ]
    write_atomically(path, ("\n\n".join(sections) + "\n").encode())
    return "\n".join(found)


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
        "and differs only in how it takes the sound in and in the contrastive loss. Settings were "
        "chosen on val; best.pt is the best epoch on val; test was scored once.",
        "The pictures are drawn: the table says what the method does on data that anyone can "
        "build, and nothing about real photographs.",
    )


def _table(runs: ByVariant) -> str:
    lines = [
        "| variant | miou_dataset | "
        + " | ".join(f"FPR, {HEARD[probe]}" for probe in PROBES)
        + " | "
        + " | ".join(f"of the twin's, {HEARD[probe]}" for probe in PROBES)
        + " | listening gain |",
        "|---|" + "---:|" * (2 + 2 * len(PROBES)),
    ]
    for variant in VARIANTS:
        kept = runs[variant.name]
        cells = [
            variant.title,
            _spread([_score(o.result) for o in kept], 3),
            *(_spread([_rate(o.result, probe) for o in kept], 4) for probe in PROBES),
            *(_spread(ratios(runs, variant, probe), 2) for probe in PROBES),
            _spread([_gain(o.result) for o in kept], 3),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _notes() -> str:
    return _paragraphs(
        "Mean ± standard deviation over seeds. `miou_dataset`: one confusion matrix over the whole "
        "subset, background included, absent classes 0, 255 ignored. FPR: the share of pixels in "
        "which nothing heard is seen that are predicted as an object (`foreground_fpr_dataset`), "
        "under the probes of `avs-bench eval --probe`; then the same divided by that of the "
        "visual-only twin of the same seed. Listening gain: miou_dataset with the right sound "
        "minus with silence."
    )


def verdicts(runs: ByVariant) -> Iterator[str]:
    """Yield a line for each goal: what was reached, and whether it is enough."""
    listener = np.mean([_score(o.result) for o in runs[LISTENER.name]])
    twin = np.mean([_score(o.result) for o in runs[TWIN.name]])
    yield _verdict(
        f"{LISTENER.title} reaches miou_dataset {listener:.3f}",
        f"at least {SCORE_GOAL}",
        listener >= SCORE_GOAL,
    )
    yield _verdict(
        f"the visual-only twin stays {listener - twin:.3f} below it",
        f"at least {TWIN_GAP_GOAL}",
        listener - twin >= TWIN_GAP_GOAL,
    )
    for probe, goal in RATIO_GOALS.items():
        ratio = np.mean(ratios(runs, LISTENER, probe))
        yield _verdict(
            f"with {HEARD[probe]} its false-positive rate is {ratio:.3f} of the twin's",
            f"under {goal}",
            ratio < goal,
        )


def _verdict(said: str, goal: str, met: bool) -> str:
    return f"- {said}: goal {goal}, **{'met' if met else 'missed'}**."


def _contrast(runs: ByVariant) -> str:
    lines = []
    kept = zip(runs[LISTENER.name], runs[PLAIN.name], strict=True)
    for number, (with_it, without) in enumerate(kept):
        one = compare(_units(with_it.result), _units(without.result), miou_dataset)
        lines.append(
            f"- seed {number}: {one.first.value:.3f} with, {one.second.value:.3f} without; "
            f"difference {one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}], "
            f"p = {one.p_value:.4f}"
        )
    said = _paragraphs(
        f"The same model, data, seeds and steps, with the contrastive loss ({LISTENER.title}) and "
        f"without ({PLAIN.title}); the intervals are 95 % paired bootstrap intervals over "
        "pictures, p is a paired permutation test:"
    )
    words = [_wins("miou_dataset", _score, runs, higher=True)]
    words += [
        _wins(f"False positives with {HEARD[probe]}", _rate_under(probe), runs, higher=False)
        for probe in PROBES
    ]
    return "\n\n".join([said, "\n".join(lines), _paragraphs(" ".join(words))])


def _wins(name: str, figure: Callable[[Result], float], runs: ByVariant, *, higher: bool) -> str:
    with_it, without = (
        [figure(o.result) for o in runs[variant.name]] for variant in (LISTENER, PLAIN)
    )
    better = sum((a > b) == higher for a, b in zip(with_it, without, strict=True) if a != b)
    return (
        f"{name}: {_spread(with_it, 4)} with it, {_spread(without, 4)} "
        f"without; better with it in {better} of {len(with_it)} seeds."
    )


def _convergence(runs: ByVariant) -> str:
    said = []
    for variant in (TWIN, LISTENER):
        halves = []
        for outcome in runs[variant.name]:
            values = [value for _, value in _validations(outcome)]
            halves.append((values[2 * len(values) // 3], max(values)))
        before, best = np.mean(halves, axis=0)
        said.append(f"{variant.title} from {before:.3f} after two thirds of the run to {best:.3f}")
    return _paragraphs(f"On val, the mean over seeds went on: {'; '.join(said)}.")


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


def _cost(study: Study, outcomes: Sequence[Outcome]) -> str:
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
    machine = f"{platform.machine()}, torch {torch.__version__}, {study.device} device"
    return "\n".join([_paragraphs(lines[0]), "", *lines[1:], "", f"Machine: {machine}."])


def _validations(outcome: Outcome) -> list[tuple[int, float]]:
    (run,) = read_runs([outcome.job.folder])
    return [
        (record["epoch"] + 1, record["val"]["miou_dataset"])
        for record in run.history
        if "val" in record
    ]


def ratios(runs: ByVariant, variant: Variant, probe: str) -> list[float]:
    """Return the variant's false-positive rate over the twin's, seed by seed.

    NaN where the twin has none, having learnt nothing: no goal is met by that.
    """
    pairs = zip(runs[variant.name], runs[TWIN.name], strict=True)
    rates = ((_rate(one.result, probe), _rate(twin.result, probe)) for one, twin in pairs)
    return [one / twin if twin else math.nan for one, twin in rates]


def _score(result: Result) -> float:
    return miou_dataset(result.sets[0].overall).value


def _rate(result: Result, probe: str) -> float:
    return foreground_fpr_dataset(_probed(result, probe).answer.overall).value


def _rate_under(probe: str) -> Callable[[Result], float]:
    return lambda result: _rate(result, probe)


def _gain(result: Result) -> float:
    silent = miou_dataset(_probed(result, "silence").labelled.overall).value
    return _score(result) - silent


def _probed(result: Result, probe: str) -> ProbedSet:
    return next(probed for probed in result.probes if probed.probe == probe)


def _units(result: Result):
    return result.sets[0].by_unit()


def _spread(values: Sequence[float], digits: int) -> str:
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else mean


def _paragraphs(*paragraphs: str) -> str:
    options = {"width": WIDTH, "break_long_words": False, "break_on_hyphens": False}
    return "\n\n".join(fill(paragraph, **options) for paragraph in paragraphs)
