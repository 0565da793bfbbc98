"""Tickets open one stream, once (F-AUTH-05)."""

import hashlib

from grokgate.access.tickets import Tickets
from grokgate.testing import FakeClock


def make(clock: FakeClock) -> Tickets:
    return Tickets(clock, lambda text: hashlib.sha256(text.encode()).digest())


def test_a_ticket_is_good_once() -> None:
    tickets = make(FakeClock())
    text = tickets.issue("as_1")

    assert tickets.redeem(text) == (True, "as_1")
    assert tickets.redeem(text) == (False, None)


def test_a_ticket_is_good_for_a_minute() -> None:
    clock = FakeClock()
    tickets = make(clock)
    late, right = tickets.issue("as_1"), tickets.issue(None)
    clock.advance(59)
    assert tickets.redeem(right) == (True, None)
    clock.advance(2)

    assert tickets.redeem(late) == (False, None)


def test_all_tickets_end_together() -> None:
    tickets = make(FakeClock())
    text = tickets.issue("as_1")
    tickets.clear()

    assert tickets.redeem(text) == (False, None)
