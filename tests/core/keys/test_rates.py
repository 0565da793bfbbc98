"""Requests per minute and at once, exactly (F-KEY-08)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.bus import LocalPlaces
from grokgate.errors import LimitExceeded
from grokgate.keys import Rate, Rates
from grokgate.plugin import Caller
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio


def rates_of(clock: FakeClock) -> Rates:
    places = LocalPlaces(clock)
    return Rates(lambda: places)


def caller(rpm: int | None = None, max_inflight: int | None = None) -> Caller:
    return Caller(key_id="k", name="k", rpm=rpm, max_inflight=max_inflight)


@given(
    rpm=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 40, allow_nan=False), max_size=60),
)
async def test_no_minute_has_more_requests_than_allowed(rpm: int, pauses: list[float]) -> None:
    clock = FakeClock()
    rates, key, admitted = rates_of(clock), caller(rpm), list[float]()
    for pause in pauses:
        clock.advance(pause)
        try:
            await rates.enter(key)
        except LimitExceeded:
            continue
        admitted.append(clock.monotonic())

    for at in admitted:
        assert sum(at <= other < at + 60 for other in admitted) <= rpm


async def test_refusal_says_when_the_next_request_fits() -> None:
    clock = FakeClock()
    rates, key = rates_of(clock), caller(rpm=2)
    await rates.enter(key)
    clock.advance(10)
    await rates.enter(key)
    with pytest.raises(LimitExceeded) as refused:
        await rates.enter(key)

    assert refused.value.retry_after_s == pytest.approx(50)
    clock.advance(50)
    await rates.enter(key)


async def test_refused_requests_do_not_count() -> None:
    clock = FakeClock()
    rates, key = rates_of(clock), caller(rpm=1)
    await rates.enter(key)
    clock.advance(59)
    with pytest.raises(LimitExceeded):
        await rates.enter(key)
    clock.advance(1)

    await rates.enter(key)


async def test_rate_tells_what_is_left() -> None:
    clock = FakeClock()
    rates, key = rates_of(clock), caller(rpm=2)
    await rates.enter(key)
    first = rates.rate(key)
    clock.advance(20)
    await rates.enter(key)
    clock.advance(10)
    with pytest.raises(LimitExceeded):
        await rates.enter(key)

    assert first == Rate(2, 1, 60)
    assert rates.rate(key) == Rate(2, 0, 50)


async def test_request_that_has_left_makes_room() -> None:
    rates, key = rates_of(FakeClock()), caller(max_inflight=1)
    await rates.enter(key)
    with pytest.raises(LimitExceeded):
        await rates.enter(key)
    rates.leave(key)

    await rates.enter(key)


async def test_too_many_at_once_do_not_use_up_the_minute() -> None:
    rates, key = rates_of(FakeClock()), caller(rpm=2, max_inflight=1)
    await rates.enter(key)
    with pytest.raises(LimitExceeded):
        await rates.enter(key)
    rates.leave(key)

    await rates.enter(key)


async def test_keys_without_limits_are_not_counted() -> None:
    rates, key = rates_of(FakeClock()), caller()
    for _ in range(1000):
        await rates.enter(key)

    assert rates.rate(key) is None
