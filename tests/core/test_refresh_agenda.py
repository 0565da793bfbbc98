from hypothesis import given
from hypothesis import strategies as st

from grokgate.refresh.agenda import AGAIN_S, PAUSE_S, Agenda

NOBODY: frozenset[str] = frozenset()


def _take(agenda: Agenda, now: float, *, most: int = 9, step: int = 9) -> list[str]:
    return agenda.take(now, most=most, step=step, busy=NOBODY)


def test_planned_token_is_taken_when_it_is_due() -> None:
    agenda = Agenda()
    agenda.plan("a", 10)

    assert _take(agenda, 9) == []
    assert agenda.next_at() == 10
    assert _take(agenda, 10) == ["a"]
    assert agenda.next_at() is None


def test_earliest_plan_counts() -> None:
    agenda = Agenda()
    for when in (10, 5, 20):
        agenda.plan("a", when)

    assert _take(agenda, 5) == ["a"]
    assert _take(agenda, 30) == []


def test_busy_token_is_looked_at_again() -> None:
    agenda = Agenda()
    agenda.plan("a", 1)

    assert agenda.take(1, most=9, step=9, busy={"a"}) == []
    assert agenda.next_at() == 1 + AGAIN_S


def test_planned_ones_go_before_the_line() -> None:
    agenda = Agenda()
    agenda.line_up("abc")
    agenda.plan("z", 0)

    assert _take(agenda, 0, most=2) == ["z", "a"]


def test_token_that_is_planned_leaves_the_line() -> None:
    agenda = Agenda()
    agenda.line_up("ab")
    agenda.plan("b", 0)

    assert _take(agenda, 0) == ["b", "a"]


def test_next_step_begins_a_pause_after_the_last_end() -> None:
    agenda = Agenda()
    agenda.line_up("abc")
    assert _take(agenda, 0, step=2) == ["a", "b"]
    agenda.ended("a", 3)
    assert agenda.next_at() is None
    agenda.ended("b", 4)

    assert agenda.next_at() == 4 + PAUSE_S
    assert _take(agenda, 4) == []
    assert _take(agenda, 4 + PAUSE_S) == ["c"]


def test_forgotten_tokens_hold_nothing_up() -> None:
    agenda = Agenda()
    agenda.line_up("abc")
    agenda.plan("d", 0)
    _take(agenda, 0, most=0, step=2)
    for token in "abd":
        agenda.forget(token, 0)

    assert _take(agenda, PAUSE_S) == ["c"]


def test_busy_token_of_a_step_is_done_with() -> None:
    agenda = Agenda()
    agenda.line_up("ab")

    assert agenda.take(0, most=9, step=1, busy={"a"}) == []
    assert _take(agenda, PAUSE_S) == ["b"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 1e6)), max_size=500))
def test_memory_is_bounded_however_often_plans_change(plans: list[tuple[str, float]]) -> None:
    agenda = Agenda()
    for token, when in plans:
        agenda.plan(token, when)
        agenda.line_up([token])

    assert len(agenda) <= 64 + 3 * 6 + 1
    assert sorted(_take(agenda, 1e6, step=1)) == sorted({token for token, _ in plans})
