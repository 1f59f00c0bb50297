"""Keeps what crosses subsets out of a build: what can be dropped is, else the build fails."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vpo_builder.audit.audit import AuditReport, LeakKind
from vpo_builder.config import AuditSettings
from vpo_builder.dataset.schema import SUBSETS, Sample, Subset
from vpo_builder.records import Reason
from vpo_builder.runtime.errors import InputError

SHOWN = 5


@dataclass(frozen=True)
class Crossing:
    """The images to drop because another subset has the same or a similar one, and what to say."""

    dropped: dict[int, Reason]
    notes: list[str]


def find_crossing(
    report: AuditReport, samples: Sequence[Sample], settings: AuditSettings
) -> Crossing:
    """Return which images to drop, test keeping its image before val, and val before train.

    Raises InputError for a leak that dropping images does not mend, and for near-duplicates when
    `audit.near_duplicates` is fail.
    """
    others = [leak for leak in report.leaks if leak.kind != LeakKind.IMAGE]
    if others:
        named = ", ".join(f"{leak.kind} {leak.key[:16]}" for leak in others[:SHOWN])
        raise InputError(f"{report.folder}: {len(others)} leaks across subsets: {named}")
    image_of = {report.folder / sample.image: sample.image_id for sample in samples}
    dropped: dict[int, Reason] = {}
    for leak in report.leaks:
        images = [(place.subset, image_of[place.path]) for place in leak.places]
        dropped |= dict.fromkeys(_earlier(images), Reason.IMAGE_IN_TWO_SUBSETS)
    pairs = report.near_duplicates
    if pairs and settings.near_duplicates == "fail":
        named = ", ".join(f"{p.first.image_id} and {p.second.image_id}" for p in pairs[:SHOWN])
        raise InputError(
            f"{report.folder}: {len(pairs)} pairs of near-duplicates across subsets: {named}; "
            "set audit.near_duplicates to drop or warn"
        )
    if settings.near_duplicates == "drop":
        for pair in pairs:
            dropped.setdefault(pair.first.image_id, Reason.NEAR_DUPLICATE)
        return Crossing(dropped, [])
    return Crossing(dropped, [_note(len(pairs), report)] if pairs else [])


def _earlier(images: Iterable[tuple[Subset, int]]) -> set[int]:
    """Return all images but those of the last subset."""
    placed = [(SUBSETS.index(subset), image) for subset, image in images]
    last = max(order for order, _ in placed)
    return {image for order, image in placed if order < last}


def _note(count: int, report: AuditReport) -> str:
    return (
        f"{count} pairs of photographs look alike across subsets: see them side by side with "
        f"vpo-data audit {report.folder}"
    )
