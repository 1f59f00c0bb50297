"""Where the class tables of a model and of a dataset meet: by name, by a file, or as foreground."""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avs_bench.data.example import AVSDataset, Example
from vpo_builder.dataset.schema import IGNORE, Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

NAMES, FOREGROUND = "names", "foreground"
BINARY = ("background", "object")
COLUMNS = ["model", "data"]

Pair = tuple[int, int]
"""An index of the model's table and one of the dataset's that mean the same."""


@dataclass(frozen=True)
class ClassMap:
    """Which classes of a model and of a dataset are scored as one, in the table `classes`.

    `rule` is "names", "foreground" or the name of a file. `of_model` and `of_data` have for every
    class of the two tables, background first, its index in `classes`: 0 for a class of the model
    that is not scored, which counts as background, and IGNORE for such a class of the dataset,
    whose pixels are not scored. `left_out` counts the examples in which no scored class sounds.
    """

    rule: str
    classes: tuple[str, ...]
    model_classes: tuple[str, ...]
    data_classes: tuple[str, ...]
    of_model: tuple[int, ...]
    of_data: tuple[int, ...]
    left_out: int = 0

    @property
    def label(self) -> str:
        """What is scored: equal for two models if their figures on one dataset compare."""
        if self.classes == BINARY and set(self.of_data[1:]) == {1}:
            return "foreground against background"
        told = repr((self.classes, self.data_classes, self.of_data))
        mark = hashlib.sha256(told.encode()).hexdigest()[:8]
        scored = sum(index != IGNORE for index in self.of_data[1:])
        return f"{scored} of {len(self.of_data) - 1} classes, mapping {mark}"

    @property
    def sentence(self) -> str:
        """The mapping for the foot of a table."""
        members: dict[int, list[str]] = {}
        for name, index in zip(self.model_classes[1:], self.of_model[1:], strict=True):
            if index:
                members.setdefault(index, []).append(name)
        named = (
            self.classes[index] if names == [self.classes[index]] else
            f"{self.classes[index]} (the model's {' + '.join(names)})"
            for index, names in sorted(members.items())
        )  # fmt: skip
        scored = ", ".join(named) if self.rule != FOREGROUND else "any class as one object"
        return f"Mapped by {self.rule}: {scored}; {self.left_out} examples left out."

    def applied(self, dataset: AVSDataset) -> AVSDataset:
        """Return the dataset in the scored table, without the examples of which nothing sounds."""
        lookup = dataset.mask_lookup.copy()
        for index, scored in enumerate(self.of_data):
            lookup[dataset.mask_lookup == index] = scored

        def mapped(example: Example) -> Example | None:
            sources = tuple(
                replace(source, class_index=self._scored(source.class_index))
                for source in example.sources
            )
            silent = {self._scored(index) for index in example.silent} - {0}
            new = replace(example, sources=sources, silent=tuple(sorted(silent)), objects=())
            return new if new.heard or not example.heard else None

        renamed = replace(dataset, classes=self.classes, mask_lookup=lookup)
        return renamed.with_examples(mapped)

    def _scored(self, index: int) -> int:
        """Return the scored index of a class of the dataset, 0 if it has none."""
        scored = self.of_data[index]
        return 0 if scored == IGNORE else scored


def read_class_map(
    given: str, model_classes: Sequence[str], data_classes: Sequence[str]
) -> ClassMap | None:
    """Return the mapping that --class-map asks for, None if both tables are one already.

    `given` is "names", "foreground" or the path of a csv with columns model and data; of a line
    without the second, the model's class is not scored. Classes that a file does not name are
    mapped by their names, whatever their case and whether "_", "-" or a space stands between words.
    Raises InputError, one line, for a file that is none and for tables that share no class.
    """
    model, data = tuple(model_classes), tuple(data_classes)
    if given == FOREGROUND:
        ours, theirs = ((0, *[1] * (len(table) - 1)) for table in (model, data))
        mapped = ClassMap(FOREGROUND, BINARY, model, data, ours, theirs)
        return None if model == data == BINARY else mapped
    named = given == NAMES
    pairs = _by_name(model, data, {}) if named else _from_file(Path(given), model, data)
    if not pairs:
        raise InputError(
            f"--class-map {given}: the model's {', '.join(model[1:4])}… and the dataset's "
            f"{', '.join(data[1:4])}… share no class: give a csv of model,data with the names that "
            f"mean the same, or {FOREGROUND}"
        )
    mapped = _joined(NAMES if named else Path(given).name, pairs, model, data)
    return None if mapped.classes == model == data else mapped


def in_scored_table(
    dataset: AVSDataset, subset: Subset, class_map: ClassMap | None
) -> tuple[AVSDataset, ClassMap | None]:
    """Return a dataset in the table that is scored, and the map with what that leaves out.

    `left_out` is counted in the subset. Without a map the dataset is returned as it is.
    """
    if class_map is None:
        return dataset, None
    mapped = class_map.applied(dataset)
    left_out = len(dataset.subsets[subset]) - len(mapped.subsets[subset])
    return mapped, replace(class_map, left_out=left_out)


def _joined(
    rule: str, pairs: Sequence[Pair], model: tuple[str, ...], data: tuple[str, ...]
) -> ClassMap:
    """Return the mapping in which whatever means the same, directly or by others, is one class."""
    of_model, of_data = [0] * len(model), [0, *[IGNORE] * (len(data) - 1)]
    classes = [data[0]]
    for group in sorted(_groups(pairs), key=lambda group: min(d for _, d in group)):
        ours, theirs = sorted({m for m, _ in group}), sorted({d for _, d in group})
        for m, d in group:
            of_model[m] = of_data[d] = len(classes)
        several = model[ours[0]] if len(ours) == 1 else "+".join(data[d] for d in theirs)
        classes.append(data[theirs[0]] if len(theirs) == 1 else several)
    return ClassMap(rule, tuple(classes), model, data, tuple(of_model), tuple(of_data))


def _groups(pairs: Sequence[Pair]) -> list[set[Pair]]:
    groups: list[set[Pair]] = []
    for pair in pairs:
        touched = [g for g in groups if any(pair[0] == m or pair[1] == d for m, d in g)]
        groups = [group for group in groups if group not in touched]
        groups.append({pair}.union(*touched))
    return groups


def _by_name(
    model: Sequence[str], data: Sequence[str], told: Mapping[str, Sequence[str]]
) -> list[Pair]:
    """Pair what `told` says of the model's classes, and the others by name.

    Names that are alike in one table but for case and joints are paired letter by letter.
    """
    plain = [
        [re.sub(r"[\s_-]+", " ", name).strip().casefold() for name in t] for t in (model, data)
    ]
    doubled = {key for keys in plain for key, times in Counter(keys).items() if times > 1}
    ours, theirs = (
        [name if key in doubled else key for key, name in zip(keys, table, strict=True)]
        for keys, table in zip(plain, (model, data), strict=True)
    )
    names, pairs = list(data), list[Pair]()
    for m, (name, key) in enumerate(zip(model, ours, strict=True)):
        if name in told:
            pairs += [(m, names.index(other)) for other in told[name]]
        elif m and key in theirs[1:]:
            pairs.append((m, theirs.index(key, 1)))
    return pairs


def _from_file(path: Path, model: Sequence[str], data: Sequence[str]) -> list[Pair]:
    told: dict[str, list[str]] = {}
    for where, ours, theirs in _rows(path):
        for table, name, what in ((model, ours, "model"), (data, theirs, "dataset")):
            if name not in table[1:] and (name or what == "model"):
                raise InputError(
                    f"{where}: {name[:80]!r} is no class of the {what}: expected one of "
                    f"{', '.join(table[1:])}"
                )
        told.setdefault(ours, []).extend([theirs] if theirs else [])
    return _by_name(model, data, told)


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the place of each row, the model's class and the dataset's, "" for none."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"--class-map {path}: cannot be read: {error.strerror}; give {NAMES}, {FOREGROUND} or "
            "a csv of model,data"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text: expected a csv of model,data") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(rows, [])
        if head != COLUMNS:
            raise InputError(
                f"{path}, line 1: expected {','.join(COLUMNS)}, got {','.join(head)[:80]!r}"
            )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(COLUMNS):
                raise InputError(f"{where}: {len(row)} columns, expected {','.join(COLUMNS)}")
            yield where, row[0].strip(), row[1].strip()
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: not csv: {error}") from None
