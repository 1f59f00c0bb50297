"""Instances by ear: oracles score what the formulas say, and AP is pycocotools'."""

import contextlib
import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from avs_bench.metrics.components import components
from avs_bench.metrics.figure import NOTHING_COUNTED
from avs_bench.metrics.instances import (
    NO_QUESTION,
    InstanceScores,
    SeenObjects,
    accuracy_instances,
    ap50_instances,
    ap_instances,
    chance_instances,
    chosen,
    kept_instances,
)
from vpo_builder.runtime.errors import InputError

BIRD, CLASSES = 2, 4
Answer = Callable[[SeenObjects, int], NDArray[np.uint8]]


def box(left: int, right: int, top: int = 4, bottom: int = 16) -> NDArray[np.bool_]:
    mask = np.zeros((20, 60), bool)
    mask[top:bottom, left:right] = True
    return mask


def birds(number: int, heard: int) -> SeenObjects:
    """Birds in a row, of growing width, of which one is heard."""
    masks = np.stack([box(1 + 14 * place, 6 + 14 * place + place) for place in range(number)])
    asked = tuple(place == heard for place in range(number))
    return SeenObjects(masks, (BIRD,) * number, asked, asked)


def shown(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(masks.any(axis=0), BIRD, 0).astype(np.uint8)


def perfect(seen: SeenObjects, _: int) -> NDArray[np.uint8]:
    return shown(seen.masks[list(seen.heard)])


def everything(seen: SeenObjects, _: int) -> NDArray[np.uint8]:
    return shown(seen.masks)


def first(seen: SeenObjects, _: int) -> NDArray[np.uint8]:
    return shown(seen.masks[:1])


def other_side(seen: SeenObjects, _: int) -> NDArray[np.uint8]:
    return shown(seen.masks[list(seen.heard)[::-1]])


def random(seen: SeenObjects, seed: int) -> NDArray[np.uint8]:
    place = np.random.default_rng(seed).integers(len(seen.masks))
    return shown(seen.masks[place : place + 1])


def nothing(seen: SeenObjects, _: int) -> NDArray[np.uint8]:
    return shown(seen.masks[:0])


def scored(answer: Answer, numbers: tuple[int, ...] = (2, 3, 4)) -> InstanceScores:
    """What an answer scores when each of the birds of each picture is heard once."""
    asked = [birds(number, heard) for number in numbers for heard in range(number)]
    records = [InstanceScores.of(answer(x, n), x, CLASSES) for n, x in enumerate(asked)]
    return sum(records, InstanceScores.empty(CLASSES))


CHANCE = 3 / (2 + 3 + 4)  # a guess is right once for each picture of n birds heard n times
AP_OF_ALL = 9 / (4 + 9 + 16)  # the precision at every recall
AP_OF_FIRST = CHANCE * 34 / 101  # the precision at the places up to a recall of a third


@pytest.mark.parametrize(
    ("answer", "accuracy", "ap"),
    [
        (perfect, 1, 1),
        (everything, CHANCE, AP_OF_ALL),
        (first, CHANCE, AP_OF_FIRST),
        (nothing, 0, 0),
    ],
)
def test_oracles_score_what_the_formulas_say(answer: Answer, accuracy: float, ap: float) -> None:
    record = scored(answer)
    assert record.questions == 9
    assert float(accuracy_instances(record)) == pytest.approx(accuracy, abs=1e-9)
    assert float(chance_instances(record)) == pytest.approx(CHANCE, abs=1e-9)
    for figure in (ap50_instances, ap_instances):  # whole objects: all levels agree
        assert float(figure(record)) == pytest.approx(ap, abs=1e-9)


def test_one_who_hears_the_other_side_is_never_right_with_two_and_half_right_with_swapped() -> None:
    wrong = scored(other_side, (2,))
    assert float(accuracy_instances(wrong)) == float(ap50_instances(wrong)) == 0
    assert float(accuracy_instances(scored(other_side, (3,)))) == pytest.approx(1 / 3)


def test_a_guess_comes_near_chance_and_differs_by_seed() -> None:
    asked = [birds(3, heard) for heard in range(3) for _ in range(200)]
    records = [InstanceScores.of_choices(random(x, n), x, CLASSES) for n, x in enumerate(asked)]
    accuracy = float(accuracy_instances(sum(records, InstanceScores.empty(CLASSES))))
    assert accuracy == pytest.approx(1 / 3, abs=4 * (2 / 9 / 600) ** 0.5)


def test_what_is_kept_is_the_object_of_the_dataset_s_own_sound() -> None:
    moved = birds(2, 1)
    seen = SeenObjects(moved.masks, moved.classes, heard=(False, True), own=(True, False))
    record = InstanceScores.of_choices(perfect(seen, 0), seen, CLASSES)
    assert float(accuracy_instances(record)) == 1
    assert float(kept_instances(record)) == 0
    assert not record.objects.any()


def test_pixels_that_objects_share_choose_none_unless_they_have_no_others() -> None:
    left, right = box(0, 20), box(12, 32)
    masks = np.stack([left, right])
    assert chosen(left, masks).tolist() == [1, 0]
    assert chosen(left & right, masks).tolist() == [0, 0]
    inside = np.stack([left, box(5, 10)])
    assert chosen(inside[1], inside).tolist() == [0, 1]
    assert chosen(left, inside).tolist() == [0.5, 0.5]
    assert chosen(left, np.stack([left, box(0, 0)])).tolist() == [1, 0]  # of none nothing shows


def test_of_a_class_that_sounds_throughout_nothing_is_asked() -> None:
    seen = birds(2, 0)
    whole = SeenObjects(seen.masks, seen.classes, (True, True), (True, True))
    alone = SeenObjects(seen.masks, (BIRD, 1), seen.heard, seen.own)
    for one in (whole, alone):
        record = InstanceScores.of(perfect(one, 0), one, CLASSES)
        assert record.questions == 0
        assert np.isnan(float(accuracy_instances(record)))
        assert float(ap_instances(record)) == 1


def test_other_shapes_and_classes_are_refused() -> None:
    seen = birds(2, 0)
    with pytest.raises(InputError, match="expected \\[20, 60\\] as the objects"):
        InstanceScores.of_choices(np.zeros((20, 59), np.uint8), seen, CLASSES)
    with pytest.raises(InputError, match="confidence: expected"):
        InstanceScores.of(perfect(seen, 0), seen, CLASSES, np.ones((2, 2)))
    with pytest.raises(InputError, match="class indices 0 to 1, got 2"):
        InstanceScores.of(perfect(seen, 0), seen, 2)
    for counted in (InstanceScores.of, InstanceScores.of_choices):
        with pytest.raises(InputError, match=r"^pred: expected class indices"):
            counted(np.zeros((20, 60)), seen, CLASSES)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_components_are_those_that_a_flood_finds(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.45
    labels = np.zeros((height, width), int)
    flooded = []
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        edge, labels[start] = [start], len(flooded) + 1
        places = []
        while edge:
            row, column = edge.pop()
            places.append(row * width + column)
            for beside in np.ndindex(3, 3):
                at = (row + beside[0] - 1, column + beside[1] - 1)
                inside = 0 <= at[0] < height and 0 <= at[1] < width
                if inside and mask[at] and not labels[at]:
                    labels[at] = len(flooded) + 1
                    edge.append(at)
        flooded.append(sorted(places))
    assert sorted(sorted(found.tolist()) for found in components(mask)) == sorted(flooded)


def ap_of_coco(
    pictures: list[tuple[NDArray[np.uint8], NDArray[np.float64], SeenObjects]],
) -> tuple[float, float]:
    """AP and AP50 of pycocotools for connected components."""
    truth, detections = [], []
    for number, (pred, sure, seen) in enumerate(pictures):
        for mask, index, heard in zip(seen.masks, seen.classes, seen.heard, strict=True):
            if heard:
                code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
                area = int(mask.sum())
                row = {"id": len(truth) + 1, "image_id": number, "category_id": index}
                box = coco_mask.toBbox(code).tolist()
                truth.append(row | {"segmentation": code, "area": area, "iscrowd": 0, "bbox": box})
        for index in range(1, CLASSES):
            for places in components(pred == index):
                found = np.zeros(pred.size, np.uint8)
                found[places] = 1
                code = coco_mask.encode(np.asfortranarray(found.reshape(pred.shape)))
                row = {"image_id": number, "category_id": index, "segmentation": code}
                detections.append(row | {"score": float(sure.ravel()[places].mean())})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": n, "height": 20, "width": 60} for n in range(len(pictures))],
            "categories": [{"id": n} for n in range(1, CLASSES)],
            "annotations": truth,
            "info": {},
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(detections), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = {index: list(random.permutation(np.arange(1, 21)) / 20) for index in range(1, CLASSES)}
    pictures = []
    for _ in range(4):
        pred, sure = np.zeros((20, 60), np.uint8), np.zeros((20, 60))
        masks, classes, heard = [], [], []
        for place in range(4):
            index, left = int(random.integers(1, CLASSES)), 15 * place
            masks.append(box(left, left + int(random.integers(8, 13))))
            classes.append(index)
            heard.append(bool(random.random() < 0.7))
            answer = box(left + int(random.integers(0, 4)), left + int(random.integers(9, 14)))
            said = index if random.random() < 0.8 else int(random.integers(1, CLASSES))
            pred[answer] = said
            sure[answer] = steps[said].pop()  # no two of a class have one score
        asked = tuple(heard)
        pictures.append((pred, sure, SeenObjects(np.stack(masks), tuple(classes), asked, asked)))
    records = [InstanceScores.of(pred, seen, CLASSES, sure) for pred, sure, seen in pictures]
    total = sum(records, InstanceScores.empty(CLASSES))
    if not total.objects.any():
        return
    ap, ap50 = ap_of_coco(pictures)
    assert float(ap_instances(total)) == pytest.approx(ap, abs=1e-9)
    assert float(ap50_instances(total)) == pytest.approx(ap50, abs=1e-9)


def test_every_class_with_one_heard_and_another_silent_is_a_question() -> None:
    pair = birds(2, 0)
    heard, masks = (True, *pair.heard), np.concatenate([box(50, 55)[None], pair.masks])
    alone = SeenObjects(masks, (1, BIRD, BIRD), heard, heard)
    assert InstanceScores.of_choices(shown(pair.masks[:1]), alone, CLASSES).questions == 1
    both = SeenObjects(
        np.concatenate([pair.masks, pair.masks[:, ::-1]]),
        (1, 1, BIRD, BIRD),
        (True, False, False, True),
        (False, True, False, True),
    )
    answer = both.masks[0] + BIRD * both.masks[3]
    record = InstanceScores.of_choices(answer.astype(np.uint8), both, CLASSES)
    assert (record.questions, record.right_units, record.kept_units) == (2, 2 * 2**40, 2**40)
    assert record.chance_units == 2**40
    with_detections = InstanceScores.of(answer.astype(np.uint8), both, CLASSES)
    assert (with_detections.kept_units, with_detections.chance_units) == (2**40, 2**40)


def test_a_picture_without_objects_asks_nothing_and_its_detections_are_wrong() -> None:
    none = SeenObjects(np.zeros((0, 20, 60), bool), (), (), ())
    record = InstanceScores.of(shown(box(1, 6)[None]), none, CLASSES)
    assert (record.questions, record.objects.sum()) == (0, 0)
    assert (record.given.sum(), record.found.sum()) == (1, 0)


def test_two_detections_that_are_half_of_an_object_each_find_it_once() -> None:
    seen = SeenObjects((box(0, 5) | box(10, 15))[None], (BIRD,), (True,), (True,))
    record = InstanceScores.of(perfect(seen, 0), seen, CLASSES)
    assert (record.given.sum(), record.found[0].sum(), record.found[1:].sum()) == (2, 1, 0)


def test_the_surest_hundred_detections_count_and_of_equals_the_first() -> None:
    pred, sure = np.zeros((1, 404), np.uint8), np.full((1, 404), 0.5)
    pred[0, ::2] = BIRD  # 202 of a pixel each
    sure[0, 2::4] = 1.0  # 101
    masks = np.zeros((100, 1, 404), bool)
    masks[np.arange(100), 0, np.arange(2, 402, 4)] = True
    every = (True,) * 100
    record = InstanceScores.of(pred, SeenObjects(masks, (BIRD,) * 100, every, every), CLASSES, sure)
    assert record.given[BIRD, 20] == record.given.sum() == 100
    assert record.found[0].sum() == 100


def test_an_object_of_which_half_is_shown_is_found_at_the_first_level_alone() -> None:
    seen = birds(2, 0)
    half = shown(seen.masks[:1])
    half[10:] = 0  # six rows of twelve
    record = InstanceScores.of(half, seen, CLASSES)
    assert record.found[:, BIRD].sum(axis=-1).tolist() == [1] + 9 * [0]


@pytest.mark.parametrize(("sure", "step"), [(-1.0, 0), (0.26, 5), (1.0, 20), (2.0, 20)])
def test_a_detection_is_counted_at_its_twentieth(sure: float, step: int) -> None:
    seen = birds(2, 0)
    record = InstanceScores.of(perfect(seen, 0), seen, CLASSES, np.full((20, 60), sure))
    assert np.flatnonzero(record.given[BIRD]).tolist() == [step]
    half = np.full((20, 60), 0.42504883, np.float16)  # 8.501 of 20, as float16 8.5
    narrow = InstanceScores.of(perfect(seen, 0), seen, CLASSES, half)
    assert np.flatnonzero(narrow.given[BIRD]).tolist() == [9]
    certain = InstanceScores.of(perfect(seen, 0), seen, CLASSES)
    assert np.flatnonzero(certain.given[BIRD]).tolist() == [20]


def test_figures_by_ear_have_names_rules_and_reasons_to_be_none() -> None:
    record, nothing = scored(perfect, (2,)), InstanceScores.empty(CLASSES)
    told = {
        accuracy_instances: ("accuracy_instances", "classes of which one object", NO_QUESTION),
        kept_instances: ("kept_instances", "chosen is the object of the sound", NO_QUESTION),
        chance_instances: ("chance_instances", "classes of which one object", NO_QUESTION),
        ap_instances: ("ap_instances", "IoU 0.5 to 0.95; COCO's", NOTHING_COUNTED),
        ap50_instances: ("ap50_instances", "IoU 0.5; COCO's", NOTHING_COUNTED),
    }
    for figure, (name, rules, reason) in told.items():
        assert (figure(record).name, figure(record).note) == (name, "")
        assert figure(record).rules.startswith(rules)
        assert (figure(nothing).name, figure(nothing).note) == (name, reason)
        assert figure(nothing).rules == figure(record).rules
        assert np.isnan(float(figure(nothing)))


def test_labels_below_nothing_are_refused() -> None:
    seen = birds(2, 0)
    with pytest.raises(InputError, match="pred: expected class indices 0 to 3, got -1"):
        InstanceScores.of(perfect(seen, 0).astype(int) - 1, seen, CLASSES)
