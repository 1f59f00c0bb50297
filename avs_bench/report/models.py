"""Which runs are seeds of one model, what a model is called, and what it scored. Pure."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

from avs_bench.metrics.families import RecordFigure
from avs_bench.metrics.groups import Group
from avs_bench.metrics.record import Record
from avs_bench.metrics.uncertainty import intervals_of
from avs_bench.metrics.units import Units
from avs_bench.report.runs import CHOSEN_ON_TEST, Entry, Place, Run, by_place
from avs_bench.report.table import Number
from avs_bench.results.records import Result
from avs_bench.results.tally import KEY

INTERVALS = "[low, high]: 95 % bootstrap interval over the pictures or videos of the subset."
SPREADS = "±: standard deviation over the seeds of a model, whose mean stands before it."

_NUMBERED = re.compile(r"[\W_]*(?:(?<![^\W_])(?:seed|s)?[\W_]*\d*)?[\W_]*$", re.IGNORECASE)
"""How what the names of seeds share ends: "-s" of "x-s0" and "x-s1", "_seed_1" of 10 and 11."""


@dataclass(frozen=True)
class Model:
    """Runs that differ in nothing but their seed, under one name, which no other model has."""

    name: str
    runs: tuple[Run, ...]

    @property
    def told_by(self) -> str:
        """The run's name, or how many seeds there are."""
        return self.runs[0].name if len(self.runs) == 1 else f"{len(self.runs)} seeds"


@dataclass(frozen=True)
class Scored:
    """What a model scored in one place with one checkpoint: an entry for each of its seeds.

    `name` is the model's, with the checkpoint where the place has several of the model; `label`
    says too if training has seen what is scored, and if it was not scored in float32.
    """

    model: Model
    name: str
    entries: tuple[Entry, ...]

    @property
    def label(self) -> str:
        """What the rows of tables call it."""
        return f"{self.name}{self.seen_mark}{self.precision_mark}"

    @property
    def first(self) -> Entry:
        """The entry of the first seed, which stands for what all of them share."""
        return self.entries[0]

    @property
    def on_test(self) -> bool:
        """Whether its epoch was chosen on test."""
        return self.first.result.chosen_on_test

    @property
    def seen_mark(self) -> str:
        """What follows its name where training has seen pictures that are scored."""
        seen = next((e.result.seen for e in self.entries if e.result.seen), None)
        return f" (HAS SEEN {seen.train + seen.val} OF {seen.of})" if seen else ""

    @property
    def precision_mark(self) -> str:
        """What follows its name where it was not scored in float32."""
        precisions = sorted({entry.result.precision for entry in self.entries} - {"fp32"})
        return f" (SCORED IN {', '.join(precisions).upper()})" if precisions else ""

    @property
    def told_by(self) -> str:
        """The run's name, or how many seeds were scored."""
        return self.first.run if len(self.entries) == 1 else f"{len(self.entries)} seeds"

    @cached_property
    def overall(self) -> Record:
        """The counts of all seeds together."""
        return sum_of(entry.scores.overall for entry in self.entries)

    @property
    def units(self) -> list[Units[Record]]:
        """The scores of each seed, as comparisons take them."""
        return [entry.scores.units for entry in self.entries]

    def numbers(self, figures: Sequence[RecordFigure]) -> list[Number]:
        """Return figures: of one seed with intervals, of several as mean and deviation."""
        return numbers_of(self.units, figures)

    def parts(self) -> dict[Group, "Scored"]:
        """Return what was scored in each group of the subset, everything first."""
        groups = [entry.scores.groups() for entry in self.entries]
        return {
            group: replace(
                self,
                entries=tuple(
                    replace(entry, scores=own[group])
                    for entry, own in zip(self.entries, groups, strict=True)
                    if group in own  # an evaluation may name other classes as unseen
                ),
            )
            for group in groups[0]
        }


def legend_of(scored: Sequence[Scored]) -> list[str]:
    """Return what the doubt in the cells is: of models of one run, and of those of several."""
    counts = {len(one.entries) for one in scored}
    return [INTERVALS] * (1 in counts) + [SPREADS] * (counts != {1})


def sum_of(records: Iterable[Record]) -> Record:
    """Return the sum of at least one record."""
    first, *others = records
    return sum(others, first)


def numbers_of(seeds: Sequence[Units[Record]], figures: Sequence[RecordFigure]) -> list[Number]:
    """Return figures of scores: of one seed with intervals, of several mean and deviation."""
    if len(seeds) == 1:
        return [Number.of(one) for one in intervals_of(seeds[0], figures)]
    return [Number.over_seeds([figure(units.whole) for units in seeds]) for figure in figures]


def models_of(runs: Sequence[Run]) -> tuple[Model, ...]:
    """Return the models of runs, each once, in the order of the first run of each.

    Two runs of one seed are not two draws: such a group is taken apart.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_all_but_the_seed(run), []).append(run)
    together: list[list[Run]] = []
    for group in groups.values():
        seeds = {_seeds(run) for run in group}
        together += [group] if len(seeds) == len(group) else [[run] for run in group]
    together.sort(key=lambda group: runs.index(group[0]))
    return tuple(map(Model, _names(together), map(tuple, together)))


def scored_by_place(models: Sequence[Model]) -> dict[Place, list[Scored]]:
    """Return what the models scored, sorted into what may be compared, in their order."""
    of_run = {run.name: model for model in models for run in model.runs}
    places = by_place([run for model in models for run in model.runs])
    return {place: _scored(entries, of_run) for place, entries in places.items()}


def _scored(entries: Iterable[Entry], of_run: dict[str, Model]) -> list[Scored]:
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        key = of_run[entry.run].name, entry.result.checkpoint, entry.result.precision
        groups.setdefault(key, []).append(entry)
    checkpoints = Counter(name for name, *_ in groups)
    return [
        Scored(
            of_run[group[0].run],
            name if checkpoints[name] == 1 else f"{name}, {checkpoint}",
            tuple(group),
        )
        for (name, checkpoint, _), group in groups.items()
    ]


def _names(groups: Sequence[Sequence[Run]]) -> list[str]:
    """Return a name for each group: the model's, where several have one with what their runs share.

    That is the beginning of the runs' names without the number of the seed, or all of them.
    """
    kinds = [group[0].results[0].model for group in groups]
    ends = [_shared_name(group) for group in groups]
    if len(set(zip(kinds, ends, strict=True))) < len(groups):
        ends = [", ".join(_unmarked(run.name) for run in group) for group in groups]
    marks = [f" {CHOSEN_ON_TEST}" * (CHOSEN_ON_TEST in group[0].name) for group in groups]
    alone = Counter(zip(kinds, marks, strict=True))
    return [
        f"{kind}{mark}" if alone[kind, mark] == 1 else f"{kind} ({end}){mark}"
        for kind, end, mark in zip(kinds, ends, marks, strict=True)
    ]


def _shared_name(group: Sequence[Run]) -> str:
    names = [_unmarked(run.name) for run in group]
    if len(names) == 1:
        return names[0]
    shared = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return _NUMBERED.sub("", "".join(first for first, *_ in shared)) or ", ".join(names)


def _unmarked(name: str) -> str:
    return name.replace(CHOSEN_ON_TEST, "").strip()


def _all_but_the_seed(run: Run) -> str:
    return json.dumps(sorted({_identity(result) for result in run.results}))


def _identity(result: Result) -> str:
    train = {key: value for key, value in result.settings.get("train", {}).items() if key != "seed"}
    same = {key: value for key, value in result.settings.items() if key != KEY}
    what = (result.model, same | {"train": train}, result.classes)
    return json.dumps([*what, result.trained_on_sha256], sort_keys=True)


def _seeds(run: Run) -> str:
    seeds = {json.dumps(result.settings.get("train", {}).get("seed")) for result in run.results}
    return json.dumps(sorted(seeds))
