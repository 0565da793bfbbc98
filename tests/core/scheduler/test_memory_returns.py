"""What time alone changes is stored too: tables of accounts are read from the store."""

import anyio
import pytest

from core.scheduler.memory_world import MakeToken, Setting
from grokgate.testing.clock import FakeClock
from grokgate.tokens.record import Bucket, TokenRecord
from grokgate.upstream import Kind

pytestmark = pytest.mark.anyio


def _emptied(basic: MakeToken, *, reset_in_s: float) -> TokenRecord:
    """A token whose only window is spent."""
    now_ms = int(FakeClock().now().timestamp() * 1000)
    bucket = Bucket(remaining=0, total=10, reset_at_ms=now_ms + int(reset_in_s * 1000))
    return basic("a", {"default": bucket}, status="cooling")


async def test_token_that_a_call_wakes_is_stored_as_active(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b"))
    at.settle(await at.lease(only="a"), Kind.QUOTA, reset_in_s=7)
    await at.home.flush()
    asleep = at.store.states["a"].status
    at.clock.advance(7)

    await at.lease(only="b")
    await at.home.flush()

    assert (asleep, at.store.states["a"].status) == ("cooling", "active")


async def test_token_is_stored_as_active_though_nobody_calls(basic: MakeToken) -> None:
    at = Setting(_emptied(basic, reset_in_s=7))
    at.clock.advance(7)
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.run)
        with anyio.fail_after(5):
            await at.store.written.wait()
        group.cancel_scope.cancel()

    state = at.store.states["a"]
    assert (state.status, state.evidence) == ("active", "time")
    assert state.buckets["default"].remaining == 10


async def test_window_that_ended_while_the_program_was_off_is_stored(basic: MakeToken) -> None:
    at = Setting(_emptied(basic, reset_in_s=-60))

    await at.home.flush()

    assert at.store.states["a"].status == "active"


async def test_status_that_the_numbers_belie_is_stored_as_they_say(basic: MakeToken) -> None:
    at = Setting(basic("there"))
    await at.home.edited([basic("a", 10, status="cooling", state_reason="quota")])

    await at.home.flush()

    assert at.store.states["a"].status == "active"


async def test_token_that_is_as_it_was_stored_is_not_written(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 0, status="cooling"), basic("c", status="disabled"))

    await at.home.flush()

    assert at.store.states == {}
