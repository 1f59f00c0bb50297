"""Holds a dataset against a list of published samples: which it has, and why not the others.

Our rules are not the authors', and their test pictures are of COCO's train2017: a model that was
trained on a build of ours may have seen them.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vpo_builder.dataset.manifest import Manifest, decode_lines
from vpo_builder.dataset.places import REJECTIONS
from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.records import Rejection
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.sources.published_ids import PublishedId, PublishedIds

TRAINING: tuple[Subset, ...] = ("train", "val")
"""Subsets that a model is fitted to or chosen by."""
NO_RULE = "no_rule_tells"
SILENT = "another_object_sounds"
COLUMNS = ("image_id", "annotation_id", "outcome", "reason", "subset")


class Outcome(StrEnum):
    """What a dataset has of a published sample."""

    SAME = "same object sounds"
    PICTURE = "same picture, another object sounds"
    ABSENT = "picture is not here"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a dataset has of one published object; `reason` is the rule against it.

    `subset` is that of the sample, or of the picture's first, "" where it is not here.
    """

    published: PublishedId
    outcome: Outcome
    reason: str
    subset: str


def reconcile(manifest: Manifest, ids: PublishedIds) -> tuple[Verdict, ...]:
    """Return a verdict for each object of a list, in its order."""
    sounding: dict[tuple[int, int], Subset] = {}
    pictures: dict[int, Subset] = {}
    for sample in manifest.samples:
        pictures.setdefault(sample.image_id, sample.subset)
        for source in sample.sources:
            sounding.setdefault((sample.image_id, source.ann_id), sample.subset)
    reasons = _reasons(manifest.folder)
    verdicts = []
    for found in ids.objects:
        of_object = reasons["object"].get(str(found.ann_id), "")
        of_image = reasons["image"].get(str(found.image_id), "")
        subset = sounding.get((found.image_id, found.ann_id))
        if subset is not None:
            verdicts.append(Verdict(found, Outcome.SAME, "", subset))
        elif found.image_id in pictures:
            where = pictures[found.image_id]
            verdicts.append(Verdict(found, Outcome.PICTURE, of_object or SILENT, where))
        else:
            verdicts.append(Verdict(found, Outcome.ABSENT, of_image or of_object or NO_RULE, ""))
    return tuple(verdicts)


def seen_in_training(manifest: Manifest, ids: PublishedIds) -> dict[Subset, int]:
    """Return how many pictures of a list lie in train and in val, where any do."""
    counts = {
        subset: len({s.image_id for s in manifest.samples if s.subset == subset} & ids.image_ids)
        for subset in TRAINING
    }
    return {subset: count for subset, count in counts.items() if count}


def seen_line(manifest: Manifest, ids: PublishedIds) -> str:
    """Return in words what training sees of a list's pictures."""
    seen = seen_in_training(manifest, ids)
    pictures = len(ids.image_ids)
    if not seen:
        return f"none of the {pictures} pictures of {ids.path.name} is in train or val"
    named = " and ".join(f"{count} in {subset}" for subset, count in seen.items())
    return (
        f"training sees pictures of {ids.path.name}: {named}, of {pictures}: build with "
        "vpo-build --exclude to score there"
    )


def format_reconciliation(
    manifest: Manifest, ids: PublishedIds, verdicts: Sequence[Verdict]
) -> Iterator[str]:
    """Yield the counts by outcome and rule, by subset, and what training sees."""
    total = len(verdicts)
    yield f"{ids.path.name}: {total} objects in {len(ids.image_ids)} pictures"
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    for outcome in Outcome:
        yield f"{outcome:<38} {outcomes[outcome]:>8} {100 * outcomes[outcome] / total:>6.1f} %"
        kind = Counter(v.reason for v in verdicts if v.outcome is outcome and v.reason)
        yield from (f"  {reason:<36} {count:>8}" for reason, count in sorted(kind.items()))
        places = Counter(v.subset for v in verdicts if v.outcome is outcome and v.subset)
        yield from (f"  in {s:<33} {places[s]:>8}" for s in SUBSETS if places[s])
    yield seen_line(manifest, ids)


def write_verdicts(verdicts: Sequence[Verdict], path: Path) -> None:
    """Write a csv with a row for each published object."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for verdict in verdicts:
        found = verdict.published
        writer.writerow(
            (found.image_id, found.ann_id, verdict.outcome, verdict.reason, verdict.subset)
        )
    write_atomically(path, buffer.getvalue().encode())


def _reasons(folder: Path) -> dict[str, dict[str, str]]:
    """Return the first reason against each record by kind, from a dataset's list of rejections."""
    reasons: dict[str, dict[str, str]] = defaultdict(dict)
    path = folder / REJECTIONS
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return reasons
    for rejection in decode_lines(data, Rejection, str(path)):
        reasons[rejection.kind].setdefault(rejection.record, rejection.reason.value)
    return reasons
