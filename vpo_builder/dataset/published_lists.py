"""Finds the lists of published copies of VPO: the authors' csv, and the one of DDESeg's layout.

Such a copy has no manifest: `vpo-data import` reads it and writes one.
"""

import os
import re
from pathlib import Path
from typing import cast

from vpo_builder.dataset.schema import Split
from vpo_builder.runtime.errors import InputError

AUTHORS_LIST = re.compile(r"vpo_(ss|ms|msmi)_data(_stereo|_mono|)\.csv")
CLEAN_LIST = "vpo_data_clean.csv"
LISTS = f"vpo_ss_data_stereo.csv, vpo_ms_…, vpo_msmi_…, {CLEAN_LIST}"
"""What a message names as looked for."""
MEDIA_FOLDERS = frozenset({"data", "mask", "audios", "frames", "labels_semantic"})
DEEPEST = 4
"""Folders below the one that is given: an archive unpacks into fewer."""


def find_authors_lists(folder: Path) -> dict[Split, Path]:
    """Return the csv of each split in a folder or below it, the stereo one where there are two.

    Raises InputError for two of one name: each would be a dataset of its own.
    """
    found: dict[tuple[Split, str], Path] = {}
    for path in _lists_below(folder):
        named = AUTHORS_LIST.fullmatch(path.name)
        if named is None:
            continue
        key = (cast("Split", named.group(1)), named.group(2))
        if key in found:
            raise InputError(
                f"{folder}: {path.name} is there twice, {found[key]} and {path}: give the folder "
                "of one"
            )
        found[key] = path
    chosen: dict[Split, Path] = {}
    for kind in ("_stereo", "", "_mono"):  # a mono list lacks the place of each sound
        for (split, of_kind), path in found.items():
            if of_kind == kind:
                chosen.setdefault(split, path)
    return chosen


def find_clean_list(folder: Path) -> Path | None:
    """Return DDESeg's csv in a folder or below it, None if there is none."""
    return next((path for path in _lists_below(folder) if path.name == CLEAN_LIST), None)


def holds_published_copy(folder: Path) -> bool:
    """Tell whether a folder looks like a published copy of VPO."""
    return any(
        path.name == CLEAN_LIST or AUTHORS_LIST.fullmatch(path.name)
        for path in _lists_below(folder)
    )


def _lists_below(folder: Path) -> list[Path]:
    """Return every csv, folders of media left out, in the order of their paths."""
    found = []
    for parent, folders, names in os.walk(folder):
        depth = len(Path(parent).relative_to(folder).parts)
        below = [name for name in folders if name not in MEDIA_FOLDERS]
        folders[:] = sorted(below) if depth < DEEPEST else []
        found += [Path(parent, name) for name in names if name.endswith(".csv")]
    return sorted(found)
