"""Operators see when whole pools are asked next (F-UI-20)."""

from datetime import timedelta

import pytest

import grokgate_chat
from core.refresh_world import World, record, running
from grokgate.refresh import FIRST_ROUND_S
from grokgate.testing import running_gateway
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio


def seconds_left(at: World) -> float | None:
    next_at = at.refresh.next_round_at
    return None if next_at is None else (next_at - at.clock.now()).total_seconds()


async def test_first_round_comes_a_minute_after_the_start_and_the_next_by_the_interval() -> None:
    async with running(record("a"), refresh_interval_hours=1) as at:
        first = seconds_left(at)
        await at.move(FIRST_ROUND_S)

        assert (first, seconds_left(at)) == (FIRST_ROUND_S, 3600.0)


async def test_no_round_comes_while_it_is_switched_off() -> None:
    async with running(record("a"), auto_refresh=False) as at:
        assert at.refresh.next_round_at is None


async def test_table_of_accounts_tells_it() -> None:
    clock = FakeClock()
    settings = {"token.auto_refresh": True}
    gateway = running_gateway(grokgate_chat, clock=clock, settings=settings)
    async with gateway as gw, gw.operator() as admin:
        totals = (await admin.get("/tokens/list")).json()["totals"]
    expected = clock.now() + timedelta(seconds=FIRST_ROUND_S)

    assert totals["next_refresh_at"] == int(expected.timestamp() * 1000)
