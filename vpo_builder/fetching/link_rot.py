"""The link-rot report: what is gone, by class, since when it is known, and what may come back."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vpo_builder.fetching.ledger import FETCHED, LEDGER, STATE_FOLDER, Attempt, read_attempts
from vpo_builder.runtime.errors import InputError

FURTHEST_UP = 3
"""How far above a dataset's folder the output folder with the ledger may be."""


@dataclass(frozen=True)
class ClassRot:
    """How the records of a class went: how many came, and for each reason how many did not."""

    category: str
    asked: int
    came: int
    lost: tuple[tuple[str, bool, int], ...]
    """(reason, permanent, count), the most frequent first."""


@dataclass(frozen=True)
class Rot:
    """What a ledger says in the end; times are seconds since 1970."""

    ledger: Path
    kind: str
    classes: tuple[ClassRot, ...]
    lost: tuple[Attempt, ...]
    first: float
    last: float


def find_ledger(folder: Path) -> Path:
    """Return the ledger of a dataset's or an output folder."""
    resolved = folder.resolve()
    for place in (resolved, *list(resolved.parents)[:FURTHEST_UP]):
        path = place / STATE_FOLDER / LEDGER
        if path.is_file():
            return path
    raise InputError(
        f"{folder}: no ledger ({STATE_FOLDER}/{LEDGER}) there or above: expected the folder of a "
        "dataset that was built with --download"
    )


def count_rot(ledger: Path) -> list[Rot]:
    """Return what is lost of each kind: clips, videos and images, if any were asked for."""
    attempts = list(read_attempts(ledger))
    kinds = ("clip", "video", "image")
    return [
        _rot(ledger, kind, [row for row in attempts if row.kind == kind])
        for kind in kinds
        if any(row.kind == kind for row in attempts)
    ]


def _rot(ledger: Path, kind: str, attempts: list[Attempt]) -> Rot:
    """A record has come if any source had it; else its last failure tells why it has not."""
    last: dict[str, Attempt] = {}
    for row in attempts:  # in the order of time
        before = last.get(row.record, row)
        if before.outcome != FETCHED or before.source == row.source:
            last[row.record] = row
    by_class: dict[str, list[Attempt]] = defaultdict(list)
    for row in last.values():
        by_class[row.category].append(row)
    lost = [row for row in last.values() if row.outcome != FETCHED]
    return Rot(
        ledger,
        kind,
        tuple(_class_rot(name, rows) for name, rows in sorted(by_class.items())),
        tuple(sorted(lost, key=lambda row: (row.category, row.outcome, row.record))),
        min(row.started for row in attempts),
        max(row.finished for row in attempts),
    )


def _class_rot(category: str, rows: list[Attempt]) -> ClassRot:
    lost = Counter((row.outcome, row.permanent) for row in rows if row.outcome != FETCHED)
    ordered = sorted(lost.items(), key=lambda item: (-item[1], item[0]))
    return ClassRot(
        category,
        len(rows),
        len(rows) - lost.total(),
        tuple((reason, permanent, count) for (reason, permanent), count in ordered),
    )


def format_rot(rots: Iterable[Rot]) -> Iterator[str]:
    """Yield the report: a table by class, then a line with its date for each record lost."""
    for rot in rots:
        asked = sum(row.asked for row in rot.classes)
        came = sum(row.came for row in rot.classes)
        share = 100 * (asked - came) / asked
        yield (
            f"{rot.kind}s: {asked} asked for from {day(rot.first)} to {day(rot.last)}, {came} "
            f"came, {asked - came} did not ({share:.1f} %)"
        )
        width = max((len(row.category) for row in rot.classes), default=0)
        for row in rot.classes:
            reasons = ", ".join(
                f"{count} {reason}{'' if permanent else ' (may come back)'}"
                for reason, permanent, count in row.lost
            )
            name = row.category or rot.kind
            yield f"  {name:<{width}} {row.came:>6} of {row.asked:<6} {reasons}".rstrip()
        for attempt in rot.lost:
            label = f" [{attempt.category}]" if attempt.category else ""
            yield f"{day(attempt.finished)} {attempt.record}{label} {attempt.outcome}"


def day(seconds: float) -> str:
    """Return a time as a day, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
