from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builder.planning.made_scenes import CLASSES, kept
from vpo_builder.config import load_config
from vpo_builder.dataset.schema import Split
from vpo_builder.planning.selection import choose_sounding
from vpo_builder.records import Candidates, Reason, Rejection, Scene
from vpo_builder.runtime.stateless_hash import mix, unit

CONFIG = load_config("default")
EVERYWHERE = {(name, subset) for name in CLASSES for subset in ("train", "val", "test")}
SEED = 7


def limited(per_class: int | dict[str, int]) -> tuple[list[Scene], list[Rejection]]:
    """Return SS of 60 images, 20 with a cat alone, under a limit."""
    images = [kept(i, *CLASSES[: 1 + i % 3]) for i in range(60)]
    config = replace(CONFIG, limits=replace(CONFIG.limits, per_class=per_class))
    return choose_sounding(images, "ss", EVERYWHERE, config, 0)


def sounding(rows: list[Scene]) -> list[str]:
    return [candidate.category for row in rows for candidate in row.sounding]


def by_hash(images: list[Candidates], image: int) -> list[int]:
    """Return the annotations of an image in the order of their hashes."""
    numbers = [item.mask.id for item in images[image].objects]
    photo = images[image].photo.id
    return sorted(numbers, key=lambda number: float(unit(mix("object", SEED, photo, number))))


def test_ss_takes_one_object_an_image_and_every_one_in_test() -> None:
    images = [kept(1, *CLASSES), kept(2, *CLASSES, subset="test")]
    rows, _ = choose_sounding(images, "ss", EVERYWHERE, CONFIG, 0)
    assert [row.photo.id for row in rows] == [1, 2, 2, 2]
    assert all(len(row.sounding) == 1 and len(row.silent) == 2 for row in rows)


def test_ms_takes_between_two_and_five_of_different_classes() -> None:
    images = [kept(i, *CLASSES) for i in range(300)] + [kept(999, "cat")]
    rows, rejections = choose_sounding(images, "ms", EVERYWHERE, CONFIG, 0)
    numbers = [len(row.sounding) for row in rows]
    assert set(numbers) == {2, 3}
    assert 100 < numbers.count(2) < 200
    assert [item.record for item in rejections] == ["999"]


@pytest.mark.parametrize(("fewest", "numbers"), [(1, {1, 2, 3}), (2, {2, 3}), (3, {3})])
def test_ms_takes_no_fewer_than_it_must(fewest: int, numbers: set[int]) -> None:
    images = [kept(i, *CLASSES) for i in range(100)] + [
        kept(1000 + n, *CLASSES[:n]) for n in range(1, 4)
    ]
    config = replace(CONFIG, selection=replace(CONFIG.selection, min_sources=fewest))
    rows, rejections = choose_sounding(images, "ms", EVERYWHERE, config, SEED)
    assert {len(row.sounding) for row in rows} == numbers
    assert [item.record for item in rejections] == [str(1000 + n) for n in range(1, fewest)]
    assert choose_sounding(images, "msmi", EVERYWHERE, config, SEED) == (rows, rejections)


def test_ms_takes_one_of_an_image_in_which_another_class_repeats() -> None:
    images = [kept(1, "cat", repeated=True)]
    config = replace(CONFIG, selection=replace(CONFIG.selection, min_sources=1))
    rows, _ = choose_sounding(images, "ms", EVERYWHERE, config, SEED)
    assert sounding(rows) == ["cat"]
    _, rejections = choose_sounding(images, "ms", EVERYWHERE, CONFIG, SEED)
    assert rejections == [Rejection("image", "1", Reason.ONE_CLASS_ONLY)]


def test_a_limit_may_be_of_one_split_alone() -> None:
    images = [kept(i, "cat", "cow") for i in range(9)]
    limits = replace(CONFIG.limits, per_class={"cat": 4, "cow": 5}, per_class_in={"ms": {"cat": 7}})
    config = replace(CONFIG, limits=limits)
    rows, _ = choose_sounding(images, "ms", EVERYWHERE, config, SEED)
    assert len(rows) == 5
    config = replace(CONFIG, limits=replace(limits, per_class={"cat": 4}))
    sizes = [len(choose_sounding(images, s, EVERYWHERE, config, SEED)[0]) for s in ("ms", "msmi")]
    assert sizes == [7, 4]


def test_msmi_takes_instances_of_one_repeated_class() -> None:
    images = [kept(i, "cat", "cat", "dog", "cat", repeated=True) for i in range(200)]
    rows, _ = choose_sounding(images, "msmi", EVERYWHERE, CONFIG, 0)
    assert {item.category for row in rows for item in row.sounding} == {"cat"}
    assert {len(row.sounding) for row in rows} == {1, 2, 3}


def test_a_class_without_clips_never_sounds() -> None:
    rows, _ = choose_sounding([kept(1, "cat", "dog")], "ss", {("dog", "train")}, CONFIG, 0)
    assert [item.category for item in rows[0].sounding] == ["dog"]
    assert rows[0].silent == ()


@given(st.integers(1, 30), st.integers(1, 30))
def test_limits_nest(one: int, other: int) -> None:
    images = [kept(i, *CLASSES[: 1 + i % 3]) for i in range(60)]
    few, many = sorted((one, other))
    chosen = []
    for limit in (few, many):
        config = replace(CONFIG, limits=replace(CONFIG.limits, per_class=limit))
        rows, _ = choose_sounding(images, "ss", EVERYWHERE, config, 0)
        chosen.append({row.sounding[0].mask.id for row in rows})
    assert chosen[0] <= chosen[1]


def test_inverse_frequency_favours_rare_classes() -> None:
    images = [kept(i, "cat", "dog") for i in range(500)] + [
        kept(i, "cat") for i in range(500, 5000)
    ]
    selection = replace(CONFIG.selection, inverse_class_frequency=True)
    weighted, _ = choose_sounding(images, "ss", EVERYWHERE, replace(CONFIG, selection=selection), 0)
    plain, _ = choose_sounding(images, "ss", EVERYWHERE, CONFIG, 0)
    dogs = [sum(row.sounding[0].category == "dog" for row in rows) for rows in (weighted, plain)]
    assert dogs[0] > 420  # 10/11 of 500
    assert 200 < dogs[1] < 300


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_class_has_as_many_samples_as_its_limit_says(limit: int) -> None:
    whole, none = limited(0)
    rows, rejections = limited(limit)
    assert none == []
    assert len(whole) == 60
    for name in CLASSES:
        assert sounding(rows).count(name) == min(limit, sounding(whole).count(name))
    dropped = sorted({row.photo.id for row in whole} - {row.photo.id for row in rows})
    assert rejections == [Rejection("image", str(i), Reason.OVER_LIMIT) for i in dropped]


def test_a_limit_may_be_of_some_classes_alone() -> None:
    whole, _ = limited(0)
    rows, rejections = limited({"cow": 3})
    assert sounding(rows).count("cow") == 3
    for name in ("cat", "dog"):
        assert sounding(rows).count(name) == sounding(whole).count(name)
    assert len(rejections) == len(whole) - len(rows)


def test_a_limit_keeps_the_samples_of_lowest_hash() -> None:
    whole, _ = limited(0)
    cats = [row for row in whole if sounding([row]) == ["cat"]]
    first = sorted(
        cats, key=lambda row: int(mix("object", 0, row.photo.id, row.sounding[0].mask.id))
    )
    kept_cats = [row for row in limited(4)[0] if sounding([row]) == ["cat"]]
    assert {row.photo.id for row in kept_cats} == {row.photo.id for row in first[:4]}


def test_a_scene_over_the_limit_of_one_of_its_classes_is_dropped() -> None:
    images = [kept(i, "cat", "cow") for i in range(5)] + [kept(9, "cow", "dog")]
    config = replace(CONFIG, limits=replace(CONFIG.limits, per_class={"cat": 2}))
    rows, rejections = choose_sounding(images, "ms", EVERYWHERE, config, SEED)
    assert len(rows) == 3
    assert rows[-1].photo.id == 9
    assert len(rejections) == 3


def test_an_image_with_one_sample_left_is_not_named_among_the_dropped() -> None:
    images = [kept(1, "cat", "dog", subset="test")]
    config = replace(CONFIG, limits=replace(CONFIG.limits, per_class={"cat": 1}))
    assert choose_sounding(images, "ss", EVERYWHERE, config, 0)[1] == []
    images += [kept(2, "cat", "dog", subset="test")]
    rows, rejections = choose_sounding(images, "ss", EVERYWHERE, config, 0)
    assert sorted(sounding(rows)) == ["cat", "dog", "dog"]
    assert rejections == []


def test_ss_takes_the_object_of_lowest_hash() -> None:
    images = [kept(i, "cat", "cow", "dog", "cat") for i in range(40)]
    rows, _ = choose_sounding(images, "ss", EVERYWHERE, CONFIG, SEED)
    expected = [by_hash(images, i)[:1] for i in range(40)]
    assert [[item.mask.id for item in row.sounding] for row in rows] == expected


def test_in_test_ss_takes_one_object_where_no_other_shall_be_heard() -> None:
    images = [kept(1, *CLASSES, subset="test")]
    selection = replace(CONFIG.selection, counterfactual_test=False)
    rows, _ = choose_sounding(images, "ss", EVERYWHERE, replace(CONFIG, selection=selection), SEED)
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("split", "lowest", "categories"), [("ms", 2, CLASSES), ("msmi", 1, ("cat",) * 7)]
)
def test_how_many_sound_and_which_is_told_by_hashes(
    split: Split, lowest: int, categories: tuple[str, ...]
) -> None:
    images = [kept(i, *categories, repeated=split == "msmi") for i in range(60)]
    rows, _ = choose_sounding(images, split, EVERYWHERE, CONFIG, SEED)
    highest = min(len(categories), CONFIG.selection.max_sources)
    assert len(rows) == len(images)
    for image, row in enumerate(rows):
        draw = float(unit(mix("number of sources", SEED, image)))
        number = lowest + int(draw * (highest - lowest + 1))
        assert [item.mask.id for item in row.sounding] == sorted(by_hash(images, image)[:number])
        silent = [item.mask.id for item in images[image].objects if item not in row.sounding]
        assert [item.mask.id for item in row.silent] == silent
    assert {len(row.sounding) for row in rows} == set(range(lowest, highest + 1))


def test_msmi_takes_the_repeated_class_whose_instance_comes_first() -> None:
    categories = ("dog", "cat", "cat", "cow", "cow")
    images = [kept(i, *categories, repeated=True) for i in range(40)]
    rows, _ = choose_sounding(images, "msmi", EVERYWHERE, CONFIG, SEED)
    assert len(rows) == len(images)
    of_number = {item.mask.id: item.category for image in images for item in image.objects}
    for image, row in enumerate(rows):
        assert row.repeated
        assert row.subset == "train"
        repeated = [of_number[n] for n in by_hash(images, image) if of_number[n] != "dog"]
        assert {item.category for item in row.sounding} == {repeated[0]}


def test_msmi_without_repeated_instances_is_ms() -> None:
    images = [kept(i, *CLASSES) for i in range(20)]
    chosen = [choose_sounding(images, s, EVERYWHERE, CONFIG, SEED)[0] for s in ("ms", "msmi")]
    assert chosen[0] == chosen[1]


def test_the_reason_says_why_nothing_of_an_image_sounds() -> None:
    images = [kept(1, "cat"), kept(2, "cow"), kept(4, "cow")]
    heard = EVERYWHERE - {("cow", "train")}
    splits: tuple[Split, ...] = ("ms", "msmi")
    for split in splits:
        rows, rejections = choose_sounding(images, split, heard, CONFIG, SEED)
        assert rows == []
        assert rejections == [
            Rejection("object", "200", Reason.NO_CLIP_FOR_CLASS),
            Rejection("object", "400", Reason.NO_CLIP_FOR_CLASS),
            Rejection("image", "1", Reason.ONE_CLASS_ONLY),
            Rejection("image", "2", Reason.NO_CLIP_FOR_CLASS),
            Rejection("image", "4", Reason.NO_CLIP_FOR_CLASS),
        ]
    twins = [kept(3, "cat", "dog", repeated=True)]
    _, rejections = choose_sounding(twins, "msmi", heard, CONFIG, SEED)
    assert rejections == [Rejection("image", "3", Reason.NO_ELIGIBLE_REPEAT)]


def test_with_inverse_frequency_a_class_is_weighted_by_its_number_of_objects() -> None:
    images = [kept(i, "cat", "cat", "cat", "dog") for i in range(30)]
    selection = replace(CONFIG.selection, inverse_class_frequency=True)
    rows, _ = choose_sounding(images, "ss", EVERYWHERE, replace(CONFIG, selection=selection), SEED)
    for image, row in zip(images, rows, strict=True):
        draws = {
            item.mask.id: -np.log(float(unit(mix("object", SEED, image.photo.id, item.mask.id))))
            * {"cat": 90, "dog": 30}[item.category]
            for item in image.objects
        }
        assert row.sounding[0].mask.id == min(draws, key=lambda number: draws[number])


def test_objects_are_drawn_apart_where_hashes_are_large() -> None:
    large = [kept(2**31 + i, "cat", "dog") for i in range(20)]
    rows, _ = choose_sounding(large, "ss", EVERYWHERE, CONFIG, SEED)
    assert set(sounding(rows)) == {"cat", "dog"}
