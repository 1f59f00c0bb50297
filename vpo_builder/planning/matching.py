"""Matches images and VGGSound's clips to subsets, and the clips to classes. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from vpo_builder.classes import SoundingClass
from vpo_builder.config import SubsetSettings
from vpo_builder.dataset.schema import Subset
from vpo_builder.records import Clip, Home, Reason, Rejection, VggSound
from vpo_builder.runtime.stateless_hash import mix, text_key, unit


def image_subsets(home: Home, image_ids: Sequence[int], settings: SubsetSettings) -> list[Subset]:
    """Return the subset of each image of a list (protocol §2, subsets).

    What is for train gives val too, and test where that is a share of it, as it is of a list that
    is "divided". Val and train divide the rest as they would without test.
    """
    if home in ("val", "test"):
        return [home] * len(image_ids)
    ids = np.asarray(image_ids, np.uint64)
    subsets = np.where(unit(mix("image subset", ids)) < settings.val_fraction, "val", "train")
    if settings.test == "share" or home == "divided":
        tested = unit(mix("image in test", ids)) < settings.test_fraction
        subsets = np.where(tested, "test", subsets)
    chosen: list[Subset] = subsets.tolist()
    return chosen


def match_clips(
    vggsound: VggSound,
    table: Iterable[SoundingClass],
    val_fraction: float,
    audible: Mapping[str, Collection[str]] | None = None,
) -> tuple[list[Clip], list[Rejection]]:
    """Return the clips whose label sounds like a class, sorted by id, and those kept out.

    A YouTube id that VGGSound lists in both splits is used for test alone, so that no video
    crosses a subset. A clip whose file has vanished is returned with the path None: it counts as
    vanished when an object asks for it, as it would if it had to be fetched.
    `audible` gives, for the clips that somebody has listened to, the labels that can be heard: a
    clip whose own label is not among them is kept out.
    """
    class_of = {label: row.name for row in table for label in row.labels}
    tested = {row.youtube_id for row in vggsound.rows if row.split == "test"}
    val = _val_videos([row.youtube_id for row in vggsound.rows], val_fraction)
    clips, rejections = [], []
    for row in vggsound.rows:
        clip_id = row.clip_id
        if row.split == "train" and row.youtube_id in tested:
            rejections.append(Rejection("clip", clip_id, Reason.CLIP_IN_BOTH_SPLITS))
            continue
        if audible is not None and row.label not in audible.get(clip_id, {row.label}):
            rejections.append(Rejection("clip", clip_id, Reason.CLIP_INAUDIBLE))
            continue
        path = vggsound.paths.get(clip_id)
        category = class_of[row.label]
        subset: Subset = "val" if row.youtube_id in val else "train"
        subset = "test" if row.split == "test" else subset
        clips.append(Clip(clip_id, row.youtube_id, row.label, category, subset, path))
    return clips, rejections


def _val_videos(youtube_ids: Sequence[str], val_fraction: float) -> set[str]:
    """Return those of VGGSound's train videos that go to val."""
    keys = np.fromiter(map(text_key, youtube_ids), np.uint64, len(youtube_ids))
    draws = unit(mix("clip subset", keys)).tolist()
    return {name for name, draw in zip(youtube_ids, draws, strict=True) if draw < val_fraction}
