"""Holds the person resolver's verdicts against labels that a person gave by hand."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.manifest import decode_lines
from vpo_builder.planning.persons import (
    AMBIGUOUS,
    PERSONS,
)
from vpo_builder.records import PersonDecision
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

COLUMNS = ("image_id", "label")


@dataclass(frozen=True)
class Agreement:
    """How often the captions' verdict is the hand's; `pairs` counts (verdict, label)."""

    pairs: Mapping[tuple[str, str], int]
    unseen: int

    @property
    def decided(self) -> int:
        """Labelled images on which the captions decided."""
        return sum(n for (verdict, _), n in self.pairs.items() if verdict != AMBIGUOUS)

    @property
    def agreed(self) -> int:
        """Those of them on which verdict and label are the same class."""
        same = ((verdict, n) for (verdict, label), n in self.pairs.items() if verdict == label)
        return sum(n for verdict, n in same if verdict != AMBIGUOUS)


def read_decisions(folder: Path) -> dict[int, str]:
    """Return the verdict on each image that a dataset's `persons.jsonl` holds."""
    path = folder / PERSONS
    try:
        data = read_regular(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}: expected a VPO dataset that vpo-build made"
        ) from None
    return {row.image_id: row.verdict for row in decode_lines(data, PersonDecision, str(path))}


def read_labels(path: Path) -> dict[int, str]:
    """Return the label of each image in a csv with the columns image_id and label.

    Raises InputError for other columns, an id that is no number, and an image with two labels.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise InputError(
                    f"{path}: columns are {reader.fieldnames}, expected {', '.join(COLUMNS)}"
                )
            labels: dict[int, str] = {}
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if None in row.values():
                    raise InputError(f"{where}: expected as many columns as in line 1")
                if not row["image_id"].isdecimal():
                    raise InputError(f"{where}: image_id {row['image_id']!r} is no number")
                image_id, label = int(row["image_id"]), row["label"].strip().lower()
                if labels.setdefault(image_id, label) != label:
                    raise InputError(f"{where}: image {image_id} has two labels: expected one")
            return labels
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: {error}: expected a csv of image_id, label in UTF-8") from None


def compare(verdicts: Mapping[int, str], labels: Mapping[int, str]) -> Agreement:
    """Return how verdicts and hand-given labels of the same images go together."""
    pairs = Counter(
        (verdicts[image], label) for image, label in labels.items() if image in verdicts
    )
    return Agreement(dict(sorted(pairs.items())), len(labels.keys() - verdicts.keys()))


def format_agreement(agreement: Agreement) -> Iterator[str]:
    """Yield the agreement, then one line for each pair of verdict and label."""
    total = sum(agreement.pairs.values())
    share = f" ({100 * agreement.agreed / agreement.decided:.1f} %)" if agreement.decided else ""
    yield (
        f"person resolver: {agreement.decided} of {total} labelled images decided, "
        f"{agreement.agreed} of them as labelled{share}; {agreement.unseen} labelled images are "
        "not among its decisions"
    )
    for (verdict, label), count in agreement.pairs.items():
        yield f"  captions say {verdict:<10} hand says {label:<10} {count}"
