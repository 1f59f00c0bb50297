"""How a score falls as sound and picture get worse: curves, and one number for all. No torch.

Every level of a corruption is a probe of a result, named as `snr-noise@3`. The score is
`miou_dataset` of the pictures that were asked; level 0 is the right sound of the same pictures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from avs_bench.metrics import Confusion, Figure, Interval, bootstrap, miou_dataset
from avs_bench.metrics.counting import iou_from_areas, nan_mean, ratio
from avs_bench.metrics.record import SAME, Counts, Record
from avs_bench.probes.corruptions import CORRUPTIONS, Corruption, Of
from avs_bench.results.records import ProbedSet, Result, ScoredSet, as_confusion
from vpo_builder.runtime.errors import InputError

LEFT = "robustness_dataset"
_RULES = (
    "mIoU at a level over that of the same pictures unchanged; mean over the levels from 1 on, "
    "then over the corruptions"
)


@dataclass(frozen=True)
class Point:
    """The score at a level; `value` is what the level is in the corruption's unit, None at 0."""

    level: int
    value: float | None
    score: Interval


@dataclass(frozen=True)
class Curve:
    """A corruption and the scores at its levels, 0 first; `left` is what is left on the mean."""

    corruption: Corruption
    points: tuple[Point, ...]
    left: Interval


@dataclass(frozen=True)
class Robustness:
    """All curves of a result, and what is left of the score on the mean of each kind and of all."""

    curves: tuple[Curve, ...]
    left: dict[str, Interval]


@dataclass(frozen=True, slots=True, eq=False)
class LevelAreas(Record):
    """Right, predicted and labelled pixels by class, of each level and of the same unchanged.

    `areas` [levels, 2, 3, classes]; `groups` says for each level which corruption it is of.
    """

    groups: tuple[int, ...] = field(metadata=SAME)
    classes: int = field(metadata=SAME)
    areas: Counts

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        return {"areas": (len(self.groups), 2, 3, self.classes)}


def left_of_score(areas: LevelAreas) -> Figure:
    """Return the share of the score that is left, on the mean over levels, then corruptions."""
    scores = nan_mean(iou_from_areas(areas.areas))  # as miou_dataset
    ratios = ratio(scores[:, 0], scores[:, 1], empty=np.nan)
    groups = np.array(areas.groups)
    means = [ratios[groups == group].mean() for group in sorted(set(areas.groups))]
    value = float(np.mean(means))
    note = "" if np.isfinite(value) else "nothing is found in the unchanged pictures either"
    return Figure(LEFT, value, _RULES, note)


def robustness_of(result: Result) -> Robustness:
    """Return the curves of a result; raise InputError if it has no corruption."""
    right, asked = _scored(result)
    curves = tuple(_curve(CORRUPTIONS[name], levels, right) for name, levels in asked.items())
    left = {
        kind: bootstrap(_areas(asked, chosen, right), left_of_score)
        for kind, chosen in _kinds(asked).items()
        if chosen
    }
    return Robustness(curves, left)


def level_areas(result: Result, kind: str) -> dict[str, LevelAreas]:
    """Return what `left_of_score` takes, by picture, so that two results can be compared.

    `kind` is "sound", "picture" or "all"; nothing if no corruption of it was scored.
    """
    right, asked = _scored(result)
    return _areas(asked, _kinds(asked)[kind], right)


def _scored(result: Result) -> tuple[ScoredSet, dict[str, dict[int, ScoredSet]]]:
    """Return the answers to the right sounds, and to every level by corruption."""
    right = next((one for one in result.sets if one.family == "dataset"), None)
    asked = _levels(result.probes)
    if right is None or not asked:
        raise InputError(
            f"{result.model} on {result.dataset}: no corruption was scored: run avs-bench robust"
        )
    return right, asked


def _kinds(names: Iterable[str]) -> dict[str, list[str]]:
    kinds = {of: [name for name in names if CORRUPTIONS[name].of == of] for of in get_args(Of)}
    return {**kinds, "all": list(names)}


def _levels(probes: Iterable[ProbedSet]) -> dict[str, dict[int, ScoredSet]]:
    """Return the answers to every level from 1 on, by corruption."""
    found: dict[str, dict[int, ScoredSet]] = {}
    for probed in probes:
        name, _, level = probed.probe.partition("@")
        if name in CORRUPTIONS and level.isdigit() and int(level):
            found.setdefault(name, {})[int(level)] = probed.answer
    return found


def _curve(corruption: Corruption, levels: dict[int, ScoredSet], right: ScoredSet) -> Curve:
    unchanged = right.among(next(iter(levels.values())).item_ids)
    points = [Point(0, None, _score(unchanged))]
    points += [
        Point(level, corruption.levels[level - 1], _score(scored))
        for level, scored in sorted(levels.items())
    ]
    areas = _areas({corruption.name: levels}, [corruption.name], right)
    return Curve(corruption, tuple(points), bootstrap(areas, left_of_score))


def _score(scored: ScoredSet) -> Interval:
    return bootstrap(_confusions(scored), miou_dataset)


def _confusions(scored: ScoredSet) -> dict[str, Confusion]:
    return {unit: as_confusion(record) for unit, record in scored.by_unit().items()}


def _areas(
    asked: dict[str, dict[int, ScoredSet]], names: Sequence[str], right: ScoredSet
) -> dict[str, LevelAreas]:
    """Return the counts of some corruptions by picture, with all of their levels together."""
    sets = [(place, one) for place, name in enumerate(names) for one in asked[name].values()]
    groups = tuple(place for place, _ in sets)
    blank = np.zeros((len(sets), 2, 3, right.classes), np.int64)
    own = {item.item_id: as_confusion(right.record(item)).areas for item in right.items}
    areas: dict[str, Any] = {}
    for row, (_, scored) in enumerate(sets):
        for item in scored.items:
            counts = areas.setdefault(item.unit, blank.copy())
            counts[row, 0] += as_confusion(scored.record(item)).areas
            counts[row, 1] += own[item.item_id]
    return {unit: LevelAreas(groups, right.classes, a) for unit, a in areas.items()}


def levels_of(names: Iterable[str], levels: Iterable[int]) -> list[str]:
    """Return the probes of corruptions at levels; raise InputError for an unknown name.

    A corruption with fewer levels has those that it has.
    """
    chosen = []
    for name in dict.fromkeys(names):
        if name not in CORRUPTIONS:
            raise InputError(f"no corruption {name!r}: choose of {', '.join(CORRUPTIONS)}")
        most = len(CORRUPTIONS[name].levels)
        chosen += [f"{name}@{level}" for level in sorted(set(levels)) if 1 <= level <= most]
    return chosen


def names_of(of: Of | None, *, stereo: bool) -> list[str]:
    """Return the corruptions of a kind (None: of both) that a model with so many ears can hear."""
    return [
        name
        for name, corruption in CORRUPTIONS.items()
        if of in (None, corruption.of) and (stereo or not corruption.at(1).stereo)
    ]
