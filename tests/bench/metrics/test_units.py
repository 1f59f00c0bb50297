import numpy as np
import pytest
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


@given(ITEMS, st.integers(1, 6), st.sampled_from([1, 12, 1 << 18]), st.data())
def test_sums_are_those_of_plain_vectors_whatever_is_taken_at_a_time(
    items, at_a_time, product, data
):
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "UNITS_AT_A_TIME", at_a_time)
        patch.setattr(units, "AT_A_TIME", product)
        assert np.array_equal(found.sums(weights), weights @ vectors)
    assert found.whole == Confusion(3, vectors.sum(axis=0).reshape(3, 3))


def test_of_no_units_there_are_whole_numbers_of_nothing():
    none = Units.of([], Confusion.empty(2))
    assert (none.ids, none.whole) == ((), Confusion.empty(2))
    assert none.sums(np.ones((1, 0))).tolist() == [[0] * 4]
    assert none.rows.dtype == none.places.dtype == np.int64


def test_no_product_is_so_large_that_it_is_shared_among_threads():
    random = np.random.default_rng(0)
    flat = [
        (f"p{n:03}", [place for k in range(20) for place in (7 * n + k, 1)]) for n in range(300)
    ]
    found, products = Units.of(flat, Confusion.empty(60)), []

    class Watched(np.ndarray):
        def __matmul__(self, other):
            products.append(self.shape[0] * other.size)
            return np.asarray(self) @ other

    weights = random.integers(0, 3, (90, 300)).astype(np.float64)
    sums = found.sums(weights.view(Watched))
    assert max(products) <= 1 << 18
    assert np.array_equal(sums.sum(axis=1), 20 * weights.sum(axis=1))
