import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.metrics import Confusion, units
from avs_bench.metrics.units import Units

ITEMS = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.lists(st.tuples(st.integers(0, 8), st.integers(1, 2**40)), max_size=4),
    ),
    min_size=1,
    max_size=12,
)


@given(ITEMS, st.integers(1, 6), st.data())
def test_sums_are_those_of_plain_vectors_whatever_is_taken_at_a_time(items, at_a_time, data):
    flat = [(unit, [number for pair in told for number in pair]) for unit, told in items]
    found = Units.of(flat, Confusion.empty(3))
    dense = {unit: np.zeros(9, np.int64) for unit in sorted({unit for unit, _ in items})}
    for unit, told in items:
        for place, count in told:
            dense[unit][place] += count
    assert found.ids == tuple(dense)
    drawn = st.lists(st.integers(0, 3), min_size=len(dense), max_size=len(dense))
    weights = np.array(data.draw(st.lists(drawn, min_size=1, max_size=3)), np.float64)
    vectors = np.stack(list(dense.values()))
    before, units.UNITS_AT_A_TIME = units.UNITS_AT_A_TIME, at_a_time
    try:
        assert np.array_equal(found.sums(weights), weights @ vectors)
    finally:
        units.UNITS_AT_A_TIME = before
    assert found.whole == Confusion(3, vectors.sum(axis=0).reshape(3, 3))


def test_of_no_units_there_are_whole_numbers_of_nothing():
    none = Units.of([], Confusion.empty(2))
    assert (none.ids, none.whole) == ((), Confusion.empty(2))
    assert none.sums(np.ones((1, 0))).tolist() == [[0] * 4]
    assert none.rows.dtype == none.places.dtype == np.int64
