"""What an evaluation leaves behind: counts of every picture or video, and where they come from.

Figures, intervals, groups and comparisons are made from the counts afterwards. Needs no torch.
"""

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from avs_bench.config import AS_PUBLISHED, Precision
from avs_bench.data.class_map import ClassMap
from avs_bench.metrics import Confusion, Family, Figure, Record, blank_record, by_unit
from avs_bench.metrics.families import FIGURES
from avs_bench.metrics.groups import OVERALL, Group
from avs_bench.metrics.units import Units
from avs_bench.results.items import Items, ScoredItem
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.version import VERSION

FORMAT = 1


@dataclass(frozen=True)
class ScoredSet:
    """The items of a subset in one metric family, sorted by id; `classes` counts background.

    Whatever sequence of items is given, it is kept as `Items`.
    """

    family: Family
    classes: int
    items: Sequence[ScoredItem]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", Items.of(self.items))

    def record(self, item: ScoredItem) -> Record:
        """Return an item's counts as the record of the family."""
        vector = np.zeros_like(self._blank.vector())
        vector[list(item.counts[::2])] = item.counts[1::2]
        return self._blank.with_vector(vector)

    @cached_property
    def overall(self) -> Record:
        """The counts of everything."""
        return self.units.whole

    def by_unit(self) -> dict[str, Record]:
        """Return one record for each unit, as intervals and comparisons take them."""
        return by_unit((item.unit, self.record(item)) for item in self.items)

    @property
    def units(self) -> Units[Record]:
        """The same counts, as several figures at once take them: made when asked for, not kept."""
        items = self._columns
        ordered = items.take(sorted(range(len(items)), key=items.units.__getitem__))
        return Units.of_sorted(ordered.units, np.diff(ordered.starts), ordered.told, self._blank)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The id of every item."""
        return self._columns.ids

    def among(self, item_ids: Iterable[str]) -> "ScoredSet":
        """Return the part of the set whose ids are among some."""
        chosen = frozenset(item_ids)
        return self._part([place for place, name in enumerate(self.item_ids) if name in chosen])

    def groups(self) -> dict[Group, "ScoredSet"]:
        """Return the part of the set in each group, everything first, then by kind and name."""
        parts: dict[Group, list[int]] = {}
        for place, groups in enumerate(self._columns.groups):
            for kind, names in groups.items():
                for name in names:
                    parts.setdefault((kind, name), []).append(place)
        ordered = sorted(parts.items(), key=lambda part: part[0])
        return {OVERALL: self} | {group: self._part(places) for group, places in ordered}

    def _part(self, places: Sequence[int]) -> "ScoredSet":
        return ScoredSet(self.family, self.classes, self._columns.take(places))

    @property
    def _columns(self) -> Items:
        assert isinstance(self.items, Items), "__post_init__ sees to it"
        return self.items

    @cached_property
    def _blank(self) -> Record:
        return blank_record(self.family, self.classes)


@dataclass(frozen=True)
class ProbedSet:
    """The items of a subset that a probe has a question for, at dataset level.

    `question` and `source` are the probe's (`avs_bench.probes`); `seed` chose the sounds. `answer`
    counts against what is heard, `labelled` against the masks of the items' own sounds, and
    `instances` which of several alike are chosen, where the probe tells sides apart.
    """

    probe: str
    question: str
    source: str
    seed: int
    answer: ScoredSet
    labelled: ScoredSet
    instances: ScoredSet | None = None


@dataclass(frozen=True)
class SeenCount:
    """How many of the `of` pictures that are scored training has seen, in its train and val."""

    train: int
    val: int
    of: int

    def __str__(self) -> str:
        counts = {"train": self.train, "val": self.val}
        named = " and ".join(f"{count} in {name}" for name, count in counts.items() if count)
        return f"{named}, of {self.of}"


@dataclass(frozen=True)
class Cost:
    """What a model costs: its parameters, and the FLOPs of one item's forward pass.

    A multiplication and an addition count two, as `avs-bench profile` prints them.
    """

    parameters: int
    flops: int


@dataclass(frozen=True)
class Result:
    """One model scored on one subset.

    `settings` are those of the run, as `config.json` nests them; `checkpoint` is the name of its
    file without the suffix and `epochs` how many it was trained for. `dataset` is what was scored
    on (`synthetic`: drawn, not photographed) and `trained_on` what was learnt from, each with the
    sha256 of its manifest. `sets` begins with the dataset's own family and ends with "listening"
    where pictures are heard with several sounds. `command` repeats the evaluation; `versions` are
    those of everything that touches a figure. `seen` counts pictures of the subset that training
    has seen, None where it has seen none or cannot be told. With a `class_map` the dataset has
    another class table than the model, and `classes` are those that are scored. `cost` is None
    where no model was run, and `precision` what it computed in. There is no clock in it: equal
    inputs give equal files.
    """

    model: str
    settings: dict[str, Any]
    checkpoint: str
    epochs: int
    checkpoint_sha256: str
    trained_on: str
    trained_on_sha256: str
    dataset: str
    dataset_sha256: str
    synthetic: bool
    subset: Subset
    classes: tuple[str, ...]
    command: str
    versions: dict[str, str]
    sets: tuple[ScoredSet, ...]
    probes: tuple[ProbedSet, ...] = ()
    seen: SeenCount | None = None
    class_map: ClassMap | None = None
    cost: Cost | None = None
    precision: Precision = "fp32"
    format: int = FORMAT

    @property
    def chosen_on_test(self) -> bool:
        """Whether the run's epoch was chosen by its score on test, as the published code does."""
        selection: object = self.settings.get("train", {}).get("selection")
        return selection == AS_PUBLISHED

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures of everything in the dataset's own family, and of listening, by name."""
        shown = [self.sets[0], *([self.listening] if self.listening else [])]
        figures = (make(one.overall) for one in shown for make in FIGURES[one.family])
        return {figure.name: figure for figure in figures}

    @property
    def listening(self) -> ScoredSet | None:
        """The pictures that are heard with several sounds; None where there are none."""
        return next((one for one in self.sets if one.family == "listening"), None)

    @property
    def file_stem(self) -> str:
        """The name of its files, which another evaluation of the same run does not share."""
        stem = f"{self.checkpoint}-{self.dataset.lower()}-{self.subset}"
        if self.precision != "fp32":
            stem += f"-{self.precision}"
        if self.class_map is None:
            return stem
        rule = re.sub(r"[^\w-]+", "-", self.class_map.rule)
        return f"{stem}-classes-{rule}"


def versions(**others: str) -> dict[str, str]:
    """Return the versions of everything that touches a figure, those of `others` among them."""
    return {
        "avs-toolkit": VERSION,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **others,
    }


def scored_item(item_id: str, unit: str, groups: Mapping[str, Any], record: Record) -> ScoredItem:
    """Return an item; a value of `groups` is a name or several."""
    named = {
        kind: (names,) if isinstance(names, str) else tuple(sorted(set(names)))
        for kind, names in sorted(groups.items())
    }
    vector = record.vector()
    places = np.flatnonzero(vector)
    counts = np.stack([places, vector[places]], axis=1).ravel()
    return ScoredItem(item_id, unit, named, tuple(counts.tolist()))


def scored_set(family: Family, classes: int, items: Iterable[ScoredItem]) -> ScoredSet:
    """Return items in any order as a set."""
    return ScoredSet(family, classes, tuple(sorted(items, key=lambda item: item.item_id)))


def as_confusion(record: Record) -> Confusion:
    """Return a record of the dataset level, such as those of every probe, as what it is."""
    assert isinstance(record, Confusion), "faults() and the caller refuse other families"
    return record
