"""Counting takes one of several ways by the labels that it meets; each gives the same counts."""

import numpy as np
import pytest

from avs_bench.metrics import Confusion, counting
from avs_bench.metrics.counting import _all_below, _has_long_runs, nan_mean, pixel_chunks, ratio
from vpo_builder.runtime.errors import InputError


def test_pixels_come_in_pieces_of_a_chunk_and_cut_out_pictures_one_by_one(monkeypatch):
    monkeypatch.setattr(counting, "CHUNK_PIXELS", 16)
    padded = np.arange(2 * 4 * 6).reshape(2, 4, 6)
    for arrays, sizes in (
        ([padded, padded], [16, 16, 16]),
        ([padded[..., 1:], padded[..., 1:]], [16, 4, 16, 4]),
        ([padded, padded[..., ::-1]], [16, 8, 16, 8]),
        ([padded[0, :, 1:]], [16, 4]),
    ):
        pieces = list(pixel_chunks(*arrays))
        assert [piece[0].size for piece in pieces] == sizes
        for got, given in zip(zip(*pieces, strict=True), arrays, strict=True):
            assert np.concatenate(got).tolist() == given.ravel().tolist()
    (crop,) = [whole for (whole,) in pixel_chunks(padded[0, :2, :])]
    assert np.shares_memory(crop, padded)


def test_runs_are_looked_for_where_they_are_eight_pixels_long():
    assert _has_long_runs(np.array([1, 2, 2, 2, 2, 2, 2, 2]))  # one change in eight pixels
    assert not _has_long_runs(np.array([1, 2, 2, 2, 2, 2, 2]))
    assert _has_long_runs(np.repeat([1, 2, 3], 8))
    assert not _has_long_runs(np.repeat(np.arange(7), 6))


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_an_ignored_label_behind_the_last_class_hides_no_other(dtype):
    target = np.array([0, 1, 3, 3], dtype)
    assert Confusion.of(target % 3, target, 3, ignore=3) == Confusion.of([0, 1], [0, 1], 3)
    within = np.array([0, 1, 2, 2], dtype)
    assert Confusion.of(within, within, 3, ignore=3).pixels == 4
    target[0] = 9
    with pytest.raises(InputError, match=r"^target: label 9 at \[0\]: expected 0 to 2"):
        Confusion.of(target % 3, target, 3, ignore=3)


@pytest.mark.parametrize(
    ("labels", "classes", "below"),
    [
        (np.array([0, 3], np.int8), 200, True),
        (np.array([0, -1], np.int8), 200, False),
        (np.array([0, 0], np.uint8), 1, True),
        (np.array([0, 1], np.uint8), 1, False),
        (np.array([0, -1], np.int8), 1, False),
    ],
)
def test_labels_that_all_are_classes_need_no_looking_through(labels, classes, below):
    assert _all_below(labels, classes) is below


@pytest.mark.parametrize(("dtype", "largest"), [("int8", 127), ("uint8", 255)])
def test_the_largest_label_of_a_type_may_be_no_class(dtype, largest):
    labels = np.array([0, largest], dtype)
    with pytest.raises(InputError, match=f"target: label {largest} at"):
        Confusion.of(np.zeros_like(labels), labels, largest, ignore=-1)
    assert Confusion.of(labels, labels, largest + 1, ignore=-1).matrix[largest, largest] == 1


def test_labels_of_a_type_that_cannot_name_all_classes_are_counted_beside_ignored_ones():
    target = np.array([3, 3, 7, -100], np.int8)
    confusion = Confusion.of(np.array([3, 7, 7, 0], np.int8), target, 200, ignore=-100)
    assert confusion.pixels == 3
    assert (confusion.matrix[3, 3], confusion.matrix[3, 7], confusion.matrix[7, 7]) == (1, 1, 1)


@pytest.mark.parametrize("classes", [4, 300])
def test_of_no_pixels_all_counts_are_nothing(classes):
    nothing = np.zeros((0, 4, 4), np.int8)
    assert Confusion.of(nothing, nothing, classes) == Confusion.empty(classes)


def test_a_ratio_is_a_fraction_even_of_whole_numbers_and_of_nothing_what_is_asked():
    assert ratio(1, 4, empty=0).tolist() == 0.25
    assert ratio(np.array([1, 0]), np.array([2, 0]), empty=7).tolist() == [0.5, 7]
    assert ratio(1, np.array([2, 4]), empty=7).tolist() == [0.5, 0.25]
    rows = np.array([[1.0, np.nan, 0.5], [0.0, 0.25, 0.5], [np.nan] * 3])
    assert nan_mean(rows).tolist()[:2] == [0.75, 0.25]
    assert np.isnan(nan_mean(rows)[2])
