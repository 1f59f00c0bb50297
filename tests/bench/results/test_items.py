import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.results.items import Items, ScoredItem, as_list, encoded
from avs_bench.results.records import ScoredSet

NAMES = st.text("ab", min_size=1, max_size=2)
COUNTS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4).map(tuple)
GROUPS = st.dictionaries(NAMES, st.lists(NAMES, max_size=2).map(tuple), max_size=2)
LISTS = st.lists(st.builds(ScoredItem, NAMES, NAMES, GROUPS, COUNTS), max_size=5)


@given(LISTS, st.data())
def test_columns_give_back_every_item_in_any_choice_of_them(items, data):
    kept = Items.of(items)
    assert list(kept) == items == [kept[place] for place in range(len(items))]
    assert (len(kept), kept[-2:]) == (len(items), Items.of(items[-2:]))
    one = st.integers(0, max(len(items) - 1, 0))
    places = data.draw(st.lists(one, max_size=4 if items else 0))
    assert kept.take(places) == Items.of([items[place] for place in places])
    assert msgspec.json.decode(encoded(kept), type=list[ScoredItem]) == items
    assert encoded(kept) == msgspec.json.encode(items)


@given(LISTS, LISTS)
def test_columns_are_equal_where_their_items_are(some, others):
    assert (Items.of(some) == Items.of(others)) == (some == others)
    assert hash(Items.of(some)) == hash(Items.of(list(some)))


def test_many_items_take_little():
    items = [
        ScoredItem(f"p{n}", f"p{n}", {"size": ("large",)}, (0, 10**6, 7, 10**5 + n))
        for n in range(500)
    ]
    kept = Items.of(msgspec.json.decode(msgspec.json.encode(items), type=list[ScoredItem]))
    assert kept.told.nbytes == 500 * 4 * 8
    assert len(set(map(id, kept.groups))) == 1
    assert kept.ids[7] is kept.units[7] is sys.intern("p7")


def test_a_set_takes_any_sequence_and_keeps_columns():
    items = [ScoredItem("a", "a", {}, (0, 2)), ScoredItem("b", "b", {}, (3, 1))]
    kept = ScoredSet("dataset", 2, items)
    assert isinstance(kept.items, Items)
    assert kept == ScoredSet("dataset", 2, tuple(items)) == ScoredSet("dataset", 2, kept.items)
    assert kept.among({"b", "c"}) == ScoredSet("dataset", 2, items[1:])
    assert kept.item_ids == ("a", "b")


def test_what_no_int64_holds_is_no_count():
    with pytest.raises(ValueError, match="item 'x' has counts that are no counts"):
        Items.of([ScoredItem("x", "x", {}, (0, 2**63))])


def test_nothing_else_is_written_as_a_list():
    with pytest.raises(NotImplementedError, match="object"):
        as_list(object())
