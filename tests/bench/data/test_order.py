from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.data.order import TrainingOrder, evaluation_batches


@given(examples=st.integers(1, 40), batch_size=st.integers(1, 50), first=st.integers(0, 5))
def test_the_order_is_the_same_from_wherever_it_begins(examples, batch_size, first):
    order = TrainingOrder(examples, batch_size, seed=3)
    whole = list(order.batches(0, 8))
    assert list(order.batches(first, 8)) == whole[first:]
    assert all(len(batch) == batch_size for batch in whole)


@pytest.mark.parametrize(("examples", "batch_size"), [(10, 4), (3, 16), (7, 7), (1, 2)])
def test_every_pass_holds_every_example_once(examples, batch_size):
    draws = [d for batch in TrainingOrder(examples, batch_size, 0).batches(0, 40) for d in batch]
    for epoch in range(draws[-1].epoch):
        seen = Counter(draw.index for draw in draws if draw.epoch == epoch)
        assert seen == Counter(range(examples))


def test_passes_and_seeds_differ():
    def first_pass(seed: int, epoch: int) -> list[int]:
        batch = TrainingOrder(20, 20, seed).batch(epoch)
        return [draw.index for draw in batch]

    assert len({tuple(first_pass(s, e)) for s in (0, 1) for e in (0, 1)}) == 4


def test_an_epoch_has_at_least_one_step():
    assert TrainingOrder(230, 16, 0).steps_per_epoch == 14
    assert TrainingOrder(3, 16, 0).steps_per_epoch == 1


@given(
    sizes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=30),
    batch_size=st.integers(1, 5),
)
def test_evaluation_takes_everything_once_in_batches_of_one_size(sizes, batch_size):
    clips = [(SimpleNamespace(height=height, width=width),) for height, width in sizes]
    batches = list(evaluation_batches(clips, batch_size))
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    for batch in batches:
        assert len(batch) <= batch_size
        assert len({sizes[index] for index in batch}) == 1
