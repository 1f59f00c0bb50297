import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.metrics import (
    Confusion,
    FrameScores,
    Grouped,
    VideoScores,
    miou_dataset,
    size_band,
)
from avs_bench.metrics.arrays import first_place, nearest_labels
from avs_bench.metrics.record import SAME, Record, from_units, to_units
from vpo_builder.runtime.errors import InputError


def some_records():
    labels = np.random.default_rng(0).integers(0, 3, (2, 4, 5, 6))
    return (
        Confusion.of(*labels, 3),
        FrameScores.of(*labels, 3),
        VideoScores.of(labels[0] - 1.0, labels[1] > 0),
    )


@pytest.mark.parametrize("record", some_records(), ids=lambda record: type(record).__name__)
class TestRecords:
    def test_vectors_add_like_records(self, record):
        assert np.array_equal((record + record).vector(), 2 * record.vector())
        assert record.with_vector(2 * record.vector()) == sum([record, record])

    def test_a_copy_from_another_process_is_equal_and_read_only(self, record):
        copy = pickle.loads(pickle.dumps(record))
        assert copy == record
        assert not any(getattr(copy, name).flags.writeable for name in copy.shapes())

    def test_equal_records_have_equal_hashes_and_others_others(self, record):
        same = record.with_vector(record.vector())
        assert not any(getattr(same, name).flags.writeable for name in same.shapes())
        assert hash(same) == hash(record)
        assert hash(record + record) != hash(record)

    def test_only_records_of_one_kind_add(self, record):
        with pytest.raises(TypeError):
            record + 1
        with pytest.raises(TypeError):
            record + "record"
        with pytest.raises(TypeError):
            0.0 + record
        assert record != record.vector().tolist()

    def test_counts_stay_whole_numbers(self, record):
        made = record.with_vector(record.vector().astype(float))
        assert made.vector().dtype == np.int64
        shapes = made.shapes()
        for name in type(record).__slots__:
            count = getattr(made, name)
            assert count.dtype == np.int64 if name in shapes else type(count) is int


def test_scores_are_whole_units_of_any_type():
    for dtype in (np.float16, np.float32, np.float64):
        units = to_units(np.array([0.5, 1], dtype))
        assert units.dtype == np.int64
        assert units.tolist() == [2**39, 2**40]
    assert from_units(3 * 2**39).tolist() == 1.5


def test_negative_counts_are_none():
    with pytest.raises(InputError, match="expected counts, got -1"):
        Confusion(2, [[1, 0], [-1, 2]])
    with pytest.raises(InputError, match="expected counts, got -1"):
        Confusion.empty(2).with_vector(np.array([1, 0, -1, 2]))


def test_counts_given_as_other_numbers_are_int64():
    assert Confusion(2, np.ones((2, 2))).matrix.dtype == np.int64


@dataclass(frozen=True, eq=False)
class Walks(Record):
    """Steps, which add up among walkers of one shoe size alone."""

    shoe: int = field(metadata=SAME)
    steps: int

    def shapes(self):
        return {}


def test_what_does_not_add_tells_records_apart_too():
    assert Walks(40, 7) == Walks(40, 7) != Walks(41, 7)


def test_records_of_other_class_tables_do_not_add():
    zeros = np.zeros((1, 2, 2), int)
    with pytest.raises(InputError, match="classes 2 and 3"):
        FrameScores.of(zeros, zeros, 2) + FrameScores.of(zeros, zeros, 3)


def confusion_of(seed):
    labels = np.random.default_rng(seed).integers(0, 3, (2, 4, 5))
    return Grouped.of(Confusion.of(*labels, 3), sources=1 + seed % 2, odd=["no", "yes"][seed % 2])


def test_processes_add_up_to_one_pass():
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        parts = list(pool.map(confusion_of, range(6)))
    assert sum(parts).records == sum(confusion_of(seed) for seed in reversed(range(6))).records


class TestGroups:
    @given(st.lists(st.integers(1, 3), min_size=1, max_size=8))
    def test_groups_of_a_kind_add_up_to_the_whole(self, sources):
        records = [confusion_of(i).overall for i in range(len(sources))]
        grouped = sum(
            Grouped.of(record, sources=n) for record, n in zip(records, sources, strict=True)
        )
        assert sum(grouped.kind("sources").values()) == grouped.overall == sum(records)
        assert list(grouped.kind("sources")) == sorted({str(n) for n in sources})

    def test_a_record_may_be_in_several_groups_of_a_kind_or_in_none(self):
        record = Confusion(2, [[1, 0], [0, 1]])
        grouped = Grouped.of(record, group=("counterfactual", "some-silent"), subset=())
        assert grouped["group", "counterfactual"] == grouped["group", "some-silent"] == record
        assert grouped.kind("subset") == {}

    def test_figures_of_every_group(self):
        record = Confusion(2, [[1, 0], [0, 1]])
        figures = Grouped.of(record, subset="v1s").figures(miou_dataset)
        assert {group: float(figure) for group, figure in figures.items()} == {
            ("all", "all"): 1,
            ("subset", "v1s"): 1,
        }

    def test_a_copy_from_another_process_is_the_same_and_read_only(self):
        grouped = confusion_of(3)
        copy = pickle.loads(pickle.dumps(grouped))
        assert copy.records == grouped.records
        with pytest.raises(TypeError):
            copy.records["all", "all"] = grouped.overall

    def test_nothing_else_adds(self):
        with pytest.raises(TypeError):
            Grouped.of(Confusion.empty(2)) + Confusion.empty(2)
        for other in (1, 0.0):
            with pytest.raises(TypeError):
                other + Grouped.of(Confusion.empty(2))


@pytest.mark.parametrize(
    ("sounding", "band"),
    [(0, "none"), (1, "small"), (3, "small"), (4, "medium"), (15, "medium"), (16, "large")],
)
def test_size_bands_of_the_share_of_counted_pixels(sounding, band):
    target = np.zeros(200, np.uint8)
    target[100:] = 255
    target[:sounding] = 7
    assert size_band(target.reshape(10, 20)) == band


def test_ignored_pixels_are_no_part_of_a_picture_and_all_of_them_no_picture():
    target = np.zeros(100, np.uint8)
    target[:40], target[40:49] = 255, 3
    assert size_band(target) == "medium"  # 9 of 60, 15 %
    assert size_band(np.full(4, 255)) == "none"
    with pytest.raises(InputError, match=r"^target: expected class indices"):
        size_band(target / 1.0)


def test_a_place_is_named_with_the_number_of_others():
    assert first_place(np.array([[False, True], [True, True]])) == "at [0, 1] and 2 more"
    assert first_place(np.array([[False, True]]), within=(3,)) == "at [3, 0, 1]"


def test_maps_of_the_size_that_is_asked_for_are_handed_on():
    labels = np.arange(12).reshape(1, 3, 4)
    assert nearest_labels(labels, (3, 4)) is labels
    assert nearest_labels(labels, (1, 2)).tolist() == [[[5, 7]]]
