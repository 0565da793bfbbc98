"""A jump of the wall clock by an hour frees nothing early and keeps nothing out for long (I9)."""

from collections.abc import Callable, Sequence
from random import Random

import pytest
import structlog
from msgspec import Struct

from grokgate.errors import NoTokenAvailable
from grokgate.scheduler.home import Lease, Want
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.token import TokenSettings
from grokgate.testing.clock import FakeClock
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import Kind, Observation, Stage

pytestmark = pytest.mark.anyio
MakeToken = Callable[..., TokenRecord]

HOUR_S = 3600.0
WINDOW_S = 7200
COOL_CAP_S = 600.0
"""Longest cool-down (reliability section 2)."""

jumps = pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])


class Settings(Struct, frozen=True, kw_only=True):
    token: TokenSettings = TokenSettings()
    limits: LimitsSettings = LimitsSettings()


async def _write(_states: Sequence[TokenState]) -> None:
    return


def home(clock: FakeClock, record: TokenRecord) -> MemoryHome:
    made = MemoryHome(
        specs=[FakeUpstream().spec()],
        settings=Settings,
        clock=clock,
        rng=Random(1),
        log=structlog.get_logger(),
        writer=_write,
    )
    made.load([record])
    return made


async def leased(home: MemoryHome, clock: FakeClock) -> Lease:
    want = Want(
        request_id="r",
        key_id="k",
        model="grok-4",
        deadline=clock.monotonic(),
        upstream="web",
        pools=("ssoBasic",),
        buckets=("default",),
        units=1,
    )
    return await home.acquire(want)


def stored(clock: FakeClock, token: MakeToken, *, cooling_s: float, remaining: int) -> TokenRecord:
    """Make a token that waits for the end of a cool-down, and for its window if it is empty."""
    now_ms = int(clock.now().timestamp() * 1000)
    bucket = Bucket(remaining=remaining, total=10, window_s=WINDOW_S, reset_at_ms=now_ms + 1000)
    return token(
        "a",
        {"default": bucket},
        "ssoBasic",
        status="cooling",
        state_reason="forbidden" if remaining else "quota",
        cooldown_until_ms=now_ms + round(cooling_s * 1000),
    )


@jumps
async def test_cool_down_lasts_as_long_as_it_was_meant_to(token: MakeToken, jump_s: float) -> None:
    clock = FakeClock()
    at = home(clock, stored(clock, token, cooling_s=30, remaining=10))

    clock.jump(jump_s)
    clock.advance(29)
    with pytest.raises(NoTokenAvailable):
        await leased(at, clock)
    clock.advance(1)
    assert (await leased(at, clock)).token == "a"


@jumps
async def test_open_lease_stays_open_and_is_charged_once(token: MakeToken, jump_s: float) -> None:
    clock = FakeClock()
    at = home(clock, token("a", 1, "ssoBasic"))
    lease = await leased(at, clock)

    clock.jump(jump_s)
    with pytest.raises(NoTokenAvailable):
        await leased(at, clock)
    assert at.view().leases_open == 1

    answered = Observation(operation="converse", kind=Kind.OK, stage=Stage.CONTENT)
    at.settle(lease, answered, units=1)
    assert (at.view().leases_open, at.view().ledger_imbalance) == (0, 0)


async def test_cool_down_stored_before_a_jump_back_keeps_to_its_cap(token: MakeToken) -> None:
    clock = FakeClock()
    record = stored(clock, token, cooling_s=COOL_CAP_S, remaining=10)
    clock.jump(-HOUR_S)
    at = home(clock, record)

    clock.advance(COOL_CAP_S - 1)
    with pytest.raises(NoTokenAvailable):
        await leased(at, clock)
    clock.advance(1)
    assert (await leased(at, clock)).token == "a"


async def test_reset_stored_before_a_jump_back_is_at_most_a_window_away(token: MakeToken) -> None:
    clock = FakeClock()
    record = stored(clock, token, cooling_s=1, remaining=0)
    clock.jump(-3 * HOUR_S)
    at = home(clock, record)

    clock.advance(WINDOW_S)

    assert (await leased(at, clock)).token == "a"
