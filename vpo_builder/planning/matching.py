"""Matches images and clips to subsets, and the clips to classes. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from vpo_builder.classes import SoundingClass, classes_of_labels
from vpo_builder.config import SubsetSettings
from vpo_builder.dataset.schema import Subset
from vpo_builder.records import Clip, ClipRow, Home, Reason, Rejection, SoundRow, Sounds
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
    sounds: Sounds,
    table: Iterable[SoundingClass],
    settings: SubsetSettings,
    audible: Mapping[str, Collection[str]] | None = None,
) -> tuple[list[Clip], list[Rejection]]:
    """Return the clips that sound like a class, sorted by id, and those kept out.

    A group (a video, an uploader) that is listed in both splits is used for test alone, so that
    it crosses no subset; which subset another gets is decided by its name. A clip that sounds
    like several classes is kept out. A clip whose file has vanished is returned with the path
    None: it counts as vanished when an object asks for it, as it would if it had to be fetched.
    `audible` gives, for the clips that somebody has listened to, the labels that can be heard: a
    clip whose own label is not among them is kept out.
    """
    class_of = classes_of_labels(table)
    subset_of = _subsets_of_groups(sounds.rows, settings)
    clips, rejections = [], []
    for row in sounds.rows:
        clip_id, subset = row.clip_id, subset_of[row.group]
        labels = [label for label in row.labels if label in class_of]
        if row.split == "train" and subset == "test":
            rejections.append(Rejection("clip", clip_id, Reason.CLIP_IN_BOTH_SPLITS))
        elif len({class_of[label] for label in labels}) > 1:
            rejections.append(Rejection("clip", clip_id, Reason.CLIP_OF_SEVERAL))
        elif audible is not None and labels[0] not in audible.get(clip_id, labels):
            rejections.append(Rejection("clip", clip_id, Reason.CLIP_INAUDIBLE))
        else:
            category, path = class_of[labels[0]], sounds.paths.get(clip_id)
            clips.append(Clip(clip_id, category, subset, path, begins=row.begins))
    return clips, rejections


def _subsets_of_groups(
    rows: Iterable[ClipRow | SoundRow], settings: SubsetSettings
) -> dict[str, Subset]:
    """Return the one subset of each group, by its splits and by hashes of its name."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row.group].add(row.split)
    keys = np.fromiter(map(text_key, splits), np.uint64, len(splits))
    val = unit(mix("clip subset", keys)) < settings.val_fraction
    test = unit(mix("clip in test", keys)) < settings.test_fraction
    chosen: dict[str, Subset] = {}
    draws = zip(splits.items(), val.tolist(), test.tolist(), strict=True)
    for (group, named), in_val, in_test in draws:
        tested = "test" in named or (in_test and "train" not in named)
        chosen[group] = "test" if tested else "val" if in_val else "train"
    return chosen
