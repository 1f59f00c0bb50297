"""Figures that say whether a model listens, from what it scored under probes. Needs no torch."""

from collections.abc import Callable, Sequence
from typing import cast

from avs_bench.metrics import (
    Comparison,
    Confusion,
    Figure,
    Interval,
    ModelComparison,
    foreground_fpr_dataset,
    miou_dataset,
)
from avs_bench.metrics.model_comparison import comparison_of_conditions
from avs_bench.metrics.robust import g_f, g_fpr, g_miou, sound_scores
from avs_bench.metrics.uncertainty import comparisons_of, intervals_of
from avs_bench.metrics.units import Units
from avs_bench.names import ProbeName
from avs_bench.results.records import ProbedSet, ScoredSet, as_confusion
from vpo_builder.runtime.errors import InputError

NEGATIVE: tuple[ProbeName, ...] = ("silence", "noise", "off-screen")
"""AVSBench-Robust's sounds: all ask for an empty mask."""

DatasetFigure = Callable[[Confusion], Figure]


def false_positive_rate(probed: ProbedSet) -> Interval:
    """Share of the pixels in which nothing heard is seen that are predicted as an object."""
    return intervals_of(_units(probed.answer), [foreground_fpr_dataset])[0]


def listening_gain(
    right: ScoredSet, silent: ProbedSet, figure: DatasetFigure = miou_dataset
) -> Comparison:
    """What the sound adds to the score: right sound minus silence, both against the full mask.

    0 for a model that ignores the sound, however well it segments; nearly its whole score for one
    that finds nothing when nothing is heard.
    """
    return comparisons_of(*_both(right, silent, "silence"), [figure])[0]


def pan_sensitivity(
    right: ScoredSet, swapped: ProbedSet, figure: DatasetFigure = miou_dataset
) -> Comparison:
    """What the score loses when left and right are exchanged, beside a silent twin.

    0 for a model that does not hear sides; large for one that then answers with the twin. It is a
    difference and no score: the twin's own mask is not labelled.
    """
    return comparisons_of(*_both(right, swapped, "swap-channels"), [figure])[0]


def lost_by(
    pairs: Sequence[tuple[ScoredSet, ProbedSet]], figure: DatasetFigure = miou_dataset
) -> ModelComparison | None:
    """Listening gain or pan sensitivity of a model over its seeds, or None for other probes.

    `pairs`: what each seed scored with the right sound, and under the probe.
    """
    probe = pairs[0][1].probe
    if probe not in ("silence", "swap-channels"):
        return None
    right, probed = zip(*(_both(*pair, probe) for pair in pairs), strict=True)
    return comparison_of_conditions(right, probed, figure)


def robust_figures(right: ScoredSet, probed: Sequence[ProbedSet]) -> tuple[Figure, ...]:
    """Return AVSBench-Robust's G-mIoU, G-F and G-FPR of some of `NEGATIVE`, one set of each.

    `right` is what the right sound scores at dataset level; all are taken over the items that every
    one of the probes asks.
    """
    asked = set.intersection(*(set(one.labelled.item_ids) for one in probed))
    sets = (one.among(asked) for one in (right, *(one.labelled for one in probed)))
    mine, *wrong = (sound_scores(as_confusion(one.record(x)) for x in one.items) for one in sets)
    return g_miou(mine, wrong), g_f(mine, wrong), g_fpr(wrong)


def _both(
    right: ScoredSet, probed: ProbedSet, probe: str
) -> tuple[Units[Confusion], Units[Confusion]]:
    if (right.family, probed.probe) != ("dataset", probe):
        raise InputError(
            f"expected dataset-level scores with the right sound and then with {probe}, got "
            f"{right.family}-level ones and {probed.probe}; score the subset under both"
        )
    return _units(right.among(probed.labelled.item_ids)), _units(probed.labelled)


def _units(scored: ScoredSet) -> Units[Confusion]:
    units = scored.units
    as_confusion(units.blank)
    return cast(Units[Confusion], units)
