from collections.abc import Callable

import pytest

from core.dispatch_world import World
from grokgate.dispatch.daily import Days
from grokgate.plugin import Daily
from grokgate.testing import FakeUpstream
from grokgate.upstream import AccountFacts

pytestmark = pytest.mark.anyio
ONCE = Daily(name="sort", limit=1)
TWICE = Daily(name="sort", limit=2)
HOUR_S = 3600


@pytest.fixture
async def at(anyio_backend: str) -> World:
    """Accounts a and b, at noon, UTC."""
    del anyio_backend
    return World(FakeUpstream(), {"a": 10, "b": 10})


def days_of(at: World, offset_minutes: Callable[[], int] = lambda: 0) -> Days:
    return Days(at.home, at.clock, offset_minutes)


async def test_token_is_full_after_its_calls(at: World) -> None:
    days = days_of(at)
    for token in ("a", "a", "b"):
        days.count(TWICE, token, blocked=False)

    assert days.full(TWICE) == {"a"}


async def test_sorts_are_counted_apart(at: World) -> None:
    days = days_of(at)
    days.count(Daily(name="other", limit=1), "a", blocked=False)

    assert not days.full(ONCE)


async def test_blocked_call_uses_up_the_day(at: World) -> None:
    days = days_of(at)
    days.count(TWICE, "a", blocked=True)

    assert days.full(TWICE) == {"a"}


@pytest.mark.parametrize("daily", [None, Daily(name="sort", limit=0)])
async def test_without_a_limit_nobody_is_full(at: World, daily: Daily | None) -> None:
    days = days_of(at)
    days.count(daily, "a", blocked=True)

    assert not days.full(daily)
    assert not days.full(ONCE)


async def test_counts_go_on_after_a_restart(at: World) -> None:
    days_of(at).count(TWICE, "a", blocked=False)

    later = days_of(at)
    later.count(TWICE, "a", blocked=False)

    assert later.full(TWICE) == {"a"}
    assert days_of(at).full(TWICE) == {"a"}


async def test_counts_of_yesterday_are_not_read(at: World) -> None:
    days_of(at).count(ONCE, "a", blocked=False)
    at.clock.advance(24 * HOUR_S)

    assert not days_of(at).full(ONCE)


@pytest.mark.parametrize("note", ["", "x", "1:2", "739000", "739000:", "739000:-1"])
async def test_note_that_is_none_counts_nothing(at: World, note: str) -> None:
    at.home.learned("a", AccountFacts(keep={"day:sort": note}), since=0)

    assert not days_of(at).full(ONCE)


@pytest.mark.parametrize(("offset_minutes", "hours"), [(0, 12), (480, 4), (-720, 24)])
async def test_day_begins_where_the_operator_says(
    at: World, offset_minutes: int, hours: int
) -> None:
    days = days_of(at, lambda: offset_minutes)
    days.count(ONCE, "a", blocked=False)

    at.clock.advance(hours * HOUR_S - 1)
    before = days.full(ONCE)
    at.clock.advance(1)

    assert before == {"a"}
    assert not days.full(ONCE)


async def test_refusal_names_the_next_day_but_no_more_than_an_hour(at: World) -> None:
    days = days_of(at)
    at_noon = days.refusal().retry_after_s
    at.clock.advance(12 * HOUR_S - 90)

    assert (at_noon, days.refusal().retry_after_s) == (HOUR_S, 90)
