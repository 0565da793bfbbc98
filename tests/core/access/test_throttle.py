"""Who guesses passwords is slowed down, source by source (F-AUTH-07, S5)."""

from typing import Any

import pytest

from grokgate.access.throttle import Throttle
from grokgate.bus import LocalNotes
from grokgate.errors import GatewayError, TooManyAttempts
from grokgate.testing import FakeClock

pytestmark = pytest.mark.anyio


async def fail(throttle: Throttle, address: str, times: int) -> GatewayError:
    error = await throttle.failed(address)
    for _ in range(times - 1):
        error = await throttle.failed(address)
    return error


async def test_the_fifth_failure_has_to_wait_a_second() -> None:
    throttle = Throttle(LocalNotes(FakeClock()))

    assert (await fail(throttle, "192.0.2.1", 4)).status == 401
    fifth = await throttle.failed("192.0.2.1")
    assert (fifth.status, fifth.code, fifth.retry_after_s) == (429, "too_many_attempts", 1.0)
    with pytest.raises(TooManyAttempts):
        await throttle.check("192.0.2.1")


async def test_the_wait_doubles_to_a_minute() -> None:
    clock = FakeClock()
    throttle = Throttle(LocalNotes(clock))
    waits: list[Any] = []
    for _ in range(13):
        waits.append((await throttle.failed("192.0.2.1")).retry_after_s)
        clock.advance(waits[-1] or 0)
        await throttle.check("192.0.2.1")

    assert waits == [None] * 4 + [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_another_source_does_not_wait() -> None:
    throttle = Throttle(LocalNotes(FakeClock()))
    await fail(throttle, "192.0.2.1", 9)

    await throttle.check("192.0.2.2")


async def test_a_network_of_ipv6_is_one_source() -> None:
    throttle = Throttle(LocalNotes(FakeClock()))
    await fail(throttle, "2001:db8:0:1::1", 5)

    with pytest.raises(TooManyAttempts):
        await throttle.check("2001:db8:0:1:ffff::2")
    await throttle.check("2001:db8:0:2::1")


async def test_success_and_a_quarter_of_an_hour_are_forgiven() -> None:
    clock = FakeClock()
    throttle = Throttle(LocalNotes(clock))
    await fail(throttle, "192.0.2.1", 4)
    await throttle.succeeded("192.0.2.1")
    assert (await throttle.failed("192.0.2.1")).status == 401

    await fail(throttle, "192.0.2.2", 4)
    clock.advance(901)
    assert (await throttle.failed("192.0.2.2")).status == 401


async def test_of_too_many_sources_the_oldest_is_forgotten() -> None:
    throttle = Throttle(LocalNotes(FakeClock(), most=2))
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        await fail(throttle, address, 5)

    await throttle.check("192.0.2.1")
    with pytest.raises(TooManyAttempts):
        await throttle.check("192.0.2.2")
