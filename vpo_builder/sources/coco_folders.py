"""Finds COCO's lists and pictures in the ways that people keep them."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.files_below import folders_below, seen_below

FIFTYONE: Mapping[str, str] = {"train2017": "train", "val2017": "validation"}
"""What FiftyOne calls a part's folder, which holds `data` and `labels.json`."""
FIFTYONE_LIST = "labels.json"
OF_2014 = ("train2014", "val2014")
"""The pictures of 2017 are those of 2014, divided otherwise and under longer names."""
PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class CocoPlaces:
    """Where a part's list, its captions and its pictures lie.

    `pictures` is the folder as published; where that is not there, `elsewhere` are the folders
    and zips that may hold them.
    """

    instances: Path
    captions: Path
    pictures: Path
    elsewhere: tuple[Path, ...] = ()

    @property
    def is_fiftyone(self) -> bool:
        """Whether the list is FiftyOne's, which has the same name for every part."""
        return self.instances.name == FIFTYONE_LIST


def coco_places(coco: Path, part: str) -> CocoPlaces:
    """Return where "train2017" or "val2017" lies in a folder: as published, or at any depth.

    Raises InputError naming the list that was looked for and something that is there.
    """
    published = CocoPlaces(
        coco / "annotations" / f"instances_{part}.json",
        coco / "annotations" / f"captions_{part}.json",
        coco / part,
    )
    if published.instances.is_file() and published.pictures.is_dir():
        return published
    lists = {published.instances.name, published.captions.name}
    found: dict[str, Path] = {}
    elsewhere: dict[int, list[Path]] = {rank: [] for rank in range(5)}
    for folder, names in folders_below(coco):
        for name in lists.intersection(names):
            found.setdefault(name, folder / name)
        is_fiftyone = folder.name == FIFTYONE[part]
        if is_fiftyone and FIFTYONE_LIST in names:
            found.setdefault(FIFTYONE_LIST, folder / FIFTYONE_LIST)
        for name in (f"{part}.zip", *(f"{other}.zip" for other in OF_2014)):
            if name in names:
                elsewhere[1 if name.startswith(part) else 3].append(folder / name)
        rank = _rank(folder, names, part)
        if rank is not None:
            elsewhere[rank].append(folder)
    instances = found.get(published.instances.name) or found.get(FIFTYONE_LIST)
    if instances is None:
        raise InputError(
            f"{coco}: no {published.instances.name} at any depth: {seen_below(coco)}; --download "
            "fetches it"
        )
    captions = found.get(published.captions.name, published.captions)
    if published.pictures.is_dir():
        return CocoPlaces(instances, captions, published.pictures)
    places = tuple(itertools.chain.from_iterable(elsewhere.values()))
    return CocoPlaces(instances, captions, published.pictures, places)


def _rank(folder: Path, names: list[str], part: str) -> int | None:
    """Return how well a folder's name says that it holds a part's pictures, 0 best."""
    if folder.name == part:
        return 0
    if folder.name == "data" and folder.parent.name == FIFTYONE[part]:
        return 2
    if folder.name in OF_2014:
        return 3
    flat = folder.name == "images" and any(n.lower().endswith(PICTURES) for n in names)
    return 4 if flat else None


def names_of(file_name: str) -> tuple[str, ...]:
    """Return the names of a picture's file: that of its list, and those of 2014."""
    return (file_name, *(f"COCO_{other}_{file_name}" for other in OF_2014))
