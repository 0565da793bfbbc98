"""Tickets open one stream, once (F-AUTH-05)."""

import hashlib

import pytest

from grokgate.access.tickets import Tickets
from grokgate.testing import FakeClock


def make(clock: FakeClock, key: str = "key") -> Tickets:
    return Tickets(clock, lambda text: hashlib.sha256(f"{key}{text}".encode()).digest())


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


def test_a_ticket_is_good_in_another_process_with_the_same_key() -> None:
    clock = FakeClock()
    text = make(clock).issue("as_1")

    assert make(clock).redeem(text) == (True, "as_1")
    assert make(clock, "another").redeem(text) == (False, None)


@pytest.mark.parametrize("text", ["", ".", "...", "é", "x" * 1000, "as_1.99999999999.x.00"])
def test_what_is_no_ticket_is_refused(text: str) -> None:
    assert make(FakeClock()).redeem(text) == (False, None)
