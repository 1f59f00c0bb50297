"""The listening score: how far the mask follows the sound while the picture stays the same.

A group is one picture with two sounds or more, each with the mask of what is heard in it. A model
that ignores the sound gives one mask to all of them, and what the best of such masks would reach is
computed from the masks alone. The score is what a model gains above that, as a share of what there
is to gain: 0 for every model that ignores the sound, 1 for one without an error.

What a sound scores is its IoU: pixels of the right class over pixels where anything is predicted or
heard. Where nothing in the picture is heard (the sound of something else) there is no IoU; such a
sound scores 1 less the predicted pixels over those of all objects of the group, at least 0.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import Labels, as_labels, check_same_shape
from avs_bench.metrics.counting import ratio
from avs_bench.metrics.figure import Figure
from avs_bench.metrics.record import Counts, Record, Scores, from_units, to_units
from vpo_builder.runtime.errors import InputError

SUCCESS = 0.5
"""A sound has found its object above this IoU, detection's usual one."""
MOST_DEAF_MASKS = 2**12
"""So many masks are tried for the best one that ignores the sound (2^12: twelve objects)."""
IGNORE = 255
NO_GROUP = "no picture with several sounds: nothing to hear apart"


@dataclass(frozen=True, slots=True, eq=False)
class ListeningScores(Record):
    """What groups of one picture and several sounds score, and the best that ignores the sound.

    `hits` counts pictures in which every sound scores above SUCCESS, `deaf_hits` those in which one
    mask can do that for any two of the sounds, so it may for all; `iou_units` and `deaf_iou_units`
    sum the pictures' mean scores over their sounds in units of 2^-40.
    """

    pictures: int
    sounds: int
    hits: int
    deaf_hits: int
    iou_units: int
    deaf_iou_units: int

    @classmethod
    def of(cls, pred: Any, target: Any, ignore: int = IGNORE) -> "ListeningScores":
        """Score one group: class indices [sounds, H, W], background 0, by sound.

        Pixels that carry the label `ignore` in any target are left out. A group without an object,
        or whose targets are all the same, asks nothing: it gives the record of no picture. Raises
        InputError for other shapes and types.
        """
        answers, labels = as_labels(pred, "pred"), as_labels(target, "target")
        check_same_shape(answers, labels)
        if labels.ndim != 3 or len(labels) < 2:
            raise InputError(
                f"listening: expected [sounds, H, W] with two sounds or more, got "
                f"{list(labels.shape)}"
            )
        counted = ~(labels == ignore).any(axis=0)
        answers, labels = answers[:, counted], labels[:, counted]
        if not labels.any() or (labels == labels[:1]).all():
            return cls.empty()
        reached = sound_scores(answers, labels)
        return cls(
            pictures=1,
            sounds=len(labels),
            hits=int((reached > SUCCESS).all()),
            deaf_hits=int(one_mask_may_do(labels)),
            iou_units=int(to_units(reached.mean())),
            deaf_iou_units=int(to_units(deaf_scores(labels).mean(axis=1).max())),
        )

    @classmethod
    def empty(cls) -> "ListeningScores":
        """The record of no picture."""
        return cls(0, 0, 0, 0, 0, 0)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array: there is none."""
        return {}


def sound_scores(pred: Labels, target: Labels) -> Scores:
    """Return what each sound scores, in [0, 1]: class indices [sounds, pixels], background 0."""
    weights = np.ones(target.shape[1], np.int64)
    scores: Scores = _scores(pred[None], target, weights)[0]
    return scores


def one_mask_may_do(target: Labels) -> bool:
    """Tell whether for every two of the sounds some mask scores above a half for both.

    False proves that no mask does for all of them; with two sounds true proves that one does (up to
    a pixel). For masks with `own` pixels each beside `alike` of one label in both and `unlike` of
    two labels, both IoUs above a half are linear conditions on the predicted shares of these, and
    they have a common solution where |own - own'| - unlike < 3 alike, with alike > 0.
    """
    objects = int((target > 0).any(axis=0).sum())
    for one, other in itertools.combinations(target, 2):
        if not (one.any() and other.any()):
            if max(np.count_nonzero(one), np.count_nonzero(other)) >= objects:
                return False  # its half is half of all objects, and the other wants less
            continue
        alike = np.count_nonzero((one == other) & (one > 0))
        unlike = np.count_nonzero((one > 0) & (other > 0)) - alike
        apart = abs(np.count_nonzero(one) - np.count_nonzero(other))  # as |own - own'|
        if not alike or apart - unlike >= 3 * alike:
            return False
    return True


def deaf_scores(target: Labels) -> Scores:
    """Return what masks that ignore the sound score: [masks, sounds], with the best among them.

    Pixels that have the same label in every target are one part. The mean score is convex in what
    share of a part is predicted (each IoU is linear or falls as 1/x), so the best mask predicts
    each part whole or not at all, as one of its labels: all such masks are tried. Where they are
    more than MOST_DEAF_MASKS the largest parts are tried so, and the smallest, which are specks of
    overlap, are then decided one by one.
    """
    columns, area = _parts(target)
    order = np.argsort(-area, stable=True)
    columns, area = columns[:, order], area[order]
    choices = [sorted({0, *column.tolist()}) for column in columns.T]
    tried, masks = 0, 1
    while tried < len(choices) and masks * len(choices[tried]) <= MOST_DEAF_MASKS:
        masks *= len(choices[tried])
        tried += 1
    found = np.zeros((masks, len(choices)), target.dtype)
    found[:, :tried] = list(itertools.product(*choices[:tried]))
    scores = _scores(found[:, None], columns, area)
    best = found[int(scores.mean(axis=1).argmax())]
    extra = [
        _scores(mask[None, None], columns, area)
        for mask in _refined(best, choices, tried, columns, area)
    ]
    return np.concatenate([scores, *extra])


def _parts(target: Labels) -> tuple[Labels, Counts]:
    """Return the columns that occur and are no background alone, and how often each does.

    Row by row, as `np.unique(axis=1)` takes a second for one photograph.
    """
    target = target[:, target.any(axis=0)]
    codes: Counts = np.zeros(target.shape[1], np.int64)
    for row in target:
        codes = np.unique(codes * (int(target.max()) + 1) + row, return_inverse=True)[1]
    _, places, area = np.unique(codes, return_index=True, return_counts=True)
    return target[:, places], area


def _refined(
    mask: Labels, choices: list[list[int]], first: int, columns: Labels, area: Counts
) -> Iterator[Labels]:
    """Give the masks that decide the parts from `first` on one by one, each at its best."""
    for part in range(first, len(choices)):
        candidates = np.repeat(mask[None], len(choices[part]), axis=0)
        candidates[:, part] = choices[part]
        mask = candidates[int(_scores(candidates[:, None], columns, area).mean(axis=1).argmax())]
        yield mask


def _scores(pred: Labels, target: Labels, area: NDArray[np.int64]) -> Scores:
    """Return [masks, sounds]: `pred` [masks, sounds or 1, parts], `target` [sounds, parts]."""
    drawn = (pred > 0) @ area  # [masks, sounds or 1]
    heard = (target > 0) @ area
    right = ((pred == target) & (target > 0)) @ area
    both = ((pred > 0) & (target > 0)) @ area
    iou = ratio(right, drawn + heard - both, empty=0.0)
    objects = int(area @ (target > 0).any(axis=0))
    quiet = np.clip(1 - drawn / max(objects, 1), 0, None)
    return np.where(heard > 0, iou, quiet)


_WORDS = (
    "pictures with several sounds; a sound scores its IoU with the class right, one of which "
    "nothing is in the picture 1 less the predicted share of the objects' pixels; set against the "
    "best answer of all that ignore the sound, made from the masks"
)


def listening_score(scores: ListeningScores) -> Figure:
    """Share of pictures in which every sound finds its object, above what no ears would reach."""
    rules = f"every sound of a picture above {SUCCESS:g}; {_WORDS}"
    return _gained("listening_score", scores, scores.hits, scores.deaf_hits, rules)


def listening_score_soft(scores: ListeningScores) -> Figure:
    """Mean score of the sounds, above what the best answer without ears would reach."""
    reached, deaf = from_units(scores.iou_units), from_units(scores.deaf_iou_units)
    rules = f"mean over a picture's sounds, then over pictures; {_WORDS}"
    return _gained("listening_score_soft", scores, float(reached), float(deaf), rules)


def every_sound_listening(scores: ListeningScores) -> Figure:
    """Share of pictures in which every sound finds its object, with nothing taken off."""
    return _share("every_sound_listening", scores, scores.hits)


def deaf_listening(scores: ListeningScores) -> Figure:
    """Share of pictures in which one mask would do for all sounds."""
    return _share("deaf_listening", scores, scores.deaf_hits)


def _gained(name: str, scores: ListeningScores, own: float, deaf: float, rules: str) -> Figure:
    if not scores.pictures:
        return Figure(name, np.nan, rules, NO_GROUP)
    if deaf >= scores.pictures:
        return Figure(name, np.nan, rules, "one answer is right for all sounds")
    return Figure(name, max(0.0, (own - deaf) / (scores.pictures - deaf)), rules)


def _share(name: str, scores: ListeningScores, count: int) -> Figure:
    rules = f"every sound of a picture above {SUCCESS:g}; {_WORDS}"
    note = "" if scores.pictures else NO_GROUP
    return Figure(name, float(ratio(count, scores.pictures, empty=np.nan)), rules, note)
