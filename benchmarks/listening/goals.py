"""What the study's goals are, and whether a variant meets them.

Every figure is taken from the counts of a finished run.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from avs_bench.metrics import foreground_fpr_dataset, miou_dataset
from avs_bench.results.records import ProbedSet, Result
from benchmarks.listening.study import TWIN, Outcome, Variant

SCORE_GOAL, TWIN_GAP_GOAL = 0.70, 0.30
RATIO_GOALS = {"silence": 0.05, "noise": 0.25, "off-screen": 0.30}
"""Shares of the twin's false-positive rate that the listener must stay under."""
HEARD = {"silence": "silence", "noise": "noise", "off-screen": "an absent class"}

ByVariant = dict[str, list[Outcome]]


def verdicts(runs: ByVariant, variant: Variant) -> Iterator[str]:
    """Yield a line for each goal: what the variant reached, and whether it is enough."""
    listener = np.mean([score(o.result) for o in runs[variant.name]])
    twin = np.mean([score(o.result) for o in runs[TWIN.name]])
    yield _verdict(
        f"{variant.title} reaches miou_dataset {listener:.3f}",
        f"at least {SCORE_GOAL}",
        listener >= SCORE_GOAL,
    )
    yield _verdict(
        f"the visual-only twin stays {listener - twin:.3f} below it",
        f"at least {TWIN_GAP_GOAL}",
        listener - twin >= TWIN_GAP_GOAL,
    )
    for probe, goal in RATIO_GOALS.items():
        ratio = np.mean(ratios(runs, variant, probe))
        yield _verdict(
            f"with {HEARD[probe]} its false-positive rate is {ratio:.3f} of the twin's",
            f"under {goal}",
            ratio < goal,
        )


def _verdict(said: str, goal: str, met: bool) -> str:
    return f"- {said}: goal {goal}, **{'met' if met else 'missed'}**."


def ratios(runs: ByVariant, variant: Variant, probe: str) -> list[float]:
    """Return the variant's false-positive rate over the twin's, seed by seed.

    NaN where the twin has none, having learnt nothing: no goal is met by that.
    """
    pairs = zip(runs[variant.name], runs[TWIN.name], strict=True)
    rates = ((rate(one.result, probe), rate(twin.result, probe)) for one, twin in pairs)
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


def rate_under(probe: str) -> Callable[[Result], float]:
    """Return `rate` for one probe."""
    return lambda result: rate(result, probe)


def listening_gain(result: Result) -> float:
    """Return miou_dataset with the right sound minus that with silence."""
    silent = miou_dataset(_probed(result, "silence").labelled.overall).value
    return score(result) - silent


def _probed(result: Result, probe: str) -> ProbedSet:
    return next(probed for probed in result.probes if probed.probe == probe)
