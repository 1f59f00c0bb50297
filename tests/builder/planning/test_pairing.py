from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vpo_builder.config import load_config
from vpo_builder.planning.pairing import ClipPools
from vpo_builder.planning.selection import choose_sounding
from vpo_builder.records import Candidate, Candidates, Clip, ObjectMask, Photo, Scene
from vpo_builder.runtime.stateless_hash import mix, unit

CLASSES = ("cat", "cow", "dog")
CONFIG = load_config("default")
EVERYWHERE = {(name, subset) for name in CLASSES for subset in ("train", "val", "test")}


def candidate(image: int, place: int, category: str) -> Candidate:
    mask = ObjectMask(100 * image + place, image, 1, 50.0, 0, msgspec.Raw(b"[]"))
    return Candidate(mask, category)


def kept(image: int, *categories: str, subset: str = "train", repeated: bool = False) -> Candidates:
    objects = tuple(candidate(image, place, name) for place, name in enumerate(categories))
    return Candidates(Photo(image, "x.jpg", 10, 10), subset, objects, repeated)  # type: ignore[arg-type]


def clips(count: int) -> list[Clip]:
    return [
        Clip(f"{name}{number:08d}_000000", "", "", name, "train", Path())
        for name in CLASSES
        for number in range(count)
    ]


scenes = st.lists(
    st.lists(st.sampled_from(CLASSES), min_size=1, max_size=5), min_size=1, max_size=30
).map(
    lambda rows: [
        Scene(Photo(i, "x.jpg", 1, 1), "train", kept(i, *row).objects, ())
        for i, row in enumerate(rows)
    ]
)


@given(scenes, st.data())
def test_a_vanished_clip_changes_only_the_objects_that_used_it(
    rows: list[Scene], data: st.DataObject
) -> None:
    pools = ClipPools(clips(40), seed=3)
    before = pools.pair(rows)
    gone = data.draw(st.sampled_from(sorted({clip for row in before for clip in row})))
    after = pools.without({gone}).pair(rows)
    for old, new in zip(before, after, strict=True):
        for was, now in zip(old, new, strict=True):
            assert (now != was) == (was == gone)


@given(scenes)
def test_clips_are_distinct_within_a_scene_and_independent_of_the_others(rows: list[Scene]) -> None:
    pools = ClipPools(clips(6), seed=3)
    paired = pools.pair(rows)
    assert all(len(set(row)) == len(row) for row in paired)
    assert pools.pair(rows[::-1])[::-1] == paired
    assert [pools.pair([row])[0] for row in rows] == paired


def test_an_object_is_left_without_a_clip_when_its_class_has_too_few() -> None:
    row = Scene(Photo(1, "x.jpg", 1, 1), "train", kept(1, "cat", "cat", "cat").objects, ())
    paired = ClipPools(clips(2), seed=0).pair([row])[0]
    assert sorted(paired)[0] == ""
    assert len(set(paired)) == 3


def test_the_order_of_the_clips_changes_nothing() -> None:
    row = Scene(Photo(1, "x.jpg", 1, 1), "train", kept(1, *CLASSES).objects, ())
    assert ClipPools(clips(9), 0).pair([row]) == ClipPools(clips(9)[::-1], 0).pair([row])


def test_clips_are_used_evenly() -> None:
    rows = [
        Scene(Photo(i, "x.jpg", 1, 1), "train", kept(i, "dog").objects, ()) for i in range(4000)
    ]
    counts = np.unique(ClipPools(clips(40), 0).pair(rows), return_counts=True)[1]
    assert len(counts) == 40
    assert counts.min() > 60
    assert counts.max() < 145


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


@given(st.integers(0, 2**40), st.lists(st.integers(0, 2**40), min_size=1, max_size=8))
def test_a_hash_is_the_same_for_a_number_and_within_an_array(seed: int, ids: list[int]) -> None:
    together = mix("purpose", seed, np.array(ids))
    assert [int(mix("purpose", seed, number)) for number in ids] == together.tolist()
    assert int(mix("other", seed, ids[0])) != int(together[0])
    assert ((unit(together) > 0) & (unit(together) < 1)).all()
