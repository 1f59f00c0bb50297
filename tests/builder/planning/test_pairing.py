from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builder.planning.made_scenes import CLASSES, clips, kept
from vpo_builder.planning import pairing
from vpo_builder.planning.pairing import ClipPools
from vpo_builder.records import Photo, Scene
from vpo_builder.runtime.stateless_hash import mix, text_key, unit

scenes = st.lists(
    st.lists(st.sampled_from(CLASSES), min_size=1, max_size=5), min_size=1, max_size=30
).map(
    lambda rows: [
        Scene(Photo(i, 1, 1, "x.jpg"), "train", kept(i, *row).objects, ())
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
    row = Scene(Photo(1, 1, 1, "x.jpg"), "train", kept(1, "cat", "cat", "cat").objects, ())
    paired = ClipPools(clips(2), seed=0).pair([row])[0]
    assert sorted(paired)[0] == ""
    assert len(set(paired)) == 3


def test_the_order_of_the_clips_changes_nothing() -> None:
    row = Scene(Photo(1, 1, 1, "x.jpg"), "train", kept(1, *CLASSES).objects, ())
    assert ClipPools(clips(9), 0).pair([row]) == ClipPools(clips(9)[::-1], 0).pair([row])


def test_clips_are_used_evenly() -> None:
    rows = [
        Scene(Photo(i, 1, 1, "x.jpg"), "train", kept(i, "dog").objects, ()) for i in range(4000)
    ]
    counts = np.unique(ClipPools(clips(40), 0).pair(rows), return_counts=True)[1]
    assert len(counts) == 40
    assert counts.min() > 60
    assert counts.max() < 145


def place_in_rank(scene: Scene, place: int, clip_id: str, seed: int) -> int:
    mask = scene.sounding[place].mask
    return int(mix("clip", seed, scene.photo.id, mask.id, text_key(clip_id)))


def shared(scene: Scene, pool: Sequence[str], seed: int) -> tuple[str, ...]:
    """Return the clips of objects of one class, by the words of `ClipPools.pair`."""
    places = range(len(scene.sounding))

    def rank(place: int, clip_id: str) -> int:
        return place_in_rank(scene, place, clip_id, seed)

    owners = {clip: min(places, key=lambda place: rank(place, clip)) for clip in pool}
    left = list(pool)
    chosen = [""] * len(places)
    for offered in (True, False):
        for place in places:
            of_place = [clip for clip in left if not offered or owners[clip] == place]
            if not chosen[place] and of_place:
                chosen[place] = min(of_place, key=lambda clip: rank(place, clip))
                left.remove(chosen[place])
    return tuple(chosen)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 99))
def test_objects_of_one_class_take_the_best_offered_and_then_the_best_that_is_left(
    objects: int, number: int, seed: int
) -> None:
    scene = Scene(Photo(seed, 1, 1, "x.jpg"), "train", kept(seed, *["cat"] * objects).objects, ())
    pool = [clip.clip_id for clip in clips(number) if clip.category == "cat"]
    assert ClipPools(clips(number), seed).pair([scene]) == [shared(scene, pool, seed)]


@pytest.mark.parametrize("at_once", [1, 20, 21, 4_000_000])
def test_an_object_alone_in_its_class_takes_the_clip_of_lowest_hash(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(pairing, "_PAIRS_AT_ONCE", at_once)
    rows = [
        Scene(Photo(i, 1, 1, "x.jpg"), "train", kept(i, *CLASSES).objects, ()) for i in range(5)
    ]
    names = {name: [c.clip_id for c in clips(10) if c.category == name] for name in CLASSES}
    expected = [
        tuple(
            min(names[name], key=lambda clip: place_in_rank(row, place, clip, 4))
            for place, name in enumerate(CLASSES)
        )
        for row in rows
    ]
    assert ClipPools(clips(10), 4).pair(rows) == expected


def test_a_class_counts_as_available_while_it_has_a_clip() -> None:
    pools = ClipPools(clips(2), 0)
    first, second = (clip.clip_id for clip in clips(2) if clip.category == "cow")
    assert pools.available == {(name, "train") for name in CLASSES}
    assert pools.without({first}).sizes == {
        ("cat", "train"): 2,
        ("cow", "train"): 1,
        ("dog", "train"): 2,
    }
    none = pools.without({first, second}).without({first})
    assert none.available == {("cat", "train"), ("dog", "train")}
    assert pools.sizes["cow", "train"] == 2


@given(st.integers(0, 2**40), st.lists(st.integers(0, 2**40), min_size=1, max_size=8))
def test_a_hash_is_the_same_for_a_number_and_within_an_array(seed: int, ids: list[int]) -> None:
    together = mix("purpose", seed, np.array(ids))
    assert [int(mix("purpose", seed, number)) for number in ids] == together.tolist()
    assert int(mix("other", seed, ids[0])) != int(together[0])
    assert ((unit(together) > 0) & (unit(together) < 1)).all()
