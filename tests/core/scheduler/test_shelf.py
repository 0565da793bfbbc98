from random import Random

from hypothesis import given
from hypothesis import strategies as st

from grokgate.scheduler.shelf import BUSY, EMPTY, Shelf


def test_best_has_the_most_units() -> None:
    shelf = Shelf(("default",), frozenset())
    for slot, units in enumerate((3, 9, 5)):
        shelf.place(slot, units)

    assert shelf.best(Random(1)) == 1


def test_next_best_is_taken_when_the_first_is_skipped() -> None:
    shelf = Shelf(("default",), frozenset())
    for slot, units in enumerate((3, 9, 5)):
        shelf.place(slot, units)

    assert shelf.best(Random(1), {1}) == 2


def test_ties_are_broken_at_random() -> None:
    shelf = Shelf(("default",), frozenset())
    for slot in range(3):
        shelf.place(slot, 7)
    rng = Random(1)

    assert {shelf.best(rng) for _ in range(100)} == {0, 1, 2}


def test_anyone_may_be_the_emptiest() -> None:
    shelf = Shelf(("default",), frozenset())
    for slot, units in enumerate((1, 50)):
        shelf.place(slot, units)
    rng = Random(1)

    assert {shelf.anyone(rng) for _ in range(100)} == {0, 1}


def test_those_outside_are_counted_by_reason() -> None:
    shelf = Shelf(("default",), frozenset())
    for slot, rank in enumerate((EMPTY, BUSY, BUSY, 4)):
        shelf.place(slot, rank)

    assert (shelf.outside[-EMPTY], shelf.outside[-BUSY], len(shelf)) == (1, 2, 1)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(-5, 6)), max_size=60))
def test_picks_agree_with_a_plain_dictionary(changes: list[tuple[int, int]]) -> None:
    shelf, model, rng = Shelf(("default",), frozenset()), dict[int, int](), Random(0)
    for slot, rank in changes:
        shelf.place(slot, rank)
        model[slot] = rank
        top = max(model.values())
        candidates: set[int | None] = {slot for slot, rank in model.items() if rank > 0}
        fullest: set[int | None] = {slot for slot, rank in model.items() if rank == top > 0}

        assert len(shelf) == len(candidates)
        assert {shelf.anyone(rng)} <= (candidates or {None})
        assert {shelf.best(rng)} <= (fullest or {None})
