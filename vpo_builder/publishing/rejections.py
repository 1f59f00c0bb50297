"""Tells whether the sources now hold clips that a finished dataset was built without.

Which clips still exist is no part of a dataset's identity: two people who build from the same
inputs a year apart make the same dataset, except for the clips that have vanished in between.
"""

from collections.abc import Collection
from pathlib import Path

from vpo_builder.dataset.manifest import decode_lines
from vpo_builder.dataset.places import REJECTIONS
from vpo_builder.records import Reason, Rejection
from vpo_builder.runtime.errors import InputError


def refuse_reappeared(folder: Path, clip_ids: Collection[str]) -> None:
    """Raise InputError if clips that were missing for the dataset in `folder` are there now."""
    back = sorted(vanished_clips(folder) & set(clip_ids))
    if back:
        more = f" and {len(back) - 1} more" if len(back) > 1 else ""
        raise InputError(
            f"{folder}: was built without clip {back[0]}{more}, now there: delete that folder, or "
            "give another --out, to build with it"
        )


def vanished_clips(folder: Path) -> set[str]:
    """Return the clips that were wanted and missing when the dataset in `folder` was made."""
    return {clip for clip, reason in _clips(folder) if reason is Reason.CLIP_VANISHED}


def rejected_clips(folder: Path) -> set[str]:
    """Return the clips that the dataset in `folder` leaves out, for whatever reason."""
    return {clip for clip, _ in _clips(folder)}


def _clips(folder: Path) -> list[tuple[str, Reason]]:
    path = folder / REJECTIONS
    try:
        rejections = decode_lines(path.read_bytes(), Rejection, str(path))
    except FileNotFoundError:
        return []
    return [(item.record, item.reason) for item in rejections if item.kind == "clip"]
