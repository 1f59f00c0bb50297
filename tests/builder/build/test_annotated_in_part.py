"""What LVIS leaves open of a picture, held against its words one picture and class at a time."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vpo_builder.build.coco_parts import annotated_in_part
from vpo_builder.records import ObjectMask, Photo
from vpo_builder.sources.coco import CocoPart

CATEGORIES = {1: "cat", 2: "kitten", 3: "dog", 4: "chair"}
CLASS_OF = {"cat": "cat", "kitten": "cat", "dog": "dog"}
NUMBERS = st.sets(st.sampled_from(sorted(CATEGORIES)))


@given(
    annotated=st.lists(st.sampled_from([1, 2, 3]), max_size=5),
    in_part=NUMBERS,
    absent=st.none() | NUMBERS,
)
def test_an_object_may_have_others_beside_it_unless_each_category_is_settled(
    annotated: list[int], in_part: set[int], absent: set[int] | None
) -> None:
    ruled_out = None if absent is None else tuple(sorted(absent))
    photo = Photo(7, 10, 10, "7.jpg", 0, "", "", tuple(sorted(in_part)), ruled_out)
    other = Photo(8, 10, 10, "8.jpg")
    objects = [ObjectMask(n, 7, category) for n, category in enumerate(annotated)]
    objects.append(ObjectMask(99, 8, 1))  # in a picture of which every object is annotated
    part = CocoPart(Path(), (photo, other), tuple(objects), CATEGORIES, (), Path(), "")
    expected = set()
    for number, category in enumerate(annotated):
        for member in (1, 2) if category in (1, 2) else (3,):
            settled = absent is None or member in annotated or member in absent
            if member in in_part or not settled:
                expected.add(number)
    assert set(annotated_in_part(part, CLASS_OF)) == expected
