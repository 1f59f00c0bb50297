"""Sound localisation's figures of segmentations: cIoU, AUC and, of two sounds, IIoU.

Senocak et al. (*Learning to Localize Sound Source in Visual Scenes*, CVPR 2018) brought cIoU and
AUC; IIoU, success on a picture only if it succeeds with each of its sounds, is of Senocak et al.
(*Aligning Sight and Sound*, arXiv 2407.13676), whose evaluation on VPO these rules are.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.counting import ratio
from avs_bench.metrics.figure import NOTHING_COUNTED, Figure
from avs_bench.metrics.record import Counts, Record

STEPS = 21
LEVELS: NDArray[np.floating] = 0.05 * np.arange(STEPS)
"""From 0 to 1: an answer is a hit at every level that its IoU reaches."""
HALF = 10
"""The place of 0.5 among the levels."""

Border = Literal["half", "adaptive", "mask"]
"""What a heat map's object is: its warmer half; as many pixels as are true; above 0.5."""


@dataclass(frozen=True, slots=True, eq=False)
class Hits(Record):
    """How many answers there are, and how many reach each of the levels [21] of IoU."""

    answers: int
    reached: Counts

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every field that is an array."""
        return {"reached": (STEPS,)}

    @classmethod
    def of(cls, heat: Any, target: Any, border: Border, ignore: int) -> "Hits":
        """Count frames: probabilities of an object [T, H, W], and labels of which 0 is none.

        Ignored pixels are neither predicted nor true. A frame in which nothing is either reaches
        no level, and one that is ignored throughout is no answer.
        """
        reached, answers = np.zeros(STEPS, np.int64), 0
        for values, labels in zip(heat, target, strict=True):
            counted = labels != ignore
            answers += bool(counted.any())
            true = counted & (labels != 0)
            predicted = counted & (values > _threshold(values, int(true.sum()), border))
            iou = ratio((predicted & true).sum(), (predicted | true).sum(), empty=math.nan)
            reached += iou >= LEVELS
        return cls(answers, reached)


def _threshold(values: NDArray[Any], area: int, border: Border) -> float:
    if border == "mask":
        return 0.5
    area = area if border == "adaptive" and area else values.size - values.size // 2
    place = values.size - area
    return float(np.partition(values, place, axis=None)[place])


def ciou(name: str, rules: str, hits: Hits) -> Figure:
    """Return the share of answers whose IoU is 0.5 or more."""
    return _shares(name, rules, ratio(hits.reached, hits.answers, empty=math.nan), auc=False)


def ciou_auc(name: str, rules: str, hits: Hits) -> Figure:
    """Return the area below the share of hits over the levels from 0 to 1."""
    return _shares(name, rules, ratio(hits.reached, hits.answers, empty=math.nan), auc=True)


def by_picture(answers: Iterable[tuple[str, Hits]]) -> Sequence[Hits]:
    """Return what each picture that is heard with several sounds reaches with the worst of them."""
    pictures: dict[str, list[Hits]] = {}
    for picture, hits in answers:
        if picture and hits.answers:
            pictures.setdefault(picture, []).append(hits)
    several = [hits for hits in pictures.values() if len(hits) > 1]
    return [Hits(1, np.min([one.reached for one in hits], axis=0)) for hits in several]


def _shares(name: str, rules: str, shares: NDArray[np.float64], *, auc: bool) -> Figure:
    value = float(np.trapezoid(shares, LEVELS) if auc else shares[HALF])
    return Figure(name, value, rules, NOTHING_COUNTED if math.isnan(value) else "")
