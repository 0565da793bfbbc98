"""What the pool can do is told for each model, and no more than is known."""

import pytest

import grokgate_chat
from grokgate.openai.tally import Tally
from grokgate.plugin import Caller, ModelCard
from grokgate.prospects import ModelProspect
from grokgate.statistics import Ended
from grokgate.testing import RunningGateway, running_gateway
from grokgate.testing.clock import FakeClock
from grokgate.upstream import Wire

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

        assert (await look(gw)).served.forecast.units_per_hour == rate


async def test_models_of_the_same_quota_share_what_is_used() -> None:
    clock = FakeClock()
    async with running_gateway(grokgate_chat, tokens={"a": 50}, clock=clock) as gw:
        first = await look(gw)
        other = next(
            one.model
            for one in (await gw.gateway.prospects.look()).models
            if one.model != first.model and one.served.kind == first.served.kind
        )
        await use(gw, clock, 1, 5, 5, model=other)

        assert (await look(gw)).served.forecast.units_per_hour == 5


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
        told = (await look(gw)).served.forecast

    assert told.state == state
    assert (told.dry_in_s is None) == (state in {"unknown", "may_run_dry"})


async def test_model_is_served_in_the_first_way_that_has_room() -> None:
    way = Wire(name="b", buckets=("b",))
    wire = Wire(name="a", buckets=("a",), otherwise=(way, Wire(name="c", buckets=("c",))))
    async with running_gateway(grokgate_chat, cards=[card(wire)], tokens={}) as gw:
        await gw.gateway.tokens.import_text(ACCOUNT)
        told = await look(gw, "m")

    assert (told.first.kind.buckets, told.first.room.candidates) == (("a",), 0)
    assert (told.served.kind.buckets, told.served.room.units) == (("b",), 7)


async def test_other_ways_do_not_count_while_they_are_switched_off() -> None:
    wire = Wire(name="a", buckets=("a",), otherwise=(Wire(name="b", buckets=("b",)),))
    settings = {"grok.mode_fallback": False}
    async with running_gateway(
        grokgate_chat, cards=[card(wire)], tokens={}, settings=settings
    ) as gw:
        await gw.gateway.tokens.import_text(ACCOUNT)
        told = await look(gw, "m")

    assert (told.served.kind.buckets, told.served.room.candidates) == (("a",), 0)


async def test_use_counts_for_the_way_that_is_taken_and_for_the_first_one() -> None:
    clock, wire = (
        FakeClock(),
        Wire(name="a", buckets=("a",), otherwise=(Wire(name="b", buckets=("b",)),)),
    )
    async with running_gateway(grokgate_chat, cards=[card(wire)], tokens={}, clock=clock) as gw:
        await gw.gateway.tokens.import_text(ACCOUNT)
        await use(gw, clock, 1, 5, 5, model="m")
        told = await look(gw, "m")

    assert told.first.forecast.state == "dry"
    assert told.served.forecast.units_per_hour == 5


ACCOUNT = """{"ssoBasic": [{"token": "credential-of-account", "buckets":
    {"a": {"remaining": 0, "total": 9}, "b": {"remaining": 7, "total": 9}}}]}"""


def card(wire: Wire) -> ModelCard:
    return ModelCard(
        id="m", capability="chat", tier="basic", effort="low", created=0, wire={"web": wire}
    )
