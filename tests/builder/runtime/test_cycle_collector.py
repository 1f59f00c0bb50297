import gc

from vpo_builder.runtime.cycle_collector import without_collecting


def test_the_collector_is_off_within_and_as_it_was_after() -> None:
    with without_collecting():
        assert not gc.isenabled()
        with without_collecting():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_gathers_is_left_to_the_oldest_generation_and_still_collected() -> None:
    class Knot:
        pass

    with without_collecting():
        knot = Knot()
        knot.itself = knot
    assert any(item is knot for item in gc.get_objects(generation=2))
    number = id(knot)
    del knot
    gc.collect()
    assert number not in {id(item) for item in gc.get_objects() if isinstance(item, Knot)}
