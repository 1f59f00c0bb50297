import gc
import weakref

from vpo_builder.runtime.cycle_collector import leaving_records, without_collecting


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


def test_records_are_left_alone_while_what_is_made_meanwhile_is_collected() -> None:
    class Knot:
        def __init__(self) -> None:
            self.itself = self

    older = weakref.ref(Knot())
    with leaving_records():
        with leaving_records():
            newer = weakref.ref(Knot())
        gc.collect()
        assert newer() is None
        assert older() is not None
    gc.collect()
    assert older() is None
