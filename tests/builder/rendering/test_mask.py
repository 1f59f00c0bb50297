import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from vpo_builder.rendering.mask import (
    BrokenMaskError,
    encode_png,
    encode_segmentation,
    horizontal_centre,
    is_hidden,
    merge_masks,
)

H, W = 48, 64


def encoded(segmentation: object) -> dict:
    return encode_segmentation(json.dumps(segmentation).encode(), H, W)


polygons = st.lists(
    st.tuples(st.floats(0, W, width=32), st.floats(0, H, width=32)), min_size=3, max_size=12
).map(lambda points: [value for point in points for value in point])


@given(st.lists(polygons, min_size=1, max_size=3))
def test_polygons_are_rendered_as_pycocotools_does(outlines: list[list[float]]) -> None:
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(outlines, H, W)))
    if not expected.any():
        with pytest.raises(BrokenMaskError, match="no pixel"):
            encoded(outlines)
    else:
        assert (coco_mask.decode(encoded(outlines)) == expected).all()


@pytest.mark.parametrize("piece", [[], [5, 5], [5, 5, 60, 40]])
@pytest.mark.parametrize("first", [True, False])
def test_a_point_or_a_line_among_polygons_adds_nothing(piece: list[int], first: bool) -> None:
    triangle = [10, 10, 30, 10, 30, 30]
    pieces = [piece, triangle] if first else [triangle, piece]
    assert encoded(pieces) == encoded([triangle])


@pytest.mark.parametrize(
    ("broken", "said"),
    [([[5, 5, 20, 20]], "no polygon of three points"), ({"counts": "1"}, "without 'size'")],
)
def test_what_is_no_outline_is_told(broken: object, said: str) -> None:
    with pytest.raises(BrokenMaskError, match=said):
        encoded(broken)


def test_a_polygon_may_leave_the_picture_by_its_sides() -> None:
    whole = encoded([[-W, -H, 2 * W, -H, 2 * W, 2 * H, -W, 2 * H]])
    assert coco_mask.decode(whole).all()


def test_an_outline_is_drawn_unless_its_edges_together_are_too_long() -> None:
    assert encoded([[0, 0, W, H] * 15_000 + [0, H]])  # of 30,000 edges, each of 64 steps


def test_a_segmentation_nested_without_end_is_refused() -> None:
    with pytest.raises(BrokenMaskError):
        encode_segmentation(b"[" * 100_000, H, W)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=40))
def test_run_lengths_are_read_packed_and_unpacked(runs: list[int]) -> None:
    counts = [0, *runs]
    counts.append(H * W - sum(counts))
    loose = {"size": [H, W], "counts": counts}
    packed = coco_mask.frPyObjects(loose, H, W)
    text = {"size": [H, W], "counts": packed["counts"].decode()}
    assert (coco_mask.decode(encoded(loose)) == coco_mask.decode(encoded(text))).all()


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [[1, 2, 3]],
        [[1.0, 2.0]],
        [["a", "b", "c", "d", "e", "f"]],
        [[1, 2, 3, 4, 5, float("nan")]],
        [[0, 0, 1e9, 0, 1e9, 1e9]],
        [[0, 0, 2 * W + 1, 0, W, H]],
        [[-W - 1, 0, W, 0, W, H]],
        [[0, -H - 1, W, 0, W, H]],
        [[0, 2 * H + 1, W, 0, W, H]],
        [[10**400, 0, W, 0, W, H]],
        [[0, 0, W, H] * 50_000],
        {"size": [H, W], "counts": [10, 20]},
        {"size": [H, W], "counts": [-10, 20, H * W - 10]},
        {"size": [9, 9], "counts": [0, 81]},
        {"size": [H, W], "counts": "\x00garbage"},
        {"size": [H, W]},
        "text",
        7,
        None,
    ],
)
def test_a_segmentation_that_is_no_outline_is_refused(broken: object) -> None:
    with pytest.raises(BrokenMaskError):
        encoded(broken)


def rectangle(x: int, y: int, w: int, h: int) -> dict:
    return encoded([[x, y, x + w, y, x + w, y + h, x, y + h]])


def test_the_smaller_of_two_masks_lies_on_top_in_any_order() -> None:
    large, small = rectangle(0, 0, 40, 40), rectangle(10, 10, 5, 5)
    merged = merge_masks([small, large], [17, 18])
    assert (merged == merge_masks([large, small], [18, 17])).all()
    assert merged[12, 12] == 17
    assert set(np.unique(merged)) == {0, 17, 18}


def test_a_mask_is_hidden_when_smaller_ones_cover_it_together() -> None:
    large = rectangle(10, 10, 10, 10)
    halves = [rectangle(10, 10, 5, 10), rectangle(15, 10, 5, 10)]
    assert is_hidden(large, halves)
    assert not is_hidden(large, halves[:1])
    assert not is_hidden(large, [rectangle(0, 0, 40, 40)])
    assert not is_hidden(halves[0], [large])


def test_a_mask_is_hidden_when_another_has_its_very_outline() -> None:
    one, same = rectangle(10, 10, 10, 10), rectangle(10, 10, 10, 10)
    assert is_hidden(one, [rectangle(0, 0, 5, 5), same])
    assert not is_hidden(one, [rectangle(11, 10, 10, 10)]), "as large, but beside it"


def test_pan_runs_from_left_to_right() -> None:
    assert horizontal_centre(rectangle(0, 0, W, 5), W) == 0.5
    assert horizontal_centre(rectangle(0, 0, 16, 5), W) == 0.125
    assert horizontal_centre(rectangle(48, 0, 16, 5), W) == 0.875


def test_the_png_holds_the_values_under_the_voc_palette() -> None:
    mask = np.arange(H * W, dtype=np.uint8).reshape(H, W)
    image = Image.open(io.BytesIO(encode_png(mask)))
    assert image.mode == "P"
    assert (np.asarray(image) == mask).all()
    palette = np.array(image.getpalette()).reshape(-1, 3)
    assert palette[[0, 1, 2, 15, 20, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [0, 64, 128],
        [224, 224, 192],
    ]
