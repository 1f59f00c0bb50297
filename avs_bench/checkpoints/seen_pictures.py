"""The pictures that a run has trained on: scoring on another dataset can tell whether it saw them.

They are COCO's ids, so that VPO of any build and any published copy can be compared; AVSBench's
videos have no such ids.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from avs_bench.data.example import AVSDataset
from avs_bench.results.records import SeenCount
from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.runtime.errors import BAD_JSON
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import write_atomically

SEEN = "pictures.json"
WITH_COCO_IDS = "VPO-"  # how the names of such datasets begin


@dataclass(frozen=True)
class SeenPictures:
    """The pictures of train and val of a dataset, by COCO's ids, and the hash of its manifest."""

    manifest_sha256: str
    train: tuple[str, ...]
    val: tuple[str, ...]


def note_seen_pictures(folder: Path, dataset: AVSDataset) -> None:
    """Write beside a run's checkpoints what it sees, if its dataset has ids that others share."""
    if dataset.name.startswith(WITH_COCO_IDS):
        train, val = (pictures_of(dataset, subset) for subset in SUBSETS[:2])
        seen = SeenPictures(dataset.sha256, tuple(sorted(train)), tuple(sorted(val)))
        write_atomically(folder / SEEN, msgspec.json.encode(seen))


def pictures_of(dataset: AVSDataset, subset: Subset) -> frozenset[str]:
    """Return the ids of a subset's pictures."""
    return frozenset(x.picture_id for x in dataset.subsets[subset] if x.picture_id is not None)


def count_seen(
    folder: Path, trained_on_sha256: str, dataset: AVSDataset, subset: Subset
) -> SeenCount | None:
    """Return how much of a subset of another dataset than its own a run in `folder` has seen.

    None where it has seen nothing of it, and where the run does not tell: an older one, or other
    weights.
    """
    known = dataset.name.startswith(WITH_COCO_IDS)
    if not known or dataset.sha256 == trained_on_sha256:
        return None
    try:
        seen = msgspec.json.decode(read_regular(folder / SEEN), type=SeenPictures)
    except (OSError, *BAD_JSON):
        return None
    if seen.manifest_sha256 != trained_on_sha256:
        return None
    scored = pictures_of(dataset, subset)
    train, val = len(scored.intersection(seen.train)), len(scored.intersection(seen.val))
    return SeenCount(train, val, len(scored)) if train or val else None
