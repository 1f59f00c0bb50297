"""The figures in circulation that share a word and not a rule, each under a name of its own."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from avs_bench.metrics import variant_counts as counts
from avs_bench.metrics import variant_rules as rules
from avs_bench.metrics.boundaries import boundary_miou_dataset
from avs_bench.metrics.counting import BETA2, fscore_from_areas, iou_from_areas, nan_mean
from avs_bench.metrics.dataset_level import (
    f03_dataset,
    f1_dataset,
    j_and_f_dataset,
    miou_dataset,
    miou_foreground_dataset,
)
from avs_bench.metrics.families import j_and_f_official
from avs_bench.metrics.figure import NOTHING_COUNTED, Figure
from avs_bench.metrics.localisation import Border, Hits, by_picture, ciou, ciou_auc
from avs_bench.metrics.per_frame import fscore_frame, j_and_f_frame, miou_frame
from avs_bench.metrics.per_video import f_video, f_video_official, j_video, official_batches
from avs_bench.metrics.variants import Counted, Variant
from avs_bench.names import Family

_TOOLKIT = "this toolkit"
_CAVP = "CAVP: VPO, Single+"
_JF = "VPO's papers since 2024"
_DDESEG_CODE = "DDESeg"
_OFFICIAL = "AVSBench: AVSS"
_TPAVI = "AVSBench: S4, MS3"
_BATCHES = "AVSBench, with another test batch"
_SAM = "AuralSAM2: foreground IoU"
_SSL = "sound localisation: SSLalignment"

AT_224 = f"predictions and masks at {counts.SIDE} x {counts.SIDE}, by the nearest pixel"
_PADDED = (
    f"clips of fewer than {counts.CLIP_FRAMES} frames filled up with frames of nothing but "
    "background, which count as right"
)
_DDESEG = (
    "pixels of each class added up over the whole set; ignored pixels not counted; mean over the "
    f"classes that are predicted or true somewhere, background included; {AT_224}"
)


def _under(name: str, figure: Callable[[Any], Figure], *more: str) -> Callable[[Any], Figure]:
    """Return a figure under another name, with more rules."""

    def renamed(record: Any) -> Figure:
        one = figure(record)
        return Figure(name, one.value, "; ".join([one.rules, *more]), one.note)

    return renamed


def _ddeseg(name: str, beta2: float | None) -> Callable[[Any], Figure]:
    """Return DDESeg's mean IoU, or its mean F of each class's precision and recall."""

    def figure(confusion: Any) -> Figure:
        areas, told = confusion.areas, _DDESEG
        if beta2 is None:
            union = areas[1] + areas[2] - areas[0]
            scores = np.where(union > 0, iou_from_areas(areas), np.nan)
        else:
            scores = fscore_from_areas(areas, beta2, empty=np.nan)
            told += f"; beta squared = {beta2:g}"
        note = "" if confusion.pixels else NOTHING_COUNTED
        return Figure(name, float(nan_mean(scores)), told, note)

    return figure


def _dataset_level() -> tuple[Variant, ...]:
    plain, small = counts.whole, counts.whole_small
    ious, f1s, f03s = rules.DATASET_IOU, rules.DATASET_F1, rules.DATASET_F03
    own = (
        ("miou_dataset", _CAVP, ious, miou_dataset),
        (
            "miou_foreground_dataset",
            _TOOLKIT,
            rules.without_background(ious),
            miou_foreground_dataset,
        ),
        ("f1_dataset", _CAVP, f1s, f1_dataset),
        ("f03_dataset", _CAVP, f03s, f03_dataset),
        ("j_and_f_dataset", _JF, rules.DATASET_JF, j_and_f_dataset),
    )
    theirs = (
        ("miou_dataset_ddeseg", rules.occurring(ious), None),
        ("f1_dataset_ddeseg", f1s, 1.0),
        ("f03_dataset_ddeseg", f03s, BETA2),
    )
    return (
        *(Variant(name, by, rule, plain, figure) for name, by, rule, figure in own),
        *(
            Variant(name, _DDESEG_CODE, rules.at_side(rule, 224), small, _ddeseg(name, beta2))
            for name, rule, beta2 in theirs
        ),
    )


def _per_frame() -> tuple[Variant, ...]:
    iou, f = rules.FRAME_IOU, rules.FRAME_F
    square = (("miou_frame", iou, miou_frame), ("fscore_frame", f, fscore_frame))
    return (
        Variant("miou_frame", _TOOLKIT, iou, counts.frames, miou_frame),
        Variant("fscore_frame", _TOOLKIT, f, counts.frames, fscore_frame),
        Variant("j_and_f_frame", _TOOLKIT, rules.FRAME_JF, counts.frames, j_and_f_frame),
        *(
            Variant(
                f"{name}_224",
                _TOOLKIT,
                rules.at_side(rule, 224),
                counts.frames_small,
                _under(f"{name}_224", figure, AT_224),
            )
            for name, rule, figure in square
        ),
        *(
            Variant(
                f"{name}_padded_224",
                _OFFICIAL,
                rules.padded(rules.at_side(rule, 224)),
                counts.frames_small_padded,
                _under(f"{name}_padded_224", figure, AT_224, _PADDED),
                only="frame",
            )
            for name, rule, figure in square
        ),
    )


def _per_video() -> tuple[Variant, ...]:
    j, f = rules.VIDEO_J, rules.VIDEO_F
    whole_set = f.but(
        mean="over all frames that show an object",
        border=f.border.replace("its video", "the whole set"),
        empty="is left out",
    )
    name = "j_video_foreground_1024"
    at = f"predictions and masks at {counts.SAM_SIDE} x {counts.SAM_SIDE}, by the nearest pixel"
    return (
        Variant("j_video", _TPAVI, j, counts.video, j_video),
        Variant("f_video_official", _TPAVI, f, counts.video, f_video_official),
        Variant("j_and_f_video", _TPAVI, rules.VIDEO_JF, counts.video, j_and_f_official),
        *(
            Variant(
                f"{letter}_video_official_batch_{size or 'all'}",
                _BATCHES,
                rules.in_batches(rule, f"a batch of {size} videos" if size else "the whole set"),
                counts.video,
                partial(_in_batches, place, size),
                apart=True,
            )
            for size in (4, 0)
            for place, (letter, rule) in enumerate((("j", j), ("f", f)))
        ),
        Variant("f_video", _TOOLKIT, whole_set, counts.video, f_video),
        Variant(
            name,
            _SAM,
            rules.at_side(j, counts.SAM_SIDE),
            counts.video_large,
            _under(name, j_video, at),
        ),
    )


def _in_batches(which: int, size: int, clips: Sequence[Counted]) -> Figure:
    """Return J (0) or F (1) of batches of so many videos (0: of all)."""
    videos: list[Any] = [record for _, record in clips]
    if not any(video.videos for video in videos):
        name = f"{'jf'[which]}_video_official_batch_{size or 'all'}"
        return Figure(name, math.nan, "published code in batches", NOTHING_COUNTED)
    made = official_batches(videos, size or len(videos))[which]
    name = made.name if size else f"{'jf'[which]}_video_official_batch_all"
    return Figure(name, made.value, made.rules, made.note)


BORDERS: tuple[tuple[Border, str, str], ...] = (
    ("half", "", "in the half of the picture that is most probable"),
    ("adaptive", "_adaptive", "among as many most probable pixels as are true"),
    ("mask", "_mask", "where an object is more probable than not"),
)
_SHARE = "the share of answers whose IoU is 0.5 or more"
_AREA = "the area below the share of answers that reach an IoU, over that IoU"


def _localisation() -> tuple[Variant, ...]:
    return tuple(
        variant for border, ending, where in BORDERS for variant in _hits(border, ending, where)
    )


def _hits(border: Border, ending: str, where: str) -> tuple[Variant, ...]:
    """Return cIoU, AUC, IIoU and its AUC of heat maps that are cut in one way."""
    count = counts.hits(border)
    single = rules.at_side(rules.VIDEO_J, 224).but(
        value=_SHARE, mean="over frames", border=where, empty="reaches no IoU"
    )
    each = single.but(mean="over pictures with several sounds, each as its worst answer does")
    kinds = (
        ("ciou", single, ciou, False),
        ("ciou_auc", single.but(value=_AREA), ciou_auc, False),
        ("iiou", each, ciou, True),
        ("iiou_auc", each.but(value=_AREA), ciou_auc, True),
    )
    return tuple(
        Variant(
            f"{kind}_frame{ending}",
            _TOOLKIT if border == "mask" else _SSL,
            rule,
            count,
            partial(
                _of_pictures if apart else _of_hits,
                f"{kind}_frame{ending}",
                f"{rule.value}, {rule.mean}; {where}; {AT_224}",
                make,
            ),
            apart=apart,
        )
        for kind, rule, make, apart in kinds
    )


def _of_hits(name: str, told: str, make: Callable[[str, str, Hits], Figure], hits: Hits) -> Figure:
    return make(name, told, hits)


def _of_pictures(
    name: str, told: str, make: Callable[[str, str, Hits], Figure], clips: Sequence[Counted]
) -> Figure:
    """Return a figure over the pictures that are heard with several sounds."""
    answers: list[tuple[str, Any]] = list(clips)
    pictures = by_picture(answers)
    if not pictures:
        counted = any(hits.answers for _, hits in answers)
        none = "no picture is heard with several sounds" if counted else NOTHING_COUNTED
        return Figure(name, math.nan, told, none)
    first, *others = pictures
    return make(name, told, sum(others, first))


_BOUNDARY = Variant(
    "boundary_miou_dataset",
    "Cheng et al. 2021, here by class",
    rules.without_background(rules.occurring(rules.DATASET_IOU)).but(
        value="the IoU of what is near the outlines"
    ),
    counts.boundaries,
    boundary_miou_dataset,
)

VARIANTS: tuple[Variant, ...] = (
    *_dataset_level(),
    *_per_frame(),
    *_per_video(),
    *_localisation(),
    _BOUNDARY,
)
"""Every variant, those of one code together; the first of a family and a word is the family's."""


def variants_for(family: Family) -> tuple[Variant, ...]:
    """Return the variants that mean something on a dataset of a family."""
    return tuple(one for one in VARIANTS if one.only in (None, family))
