"""The rules work on columns of all images at once; here they are held against one image's."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpo_builder.config import BuildConfig, load_config
from vpo_builder.dataset.schema import Split
from vpo_builder.planning import filtering
from vpo_builder.planning.filtering import filter_images
from vpo_builder.records import ObjectMask, PersonDecision, Photo, Reason, Rejection

CONFIG = load_config("default")
CLASS_OF = {1: "person", 17: "cat", 18: "dog"}
CAPTIONS = {0: ("A man.", "A man."), 1: ("A woman.", "Women."), 2: ("A dog.", "A cat.")}
SIDE = 100
SMALLEST = CONFIG.filters.min_area_fraction * SIDE * SIDE

UNCLEAR = Reason.PERSON_AMBIGUOUS
ROWS = st.lists(
    st.tuples(
        st.sampled_from([2, 0, 1, 2, 3]),  # the image; the last is not listed
        st.sampled_from(sorted(CLASS_OF)),
        st.sampled_from([900.0, SMALLEST, SMALLEST - 1, 900.0, 0.0]),
        st.sampled_from([0] * 7 + [1]),
        st.sampled_from([*[b"[[1,2,3,4,5,6]]"] * 6, b"[]", b"[[]]"]),
    ),
    max_size=12,
)


def verdict_of_one(
    objects: Sequence[ObjectMask],
    image: int,
    split: Split,
    repeats: str,
    ambiguous: str,
    in_part: Collection[int],
) -> Reason | list[int]:
    """Return why an image is dropped, or the ids of its eligible objects, by the protocol."""
    whole = [o for o in objects if o.area > 0 and bytes(o.segmentation) not in (b"[]", b"[[]]")]
    seen = Counter(o.category_id for o in whole for _ in range(1 + bool(o.iscrowd)))
    counts = seen + Counter(o.category_id for o in whole if o.id in in_part)
    crowd = any(o.iscrowd for o in whole)
    if not whole:
        return Reason.NO_SOUNDING_OBJECT
    if split == "msmi" and crowd:
        return Reason.CROWD
    if split != "msmi":
        alone = [o for o in whole if counts[o.category_id] == 1]
        if not alone or (repeats == "any" and len(alone) < len(whole)):
            known = max(seen.values()) > 1
            return Reason.REPEATED_INSTANCES if known else Reason.NOT_EXHAUSTIVE
        whole = alone
    persons = {o.id for o in whole if o.category_id == 1 and image == 2}
    if persons and ambiguous == "drop":
        return Reason.PERSON_AMBIGUOUS
    eligible = {o.id for o in whole if o.area >= SMALLEST}
    if not eligible:
        return Reason.NO_ELIGIBLE_OBJECT
    return sorted(eligible - persons) or Reason.PERSON_AMBIGUOUS


def kind_of(row: ObjectMask) -> tuple[int, int]:
    return row.image_id, row.category_id


def with_rules(repeats: Any, ambiguous: Any) -> BuildConfig:
    return replace(
        CONFIG,
        filters=replace(CONFIG.filters, repeats=repeats),
        person=replace(CONFIG.person, ambiguous=ambiguous),
    )


@settings(max_examples=200)
@given(
    ROWS,
    st.permutations(range(12)),
    st.sampled_from(["ss", "ms", "msmi"]),
    st.sampled_from(["any", "sounding"]),
    st.sampled_from(["drop", "silent"]),
    st.sets(st.integers(0, 11)),
)
def test_every_image_and_object_ends_as_the_protocol_says(
    rows: list[tuple[int, int, float, int, bytes]],
    numbers: list[int],
    split: Split,
    repeats: str,
    ambiguous: str,
    in_part: set[int],
) -> None:
    objects = [
        ObjectMask(number, image, category, area, crowd, msgspec.Raw(outline))
        for number, (image, category, area, crowd, outline) in zip(numbers, rows, strict=False)
    ]
    photos = [(Photo(image, SIDE, SIDE, f"{image}.jpg"), "train") for image in range(3)]
    config = with_rules(repeats, ambiguous)
    captions = CAPTIONS.__getitem__
    filtered = filter_images(photos, objects, CLASS_OF, captions, split, config, in_part)
    expected = {
        image: verdict_of_one(
            [o for o in objects if o.image_id == image], image, split, repeats, ambiguous, in_part
        )
        for image in range(3)
    }
    kept = {item.photo.id: [o.mask.id for o in item.objects] for item in filtered.kept}
    dropped = {int(r.record): r.reason for r in filtered.rejections if r.kind == "image"}
    assert kept | dropped == expected
    assert list(kept) == sorted(kept)

    eligible = {number for found in kept.values() for number in found}
    rejected = [int(r.record) for r in filtered.rejections if r.kind == "object"]
    assert sorted(rejected) == sorted({o.id for o in objects} - eligible)
    reasons = {int(r.record): r.reason for r in filtered.rejections if r.kind == "object"}
    whole = [o for o in objects if reasons.get(o.id) is not Reason.WITHOUT_AREA]
    for row in objects:
        if row.image_id == 3:
            assert reasons[row.id] is Reason.IMAGE_NOT_LISTED
        elif row.area == 0 or bytes(row.segmentation) in (b"[]", b"[[]]"):
            assert reasons[row.id] is Reason.WITHOUT_AREA
        elif row.image_id in dropped:
            assert reasons[row.id] is Reason.IMAGE_DROPPED
        elif row.area < SMALLEST:
            assert reasons[row.id] is Reason.TOO_SMALL
        elif row.id not in eligible:
            unclear = row.category_id == 1 and row.image_id == 2
            alike = [o for o in whole if (o.image_id, o.category_id) == kind_of(row)]
            known = len(alike) > 1 or row.iscrowd
            repeated = Reason.REPEATED_INSTANCES if known else Reason.NOT_EXHAUSTIVE
            mute = repeats == "sounding" and split != "msmi" and (known or row.id in in_part)
            assert reasons[row.id] is (repeated if mute else UNCLEAR)
            assert unclear or mute

    found = {item.photo.id for item in filtered.kept if item.repeated}
    twins = Counter(
        kind_of(o) for o in whole for _ in range(1 + bool(o.iscrowd or o.id in in_part))
    )
    assert found == {image for (image, _), n in twins.items() if n > 1} & kept.keys()


@pytest.mark.parametrize("ambiguous", ["drop", "silent"])
def test_persons_whom_captions_leave_unclear_stay_silent_or_keep_their_image_out(
    ambiguous: str,
) -> None:
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    placed = [(2, 1, 900.0), (2, 17, 900.0), (5, 1, 900.0), (5, 17, 1.0), (6, 1, 1.0)]
    objects = [ObjectMask(n, i, c, area, 0, outline) for n, (i, c, area) in enumerate(placed)]
    photos = [(Photo(image, SIDE, SIDE, f"{image}.jpg"), "train") for image in (2, 5, 6)]
    rules = with_rules("any", ambiguous)
    filtered = filter_images(photos, objects, CLASS_OF, lambda _: (), "ss", rules)
    kept = {item.photo.id: [o.mask.id for o in item.objects] for item in filtered.kept}
    said = {item.record: item.reason for item in filtered.rejections if item.kind == "image"}
    if ambiguous == "drop":
        assert kept == {}
        assert said == dict.fromkeys(("2", "5", "6"), Reason.PERSON_AMBIGUOUS)
    else:
        assert kept == {2: [1]}
        assert said == {"5": Reason.PERSON_AMBIGUOUS, "6": Reason.NO_ELIGIBLE_OBJECT}
        assert Rejection("object", "0", Reason.PERSON_AMBIGUOUS) in filtered.rejections


def test_without_images_nothing_is_kept() -> None:
    rows = [ObjectMask(10, 0, 17, 900.0, 0, msgspec.Raw(b"[[1,2,3,4,5,6]]"))]
    filtered = filter_images([], rows, CLASS_OF, CAPTIONS.__getitem__, "ss", CONFIG)
    assert filtered.kept == []
    assert [item.reason for item in filtered.rejections] == [Reason.IMAGE_NOT_LISTED]


def test_captions_are_not_asked_for_persons_that_stay_silent_since_they_repeat() -> None:
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    objects = [
        ObjectMask(n, 2, category, 900.0, 0, outline) for n, category in enumerate((1, 1, 17))
    ]
    photos = [(Photo(2, SIDE, SIDE, "2.jpg"), "train")]
    rules = with_rules("sounding", "drop")
    filtered = filter_images(photos, objects, CLASS_OF, CAPTIONS.__getitem__, "ss", rules)
    assert filtered.decisions == []
    assert [[item.mask.id for item in row.objects] for row in filtered.kept] == [[2]]


def test_captions_are_not_asked_for_what_they_are_known_to_say() -> None:
    row = ObjectMask(10, 2, 1, 900.0, 0, msgspec.Raw(b"[[1,2,3,4,5,6]]"))
    photos = [(Photo(2, SIDE, SIDE, "2.jpg"), "train")]
    decision = PersonDecision(2, "female", ())
    known = {2: decision}
    filtered = filter_images(photos, [row], CLASS_OF, {}.__getitem__, "ss", CONFIG, known=known)
    assert filtered.decisions == [decision]
    assert [[item.category for item in row.objects] for row in filtered.kept] == [["female"]]


def test_persons_are_resolved_where_an_image_comes_so_far() -> None:
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    objects = [
        ObjectMask(10, 0, 1, 900.0, 0, outline),
        ObjectMask(11, 1, 1, 900.0, 0, outline),
        ObjectMask(12, 2, 1, 900.0, 0, outline),
        ObjectMask(13, 2, 1, 900.0, 0, outline),
    ]
    photos = [(Photo(image, SIDE, SIDE, f"{image}.jpg"), "train") for image in range(3)]
    filtered = filter_images(photos, objects, CLASS_OF, CAPTIONS.__getitem__, "ss", CONFIG)
    said = [(decision.image_id, decision.verdict) for decision in filtered.decisions]
    assert said == [(0, "male"), (1, "female")]
    assert [item.objects[0].category for item in filtered.kept] == ["male", "female"]


@pytest.mark.parametrize("repeats", ["any", "sounding"])
def test_one_annotated_in_part_may_have_twins_that_nobody_has_drawn(repeats: str) -> None:
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    placed = [(0, 17), (1, 17), (1, 17), (2, 17), (2, 18), (3, 17)]
    objects = [
        ObjectMask(n, i, category, 900.0, 0, outline) for n, (i, category) in enumerate(placed)
    ]
    photos = [(Photo(image, SIDE, SIDE, f"{image}.jpg"), "train") for image in range(4)]
    rules = with_rules(repeats, "drop")
    filtered = filter_images(
        photos, objects, CLASS_OF, CAPTIONS.__getitem__, "ss", rules, in_part={0, 1, 3}
    )
    said = {(item.kind, item.record): item.reason for item in filtered.rejections}
    assert said["image", "0"] is Reason.NOT_EXHAUSTIVE
    assert said["image", "1"] is Reason.REPEATED_INSTANCES  # two are drawn
    kept = {row.photo.id: [item.mask.id for item in row.objects] for row in filtered.kept}
    if repeats == "any":
        assert said["image", "2"] is Reason.NOT_EXHAUSTIVE
        assert kept == {3: [5]}
    else:
        assert said["object", "3"] is Reason.NOT_EXHAUSTIVE
        assert kept == {2: [4], 3: [5]}


def test_what_is_annotated_in_part_is_told_from_what_is_seen_to_repeat() -> None:
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    placed = [(0, 17), (0, 18), (1, 17), (1, 17), (1, 18)]
    objects = [ObjectMask(n, i, c, 900.0, 0, outline) for n, (i, c) in enumerate(placed)]
    photos = [(Photo(image, SIDE, SIDE, f"{image}.jpg"), "train") for image in (0, 1)]
    rules = with_rules("sounding", "drop")
    filtered = filter_images(photos, objects, CLASS_OF, lambda _: (), "ss", rules, {0, 2})
    assert [[o.mask.id for o in item.objects] for item in filtered.kept] == [[1], [4]]
    assert filtered.rejections == [
        Rejection("object", "0", Reason.NOT_EXHAUSTIVE),
        Rejection("object", "2", Reason.REPEATED_INSTANCES),
        Rejection("object", "3", Reason.REPEATED_INSTANCES),
    ]


def test_where_no_class_is_a_person_no_caption_is_asked_for() -> None:
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    objects = [ObjectMask(n, 0, 17 + n, 900.0, 0, outline) for n in range(2)]
    photos = [(Photo(0, SIDE, SIDE, "0.jpg"), "train")]
    filtered = filter_images(photos, objects, {17: "cat", 18: "dog"}, {}.__getitem__, "ss", CONFIG)
    assert [item.category for row in filtered.kept for item in row.objects] == ["cat", "dog"]


def test_what_is_annotated_in_part_is_known_by_numbers_of_any_length() -> None:
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    large = 2**53  # above it float64 has even numbers alone
    objects = [ObjectMask(large + n, n, 17, 900.0, 0, outline) for n in range(2)]
    photos = [(Photo(image, SIDE, SIDE, f"{image}.jpg"), "train") for image in range(2)]
    filtered = filter_images(photos, objects, CLASS_OF, {}.__getitem__, "ss", CONFIG, {large})
    assert [row.photo.id for row in filtered.kept] == [1]


@pytest.mark.parametrize("dense", [0, filtering.DENSE])
def test_objects_of_images_that_nobody_lists_are_told_by_whatever_number(
    monkeypatch: pytest.MonkeyPatch, dense: int
) -> None:
    monkeypatch.setattr(filtering, "DENSE", dense)
    outline = msgspec.Raw(b"[[1,2,3,4,5,6]]")
    images = [-(10**18), -1, 0, 1, 6, 7, 8, 9, 10**18]
    objects = [ObjectMask(n, image, 17, 900.0, 0, outline) for n, image in enumerate(images)]
    photos = [(Photo(image, SIDE, SIDE, f"{image}.jpg"), "train") for image in (0, 7)]
    filtered = filter_images(photos, objects, CLASS_OF, {}.__getitem__, "ss", CONFIG)
    kept = {row.photo.id: [item.mask.id for item in row.objects] for row in filtered.kept}
    assert kept == {0: [2], 7: [5]}
    unlisted = [int(row.record) for row in filtered.rejections]
    assert [images[n] for n in unlisted] == [-(10**18), -1, 1, 6, 8, 9, 10**18]
    assert {row.reason for row in filtered.rejections} == {Reason.IMAGE_NOT_LISTED}
