"""What cannot be in a result that an evaluation wrote. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec
import numpy as np

from avs_bench.data.class_map import ClassMap
from avs_bench.metrics import (
    FrameScores,
    InstanceScores,
    ListeningScores,
    VideoScores,
    blank_record,
)
from avs_bench.metrics.instances import MOST_DETECTIONS
from avs_bench.metrics.record import UNITS_PER_ONE, Record
from avs_bench.results.items import ScoredItem
from avs_bench.results.records import ProbedSet, Result, ScoredSet
from avs_bench.results.tally import tally_of
from vpo_builder.dataset.schema import IGNORE

MAX_PIXELS = 2**31
"""Of one picture. With MAX_FRAMES, no sum of counts leaves an int64."""
MAX_FRAMES = 2**22
"""Of one set: each adds up to 2^40 units to a sum of scores (`metrics.record`)."""
MOST_COST = 10**18
"""Parameters or FLOPs: a thousand times what anybody has trained."""


def faults(result: Result) -> Iterator[str]:
    """Yield what is wrong, one line each; what comes later may rely on what came before."""
    yield from _faults_of_labels(result)
    if not 0 < len(result.classes) <= IGNORE:
        yield f"{len(result.classes)} classes, expected 1 to {IGNORE}"
        return
    if result.class_map is not None:
        yield from _faults_of_class_map(result.class_map, result.classes)
    if not result.sets or result.sets[0].family in ("instances", "listening"):
        yield "no family was scored that is the dataset's own"
    for title, names in (
        ("class", result.classes),
        ("family", [kept.family for kept in result.sets]),
        ("probe", [probed.probe for probed in result.probes]),
    ):
        yield from (f"{title} {name!r} twice" for name in _repeated(names))
    for kept in result.sets:
        yield from _faults_of_set(kept, result)
    for probed in result.probes:
        yield from _faults_of_probe(probed, result)


def _faults_of_labels(result: Result) -> Iterator[str]:
    for what, name in (("checkpoint", result.checkpoint), ("dataset", result.dataset)):
        if not name or name.startswith(".") or re.search(r"[/\\\0]", name):
            yield f"{what} {name!r} is no name"
    hashes = {
        "checkpoint_sha256": result.checkpoint_sha256,
        "dataset_sha256": result.dataset_sha256,
        "trained_on_sha256": result.trained_on_sha256,
    }
    for what, value in hashes.items():
        unknown = what == "trained_on_sha256" and not value  # of published weights
        if not unknown and not re.fullmatch("[0-9a-f]{64}", value):
            yield f"{what} {value[:80]!r} is no sha256"
    if (seen := result.seen) and not 0 <= min(seen.train, seen.val) <= max(
        seen.train, seen.val
    ) <= seen.of:
        yield f"training has seen {seen}"
    if result.epochs < 0:
        yield f"{result.epochs} epochs"
    if not isinstance(result.settings.get("train", {}), dict):
        yield "its settings have no group train"
    cost = result.cost
    if cost and not (0 <= cost.parameters < MOST_COST and 0 <= cost.flops < MOST_COST):
        yield f"a model of {cost.parameters} parameters and {cost.flops} FLOPs"
    yield from _faults_of_tally(result)


def _faults_of_tally(result: Result) -> Iterator[str]:
    try:
        tally = tally_of(result)
    except (msgspec.ValidationError, RecursionError) as error:
        yield f"its settings do not say how answers were read: {error}"
        return
    if tally and any(one.probes for one in tally.probes.values()):
        yield "its settings tell of answers to probes of probes"


def _faults_of_class_map(class_map: ClassMap, classes: tuple[str, ...]) -> Iterator[str]:
    indices = range(len(classes))
    whole = (
        class_map.classes == classes
        and len(class_map.of_model) == len(class_map.model_classes) > 1
        and len(class_map.of_data) == len(class_map.data_classes) > 1
        and class_map.of_model[0] == class_map.of_data[0] == 0
        and set(class_map.of_model) == set(indices)
        and set(class_map.of_data) - {IGNORE} == set(indices)
    )
    if not whole or not class_map.rule.isprintable() or class_map.left_out < 0:
        yield f"its class map {class_map.rule[:80]!r} does not fit its classes"


def _faults_of_set(kept: ScoredSet, result: Result) -> Iterator[str]:
    if kept.classes != len(result.classes):
        yield f"counts of {kept.classes} classes, but {len(result.classes)} are named"
        return
    if not kept.items:
        yield f"no item in family {kept.family}"
    yield from (f"item {name!r} twice" for name in _repeated(kept.item_ids))
    length, frames = blank_record(kept.family, kept.classes).vector().size, 0
    for item in kept.items:
        if not _are_counts(item, length):
            yield f"item {item.item_id!r} has counts that are no counts"
            return
        if kept.family == "dataset":  # of which there may be many, and a matrix each
            frames, fit = frames + 1, sum(item.counts[1::2]) <= MAX_PIXELS
        else:
            record = kept.record(item)
            frames, fit = frames + getattr(record, "frames", 1), _fits(record)
        if not fit:
            yield f"item {item.item_id!r} has counts that do not fit each other"
    if frames > MAX_FRAMES:
        yield f"{frames} pictures, expected at most {MAX_FRAMES}"


def _faults_of_probe(probed: ProbedSet, result: Result) -> Iterator[str]:
    for kept in (probed.answer, probed.labelled):
        if kept.family != "dataset":
            yield f"probe {probed.probe!r} counted in family {kept.family}, expected dataset"
            return
        yield from _faults_of_set(kept, result)
    right = next((kept for kept in result.sets if kept.family == "dataset"), None)
    known = dict[str, object]() if right is None else labels_by_item(right)
    asked = labels_by_item(probed.labelled)
    if set(probed.answer.item_ids) != asked.keys() or not asked.items() <= known.items():
        yield f"probe {probed.probe!r} has other items than the scores with the right sound"
    if chosen := probed.instances:
        yield from _faults_of_set(chosen, result)
        if chosen.family != "instances" or not set(chosen.item_ids) <= asked.keys():
            yield f"probe {probed.probe!r} has instances of other items than it asked"


def labels_by_item(kept: ScoredSet) -> dict[str, object]:
    """Return what the counts of each item say of the data alone, whatever was predicted.

    Equal for every model on one build of a dataset: the item's unit, and its labelled pixels by
    class, its number of frames, or of sounds with what one answer to all of them would score.
    """
    if kept.family == "dataset":
        return {i.item_id: (i.unit, _labelled_pixels(i, kept.classes)) for i in kept.items}
    return {item.item_id: (item.unit, _labels(kept.record(item))) for item in kept.items}


def _labelled_pixels(item: ScoredItem, classes: int) -> tuple[int, ...]:
    """Return the pixels of each class in the mask: the sums of the rows of a `Confusion`."""
    pixels = [0] * classes
    for place, count in zip(item.counts[::2], item.counts[1::2], strict=True):
        pixels[place // classes] += count
    return tuple(pixels)


def _labels(record: Record) -> tuple[int, ...]:
    if isinstance(record, VideoScores):
        return record.frames, record.frames_with_object
    if isinstance(record, InstanceScores):
        return record.questions, record.chance_units, *record.objects.tolist()
    if isinstance(record, ListeningScores):
        return record.sounds, record.deaf_hits, record.deaf_iou_units
    assert isinstance(record, FrameScores), "every family is known"
    return (record.frames,)


def _are_counts(item: ScoredItem, length: int) -> bool:
    places, values = item.counts[::2], item.counts[1::2]
    rising = all(a < b for a, b in pairwise(places))
    inside = not places or (places[0] >= 0 and places[-1] < length)
    return len(places) == len(values) and rising and inside and all(0 < v < 2**62 for v in values)


def _fits(record: Record) -> bool:
    """Whether one picture or video can have been counted so, in another family than "dataset"."""
    if isinstance(record, FrameScores):
        most = record.frames_with_class.astype(object) * UNITS_PER_ONE
        units = (record.iou_units.astype(object), record.fscore_units.astype(object))
        seen = bool((record.frames_with_class <= record.frames).all())
        below = all(bool((u <= most).all()) for u in units)
        return 0 < record.frames <= MAX_FRAMES and seen and below
    if isinstance(record, InstanceScores):
        return _is_one_picture(record)
    if isinstance(record, ListeningScores):
        shares = max(record.iou_units, record.deaf_iou_units)
        counts = max(record.hits, record.deaf_hits)
        one = record.pictures == 1 and 2 <= record.sounds <= MAX_FRAMES
        return one and counts <= 1 and shares <= UNITS_PER_ONE
    assert isinstance(record, VideoScores), "every family is known"
    return _is_one_video(record)


def _is_one_picture(scores: InstanceScores) -> bool:
    units = (scores.right_units, scores.kept_units, scores.chance_units)
    most = np.minimum(scores.objects, scores.given.sum(axis=-1))
    return (
        scores.questions <= scores.classes
        and max(units) <= scores.questions * UNITS_PER_ONE
        and int(scores.given.max()) <= MOST_DETECTIONS
        and int(scores.objects.max()) <= MAX_FRAMES
        and bool((scores.found <= scores.given).all())
        and bool((scores.found.sum(axis=-1) <= most).all())
    )


def _is_one_video(video: VideoScores) -> bool:
    if not video.vector().any():  # every pixel of it is ignored
        return True
    if video.videos != 1 or not video.frames_with_object <= video.frames <= MAX_FRAMES:
        return False
    best = int(video.curve_units.max())
    return (
        video.frames > 0
        and video.frame_iou_units <= video.frames * UNITS_PER_ONE
        and best <= video.frames_with_object * UNITS_PER_ONE
        and video.video_iou_units == round(video.frame_iou_units / video.frames)
        and video.video_fscore_units == round(best / max(video.frames_with_object, 1))
    )


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)
