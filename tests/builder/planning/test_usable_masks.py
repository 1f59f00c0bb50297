import pytest

from tests.builder.planning.made_scenes import boxed, pictured, pictures
from vpo_builder.planning import usable_masks
from vpo_builder.planning.usable_masks import Outlines
from vpo_builder.records import Photo, Reason, Rejection
from vpo_builder.runtime.errors import InputError

BIG, LEFT_HALF, RIGHT_HALF = (0, 0, 4, 4), (0, 0, 2, 4), (2, 0, 4, 4)


def test_the_pan_of_a_usable_mask_is_the_centre_of_its_box_over_the_width():
    outlines = Outlines()
    scene = pictured(boxed(1, "cat", (2, 0, 4, 10)), boxed(2, "dog", (9, 1, 10, 2)))
    assert not outlines.find_unusable([scene])
    assert outlines.pans == {1: 0.3, 2: 0.95}
    assert outlines.rejections == []


def test_a_broken_mask_is_found_once_and_told_with_the_reason_in_the_order_of_numbers():
    outlines = Outlines()
    scenes = [pictured(boxed(9, "cat", None)), pictured(boxed(3, "cat", None))]
    assert outlines.find_unusable(scenes)
    assert not outlines.find_unusable(scenes)
    assert [(item.kind, item.record, item.reason) for item in outlines.rejections] == [
        ("object", "3", Reason.BROKEN_MASK),
        ("object", "9", Reason.BROKEN_MASK),
    ]
    assert "pairs of coordinates" in outlines.rejections[0].detail
    assert outlines.pans == {}


def test_a_mask_under_smaller_ones_that_sound_with_it_is_hidden():
    big, left, right = boxed(1, "cat", BIG), boxed(2, "dog", LEFT_HALF), boxed(3, "cow", RIGHT_HALF)
    for sounding in ([big], [big, left], [left, right]):
        outlines = Outlines()
        assert not outlines.find_unusable([pictured(*sounding)])
    outlines = Outlines()
    assert outlines.find_unusable([pictured(left, big, right)])
    assert outlines.rejections == [Rejection("object", "1", Reason.HIDDEN, "")]


def test_two_classes_with_one_outline_are_both_hidden_as_only_one_could_be_drawn():
    outlines = Outlines()
    twice = [boxed(1, "cat", LEFT_HALF), boxed(2, "dog", LEFT_HALF), boxed(3, "cow", RIGHT_HALF)]
    assert outlines.find_unusable([pictured(*twice)])
    assert [item.record for item in outlines.rejections] == ["1", "2"]
    told = {(item.reason, item.detail) for item in outlines.rejections}
    assert told == {(Reason.HIDDEN, "another has its very outline")}


def test_a_broken_mask_hides_nothing_and_hides_none_of_the_others():
    outlines = Outlines()
    broken = boxed(3, "cow", None)
    one, other = boxed(1, "cat", BIG), boxed(2, "dog", LEFT_HALF)
    assert outlines.find_unusable([pictured(one, other, broken)])
    assert [item.record for item in outlines.rejections] == ["3"]
    covered = pictured(boxed(1, "cat", BIG), boxed(5, "dog", LEFT_HALF), boxed(6, "ox", RIGHT_HALF))
    assert outlines.find_unusable([covered])
    assert [item.record for item in outlines.rejections] == ["1", "3"]


def test_a_mask_is_decoded_once_however_often_it_sounds(monkeypatch):
    decoded = []
    whole = usable_masks.encode_segmentation

    def counted(*arguments):
        decoded.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(usable_masks, "encode_segmentation", counted)
    outlines = Outlines()
    scene = pictured(boxed(1, "cat", BIG))
    outlines.find_unusable([scene, scene])
    outlines.find_unusable([scene])
    assert len(decoded) == 1


def test_images_lose_their_unusable_objects_and_no_others():
    outlines = Outlines()
    images = [pictures(boxed(1, "cat", None), boxed(2, "dog", BIG))]
    assert outlines.without_unusable(images) is images
    outlines.find_unusable([pictured(boxed(1, "cat", None))])
    (left,) = outlines.without_unusable(images)
    assert [item.mask.id for item in left.objects] == [2]
    assert left.photo == images[0].photo


def by_image(photo: Photo) -> str:
    return f"of-{photo.id}.json"


def test_a_list_of_which_no_mask_can_be_read_is_refused_with_its_name_and_first_fault():
    outlines = Outlines(by_image)
    outlines.find_unusable([pictured(boxed(n, "cat", None), image=2) for n in (7, 5)])
    outlines.find_unusable([pictured(boxed(1, "cat", BIG), image=1)])
    with pytest.raises(InputError, match=r"^of-2\.json: all 2 masks .* 7: a polygon"):
        outlines.refuse_unreadable()
    for number in (8, 10):  # readable
        outlines.find_unusable([pictured(boxed(number, "cat", BIG), image=2)])
        outlines.refuse_unreadable()


def test_all_lists_are_named_of_which_none_can_be_read():
    outlines = Outlines(by_image)
    outlines.refuse_unreadable()
    for number in (1, 2):
        outlines.find_unusable([pictured(boxed(number, "cat", None), image=number)])
    with pytest.raises(InputError, match=r"^of-1\.json and of-2\.json: all 2 "):
        outlines.refuse_unreadable()
