"""What the pool can do is told for each model, and no more than is known."""

import pytest

import grokgate_chat
from grokgate.openai.tally import Tally
from grokgate.plugin import Caller
from grokgate.prospects import ModelProspect
from grokgate.statistics import Ended
from grokgate.testing import RunningGateway, running_gateway
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

CALLER = Caller(key_id="k1", name="first")
ENDED = Ended(endpoint="POST /v1/chat/completions", status=200, seconds=1, caller=CALLER)
HOUR_S = 3600
UNKNOWN = -1


async def use(gw: RunningGateway, clock: FakeClock, *hours: int, model: str = "grok-4") -> None:
    """Have so many units used in each hour, the last of which is over."""
    for units in hours:
        gw.gateway.request_log.note(ENDED, Tally(request_id="req_1", model=model, units=units))
        await gw.gateway.request_log.flush()
        clock.advance(HOUR_S)


async def look(gw: RunningGateway, model: str = "grok-4") -> ModelProspect:
    prospect = await gw.gateway.prospects.look()
    return next(one for one in prospect.models if one.model == model)


@pytest.mark.parametrize(
    ("hours", "rate"),
    [
        pytest.param((), None, id="nobody asked yet"),
        pytest.param((9, 4), None, id="one whole hour"),
        pytest.param((9, 4, 6), 5, id="not the hour of the first request"),
        pytest.param((99, 99, 1, 2, 3, 4, 5, 6), 3.5, id="the last six"),
        pytest.param((9, 4, 0), 2, id="hours without a request"),
    ],
)
async def test_whole_hours_since_the_first_request_make_the_rate(
    hours: tuple[int, ...], rate: float | None
) -> None:
    clock = FakeClock()
    async with running_gateway(grokgate_chat, tokens={"a": 50}, clock=clock) as gw:
        await use(gw, clock, *hours)

        assert (await look(gw)).forecast.units_per_hour == rate


async def test_models_of_the_same_quota_share_what_is_used() -> None:
    clock = FakeClock()
    async with running_gateway(grokgate_chat, tokens={"a": 50}, clock=clock) as gw:
        first = await look(gw)
        other = next(
            one.model
            for one in (await gw.gateway.prospects.look()).models
            if one.model != first.model and one.buckets == first.buckets
        )
        await use(gw, clock, 1, 5, 5, model=other)

        assert (await look(gw)).forecast.units_per_hour == 5


async def test_answer_holds_for_a_while() -> None:
    clock = FakeClock()
    async with running_gateway(grokgate_chat, tokens={"a": 50}, clock=clock) as gw:
        first = await gw.gateway.prospects.look()
        again = await gw.gateway.prospects.look()
        clock.advance(HOUR_S)

        assert again is first
        assert await gw.gateway.prospects.look() is not first


@pytest.mark.parametrize(
    ("tokens", "state"),
    [
        pytest.param({"a": 0}, "dry", id="nothing is left"),
        pytest.param({"a": 0, "b": UNKNOWN}, "unknown", id="the only candidate is unknown"),
        pytest.param({"a": 9}, "runs_dry", id="all known"),
        pytest.param({"a": 9, "b": UNKNOWN}, "may_run_dry", id="half of it unknown"),
    ],
)
async def test_no_end_is_foretold_of_quota_that_nobody_knows(
    tokens: dict[str, int], state: str
) -> None:
    clock = FakeClock()
    async with running_gateway(grokgate_chat, tokens=tokens, clock=clock) as gw:
        await use(gw, clock, 1, 9, 9, 9)
        told = (await look(gw)).forecast

    assert told.state == state
    assert (told.dry_in_s is None) == (state in {"unknown", "may_run_dry"})
