"""Tickets open one stream, once (F-AUTH-05)."""

import hashlib

import pytest

from grokgate.access.tickets import Tickets
from grokgate.bus import LocalNotes
from grokgate.testing import FakeClock

pytestmark = pytest.mark.anyio


def make(clock: FakeClock, key: str = "key") -> Tickets:
    def sign(text: str) -> bytes:
        return hashlib.sha256(f"{key}{text}".encode()).digest()

    return Tickets(clock, sign, LocalNotes(clock))


async def test_a_ticket_is_good_once() -> None:
    tickets = make(FakeClock())
    text = tickets.issue("as_1")

    assert await tickets.redeem(text) == (True, "as_1")
    assert await tickets.redeem(text) == (False, None)


async def test_a_ticket_is_good_for_a_minute() -> None:
    clock = FakeClock()
    tickets = make(clock)
    late, right = tickets.issue("as_1"), tickets.issue(None)
    clock.advance(59)
    assert await tickets.redeem(right) == (True, None)
    clock.advance(2)

    assert await tickets.redeem(late) == (False, None)


async def test_a_ticket_is_good_in_another_process_with_the_same_key() -> None:
    clock = FakeClock()
    text = make(clock).issue("as_1")

    assert await make(clock).redeem(text) == (True, "as_1")
    assert await make(clock, "another").redeem(text) == (False, None)


@pytest.mark.parametrize("text", ["", ".", "...", "é", "x" * 1000, "as_1.99999999999.x.00"])
async def test_what_is_no_ticket_is_refused(text: str) -> None:
    assert await make(FakeClock()).redeem(text) == (False, None)
