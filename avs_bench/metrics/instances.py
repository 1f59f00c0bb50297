"""Instances by ear: which of several alike a model takes for the one that sounds.

A question is a class of which one object is heard and others are in the picture. The answer chooses
the object of which the largest share is predicted as the class; pixels that objects share say
nothing, so that whoever predicts all of them wins by chance. Average precision is COCO's (Lin et
al., arXiv 1405.0312): connected components of a class are what is detected, the mean probability of
an object is their score, rounded to twentieths, and objects that are heard are what is to be found.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import as_labels
from avs_bench.metrics.components import components
from avs_bench.metrics.counting import ratio
from avs_bench.metrics.figure import NOTHING_COUNTED, Figure
from avs_bench.metrics.record import SAME, Counts, Record, Scores, from_units, to_units
from vpo_builder.runtime.errors import InputError

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""COCO's levels of IoU."""
RECALLS = np.linspace(0, 1, 101)
"""COCO's places on the curve of precision."""
MOST_DETECTIONS = 100
"""Of a class in a picture, COCO's: those with the highest scores."""
STEPS = 20
"""Scores of detections are told apart in so many steps, for counts that add up."""
NO_QUESTION = "no picture has a silent object of a class that sounds"


@dataclass(frozen=True)
class SeenObjects:
    """The objects of a picture whose pixels are known: `masks` [N, H, W] and class indices [N].

    `heard` [N] are those that a right answer shows, by the sound that is given; `own` [N] those
    that sound in the dataset, which a probe may move.
    """

    masks: NDArray[np.bool_]
    classes: tuple[int, ...]
    heard: tuple[bool, ...]
    own: tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False)
class InstanceScores(Record):
    """Questions with what was chosen, and detections with what was found.

    `right_units` are answers that choose the heard object, `kept_units` those that choose the one
    that sounds in the dataset, and `chance_units` what a guess gets, in units of 2^-40: objects
    that are chosen alike share an answer. `objects` [classes] are to be found; `given` [classes,
    21] counts detections by score, and `found` [10, classes, 21] those of them that are right at
    each level of IoU.
    """

    classes: int = field(metadata=SAME)
    questions: int
    right_units: int
    kept_units: int
    chance_units: int
    objects: Counts
    given: Counts
    found: Counts

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        scores = (self.classes, STEPS + 1)
        return {
            "objects": (self.classes,),
            "given": scores,
            "found": (len(THRESHOLDS), *scores),
        }

    @classmethod
    def empty(cls, classes: int) -> "InstanceScores":
        """The record of nothing; `classes` counts background."""
        given = np.zeros((classes, STEPS + 1), np.int64)
        found = np.zeros((len(THRESHOLDS), *given.shape), np.int64)
        return cls(classes, 0, 0, 0, 0, np.zeros(classes, np.int64), given, found)

    @classmethod
    def of(
        cls, pred: Any, objects: SeenObjects, classes: int, confidence: Any = None
    ) -> "InstanceScores":
        """Count one picture: class indices [H, W], and how probable an object is [H, W], else 1.

        Raises InputError for arrays of other shapes.
        """
        labels = as_labels(pred, "pred")
        record = cls.of_choices(labels, objects, classes)
        shown = np.unique(labels)
        for label in shown.tolist():
            if not 0 <= label < classes:
                raise InputError(f"pred: expected class indices 0 to {classes - 1}, got {label}")
        sure = np.ones(labels.shape) if confidence is None else np.asarray(confidence, np.float64)
        if sure.shape != labels.shape:
            raise InputError(
                f"confidence: expected {list(labels.shape)} as pred, got {list(sure.shape)}"
            )
        empty = cls.empty(classes)
        wanted, given, found = (np.array(x) for x in (empty.objects, empty.given, empty.found))
        heard = np.array(objects.heard, bool)
        of_object = np.array(objects.classes, np.int64)
        np.add.at(wanted, of_object[heard], 1)
        for index in np.union1d(shown, of_object[heard]).tolist():
            if index == 0:
                continue
            truth = objects.masks[heard & (of_object == index)]
            scores, matched = _matched(labels == index, sure, truth)
            np.add.at(given[index], scores, 1)
            for level, right in enumerate(matched):
                np.add.at(found[level, index], scores[right], 1)
        return record + cls(classes, 0, 0, 0, 0, wanted, given, found)

    @classmethod
    def of_choices(cls, pred: Any, objects: SeenObjects, classes: int) -> "InstanceScores":
        """Count what one picture's class indices [H, W] choose, and no detections."""
        labels = as_labels(pred, "pred")
        if objects.masks.shape[1:] != labels.shape:
            raise InputError(
                f"pred: expected {list(objects.masks.shape[1:])} as the objects' masks, got "
                f"{list(labels.shape)}"
            )
        of_object, heard = np.array(objects.classes), np.array(objects.heard)
        own, questions, credit = np.array(objects.own), 0, np.zeros(3)
        for index in sorted(set(objects.classes)):
            alike = of_object == index
            if heard[alike].sum() != 1 or alike.sum() < 2:
                continue
            questions += 1
            share = chosen(labels == index, objects.masks[alike])
            credit += (share[heard[alike]].sum(), share[own[alike]].sum(), 1 / alike.sum())
        right, kept, chance = to_units(credit).tolist()
        empty = cls.empty(classes)
        counts = (empty.objects, empty.given, empty.found)
        return cls(classes, questions, right, kept, chance, *counts)


def chosen(pred: NDArray[np.bool_], masks: NDArray[np.bool_]) -> Scores:
    """Return how far a mask [H, W] chooses each of several objects [N, H, W]: at most 1 in sum.

    The one with the largest predicted share of its own pixels is chosen; several share the choice.
    """
    alone = masks & (masks.sum(axis=0) == 1)
    judged = np.where(alone.any(axis=(1, 2), keepdims=True), alone, masks)
    shares = ratio((judged & pred).sum(axis=(1, 2)), judged.sum(axis=(1, 2)), empty=0.0)
    best = (shares == shares.max()) & (shares > 0)
    return ratio(best, best.sum(), empty=0.0)


def _matched(
    pred: NDArray[np.bool_], sure: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[Counts, NDArray[np.bool_]]:
    """Return the score of each detection in steps [D], and whether each level has it right [10, D].

    As COCO: from the highest score down each takes the object that is free and overlaps it most.
    """
    found = components(pred)
    scores = np.array([sure.ravel()[places].mean() for places in found])
    best = np.argsort(-scores, stable=True)[:MOST_DETECTIONS]
    ious = np.array([_ious(found[n], truth) for n in best]).reshape(len(best), len(truth))
    right = np.zeros((len(THRESHOLDS), len(best)), bool)
    for level, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(truth), bool)
        for place, overlaps in enumerate(ious):
            able = np.where(free & (overlaps >= threshold), overlaps, 0.0)
            if able.any():
                free[np.flatnonzero(able == able.max())[-1]] = False  # the last of equals, as COCO
                right[level, place] = True
    steps = np.rint(np.clip(scores[best], 0, 1) * STEPS).astype(np.int64)
    return steps, right


def _ious(places: NDArray[np.intp], truth: NDArray[np.bool_]) -> Scores:
    flat = truth.reshape(len(truth), truth.shape[1] * truth.shape[2])
    both = flat[:, places].sum(axis=1)
    return np.asarray(both / (flat.sum(axis=1) + len(places) - both))


_CHOICE = (
    "classes of which one object is heard and others are silent in the picture; the largest "
    "predicted share of an object's own pixels chooses it, and none is no answer"
)
_AP = (
    "COCO's, of the objects that are heard: components of a class by mean probability in "
    "twentieths, mean over the classes that sound"
)


def accuracy_instances(scores: InstanceScores) -> Figure:
    """Share of questions in which the object is chosen that is heard."""
    return _share("accuracy_instances", scores, scores.right_units, _CHOICE)


def kept_instances(scores: InstanceScores) -> Figure:
    """Share of questions in which the object is chosen that sounds in the dataset."""
    rules = f"chosen is the object of the sound that the dataset has; {_CHOICE}"
    return _share("kept_instances", scores, scores.kept_units, rules)


def chance_instances(scores: InstanceScores) -> Figure:
    """Share of questions that a guess between the objects of the class gets right."""
    return _share("chance_instances", scores, scores.chance_units, _CHOICE)


def ap_instances(scores: InstanceScores) -> Figure:
    """COCO's AP of the heard objects, mean over IoU 0.5, 0.55 … 0.95."""
    return _ap("ap_instances", scores, f"IoU 0.5 to 0.95; {_AP}", len(THRESHOLDS))


def ap50_instances(scores: InstanceScores) -> Figure:
    """COCO's AP of the heard objects at IoU 0.5."""
    return _ap("ap50_instances", scores, f"IoU 0.5; {_AP}", 1)


def _share(name: str, scores: InstanceScores, units: int, rules: str) -> Figure:
    value = float(ratio(from_units(units), scores.questions, empty=np.nan))
    return Figure(name, value, rules, "" if scores.questions else NO_QUESTION)


def _ap(name: str, scores: InstanceScores, rules: str, levels: int) -> Figure:
    sounding = scores.objects > 0
    if not sounding.any():
        return Figure(name, np.nan, rules, NOTHING_COUNTED)
    found = scores.found[:levels, sounding, ::-1].cumsum(axis=-1)
    given = scores.given[sounding, ::-1].cumsum(axis=-1)
    recall = found / scores.objects[sounding, None]
    precision = np.maximum.accumulate(ratio(found, given, empty=0.0)[..., ::-1], axis=-1)[..., ::-1]
    passed = np.searchsorted(RECALLS, recall, side="right")  # places up to each step's recall
    places = np.diff(passed, prepend=0)
    value = (precision * places).sum(axis=-1).mean() / len(RECALLS)
    return Figure(name, float(value), rules)
