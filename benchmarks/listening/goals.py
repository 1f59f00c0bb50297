"""What the study's goals are, and whether a variant meets them.

Every figure is taken from the counts of a finished run.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from avs_bench.metrics import foreground_fpr_dataset, miou_dataset
from avs_bench.results.records import ProbedSet, Result
from benchmarks.listening.study import TWIN, Outcome, Variant

SCORE_GOAL, TWIN_GAP_GOAL = 0.70, 0.30
RATIO_GOALS = {"silence": 0.05, "noise": 0.25, "off-screen": 0.30}
"""Shares of the twin's false-positive rate that the listener must stay under."""
HEARD = {"silence": "silence", "noise": "noise", "off-screen": "an absent class"}

ByVariant = dict[str, list[Outcome]]


@dataclass(frozen=True)
class Reached:
    """What a variant reached of one goal."""

    said: str
    goal: str
    value: str
    met: bool

    @property
    def verdict(self) -> str:
        """Whether that is enough."""
        return "**met**" if self.met else "**missed**"


def reached(runs: ByVariant, variant: Variant) -> Iterator[Reached]:
    """Yield what the variant reached of each goal."""
    listener = float(np.mean([score(o.result) for o in runs[variant.name]]))
    gap = listener - float(np.mean([score(o.result) for o in runs[TWIN.name]]))
    for said, goal, value in (
        ("miou_dataset", SCORE_GOAL, listener),
        ("miou_dataset above the visual-only twin", TWIN_GAP_GOAL, gap),
    ):
        yield Reached(said, f"at least {goal}", f"{value:.3f}", value >= goal)
    for probe, goal in RATIO_GOALS.items():
        ratio = float(np.mean(ratios(runs, variant, probe)))
        said = f"false positives with {HEARD[probe]}"
        yield Reached(said, f"under {goal}", f"{ratio:.3f} of the twin's", ratio < goal)


def verdicts(runs: ByVariant, variant: Variant) -> Iterator[str]:
    """Yield a line for each goal: what the variant reached, and whether it is enough."""
    for one in reached(runs, variant):
        yield f"- {variant.title}: {one.said} {one.value}: goal {one.goal}, {one.verdict}."


def ratios(runs: ByVariant, variant: Variant, probe: str) -> list[float]:
    """Return the variant's false-positive rate over that of its seed's twin, seed by seed.

    NaN where the twin has none, having learnt nothing: no goal is met by that.
    """
    twins = {twin.job.seed: rate(twin.result, probe) for twin in runs[TWIN.name]}
    rates = ((rate(one.result, probe), twins[one.job.seed]) for one in runs[variant.name])
    return [one / twin if twin else math.nan for one, twin in rates]


def score(result: Result) -> float:
    """Return miou_dataset on test."""
    return miou_dataset(result.sets[0].overall).value


def heard(name: str) -> Callable[[Result], float]:
    """Return what gives a figure of listening on test; NaN where no picture has several sounds."""
    return lambda result: result.figures[name].value if result.listening else math.nan


def rate(result: Result, probe: str) -> float:
    """Return the share of pixels in which nothing heard is seen that are predicted as objects."""
    return foreground_fpr_dataset(_probed(result, probe).answer.overall).value


def listening_gain(result: Result) -> float:
    """Return miou_dataset with the right sound minus that with silence."""
    silent = miou_dataset(_probed(result, "silence").labelled.overall).value
    return score(result) - silent


def _probed(result: Result, probe: str) -> ProbedSet:
    return next(probed for probed in result.probes if probed.probe == probe)
