"""Outlines of `instances.jsonl`: drawn as by pycocotools, and hostile ones are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from vpo_builder.dataset.instances import (
    Instance,
    decode_instances,
    decode_silent,
    draw_outline,
    pan_of,
)
from vpo_builder.dataset.manifest import encode_lines
from vpo_builder.rendering.mask import horizontal_centre
from vpo_builder.runtime.errors import InputError


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.02, 0.98), st.integers(0, 2**32 - 1))
def test_an_outline_and_its_pan_are_those_of_pycocotools(
    height: int, width: int, share: float, seed: int
) -> None:
    pixels = np.random.default_rng(seed).random((height, width)) < share
    pixels[height // 2, width // 2] = True
    code = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    assert np.array_equal(draw_outline(code["counts"].decode(), height, width), pixels)
    assert pan_of(code["counts"].decode(), height, width) == horizontal_centre(code, width)


def test_long_runs_take_several_units() -> None:
    pixels = np.zeros((700, 900), bool)
    pixels[3:690, 200:870] = True
    code = coco_mask.encode(np.asfortranarray(pixels, np.uint8))["counts"].decode()
    assert np.array_equal(draw_outline(code, 700, 900), pixels)


@pytest.mark.parametrize(
    "counts",
    ["", "0", "4", "p", "~", "/", "é", "o" * 99, "T", "22O2", "1", "20", "2P", "32", "40"],
)
def test_a_code_that_draws_nothing_or_leaves_its_picture_is_refused(counts: str) -> None:
    assert draw_outline("22", 2, 2).sum() == 2
    for read in (draw_outline, pan_of):
        with pytest.raises(ValueError, match=r"run|pixel"):
            read(counts, 2, 2)


def test_an_annotation_has_one_outline_in_a_sample() -> None:
    source, twin = Instance("a", 1, "22"), Instance("a", 2, "13", "bird")
    data = encode_lines([source, twin, Instance("b", 1, "22")])
    assert decode_instances(data) == {("a", 1): "22", ("b", 1): "22"}
    assert decode_silent(data) == {"a": (twin,)}
    doubled = encode_lines([source, Instance("a", 1, "13", "bird")])
    for decode in (decode_instances, decode_silent):
        with pytest.raises(InputError, match="annotation 1 of sample 'a': 2 outlines"):
            decode(doubled)
