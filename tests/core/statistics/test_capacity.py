from typing import Any

import pytest

from grokgate.forecast import Stock
from grokgate.statistics.capacity import Capacity, Kind, Room
from grokgate.tokens import Bucket, TokenState

NOW_MS = 1_795_000_200_000
HOUR_MS = 3_600_000
CHAT = Kind("web", ("ssoBasic", "ssoSuper"), ("auto",))
BOTH = Kind("web", ("ssoBasic",), ("auto", "day"))


def bucket(remaining: int, **more: Any) -> Bucket:
    return Bucket(remaining=remaining, **{"total": 50, "window_s": 7200, **more})


def account(*buckets: tuple[str, Bucket], **more: Any) -> TokenState:
    return TokenState(id="tok_1", buckets=dict(buckets), **more)


def room(kind: Kind, *states: TokenState, pool: str = "ssoBasic") -> Room:
    capacity = Capacity([kind], now_ms=NOW_MS)
    for state in states:
        capacity.add("web", pool, state)
    return capacity.rooms()[kind]


def test_accounts_of_the_kinds_pools_are_added_up() -> None:
    full, half = account(("auto", bucket(50))), account(("auto", bucket(25)))

    found = room(CHAT, full, half)
    assert (found.accounts, found.candidates, found.units, found.total) == (2, 2, 75, 100)
    assert room(CHAT, full, pool="another").accounts == 0


@pytest.mark.parametrize("status", ["expired", "disabled"])
def test_account_out_of_service_counts_for_nothing(status: Any) -> None:
    found = room(CHAT, account(("auto", bucket(50)), status=status))

    assert (found.accounts, found.candidates, found.total) == (0, 0, 0)


def test_scarcest_bucket_decides() -> None:
    found = room(BOTH, account(("auto", bucket(50)), ("day", bucket(3))))

    assert found.units == 3


def test_empty_account_tells_when_it_is_back() -> None:
    found = room(CHAT, account(("auto", bucket(0, reset_at_ms=NOW_MS + HOUR_MS))))

    assert (found.candidates, found.next_reset_ms) == (0, NOW_MS + HOUR_MS)


def test_quota_nobody_knows_is_said_to_be_unknown() -> None:
    found = room(CHAT, account(("auto", bucket(-1))), account())

    assert (found.candidates, found.unknown, found.units) == (2, 2, 0)


def test_window_that_is_over_makes_an_empty_account_unknown() -> None:
    found = room(CHAT, account(("auto", bucket(0, reset_at_ms=NOW_MS - 1))))

    assert (found.candidates, found.unknown) == (1, 1)


def test_account_that_cools_down_brings_its_units_back() -> None:
    until = NOW_MS + HOUR_MS
    found = room(CHAT, account(("auto", bucket(20)), status="cooling", cooldown_until_ms=until))

    (stock,) = found.stocks
    assert (found.candidates, found.units, found.next_reset_ms) == (0, 0, until)
    assert (stock.left, stock.total, stock.every_h) == (0, 20, None)


def test_windows_that_end_together_are_one_stock() -> None:
    ends = NOW_MS + HOUR_MS + 1
    states = [account(("auto", bucket(10, reset_at_ms=ends + n))) for n in range(5)]

    (stock,) = room(CHAT, *states).stocks
    assert stock.resets_in_h == pytest.approx(1, abs=0.2)
    assert stock == Stock(left=50, total=250, resets_in_h=stock.resets_in_h, every_h=2)
