import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from core.dispatch_world import (
    HELLO,
    Settings,
    call,
    collect,
    script,
    seen,
    world,
)
from grokgate import errors
from grokgate.plugin.records import CallRecord, CostRule
from grokgate.settings.grok import GrokSettings
from grokgate.upstream import (
    AccountFacts,
    Asset,
    Event,
    Finished,
    ImageReady,
    ImageRefused,
    Kind,
    Observation,
    Stage,
    Started,
    TextDelta,
    UpstreamFailure,
    UpstreamSession,
    Window,
    Wire,
)

pytestmark = pytest.mark.anyio


def _crash(_record: CallRecord) -> None:
    raise ZeroDivisionError


async def test_answer_is_read_and_charged() -> None:
    async with world([Started(fingerprint="f"), *HELLO]) as at:
        async with await at.open(call()) as exchange:
            events = [event async for event in exchange]

        assert events == [*HELLO, Finished()]
        assert exchange.started == Started(fingerprint="f")
        assert exchange.finished == Finished()
        assert at.left() == {"a": 9, "b": 5}


async def test_lease_is_back_when_the_end_marker_is_handed_out() -> None:
    async with world(HELLO) as at:
        exchange = await at.open(call())
        async for event in exchange:
            if isinstance(event, Finished):
                assert at.home.view().leases_open == 0


async def test_observers_are_told_once_after_the_lease_is_back() -> None:
    async with world(HELLO) as at:
        await at.text(call())
        (record,) = at.finished

        assert (record.plugin, record.model, record.upstream) == ("chat", "grok-4", "web")
        assert (record.outcome, record.units, record.outputs, record.attempts) == (
            "completed",
            1,
            1,
            1,
        )


async def test_observer_that_fails_does_no_harm() -> None:
    async with world(HELLO) as at:
        at.on_finished = _crash
        assert await at.text(call()) == "Hello"


async def test_ready_events_are_passed_on_without_suspending() -> None:
    async def ready(_request: Any) -> AsyncGenerator[Event, None]:
        for number in range(100):
            yield TextDelta(text=str(number))
        yield Finished()

    def send(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
        return ready(None)

    async with world() as at:
        exchange = await at.open(call(send=send))
        for _ in range(101):
            with pytest.raises(StopIteration):
                exchange.__anext__().send(None)
        await exchange.aclose()


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        (seen(Kind.CONNECT, Stage.UNSENT), 10),
        (seen(Kind.BAD_REQUEST), 10),
        (seen(Kind.MODERATION, Stage.CONTENT), 9),
        (seen(Kind.TRANSIENT, Stage.SENT, status=500), -1),
    ],
    ids=["unsent", "refused", "content", "unknown"],
)
async def test_stage_decides_the_charge(fault: Observation, left: int) -> None:
    async with world(fault, tokens={"a": 10}) as at:
        with pytest.raises(errors.GatewayError):
            await at.open(call())
        assert at.left() == {"a": left}


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (None, errors.UpstreamError),
        (UpstreamFailure(seen(Kind.TRUNCATED, Stage.CONTENT)), errors.UpstreamError),
        (UpstreamFailure(seen(Kind.TIMEOUT, Stage.SENT)), errors.UpstreamTimeout),
    ],
    ids=["no end marker", "cut", "idle"],
)
async def test_broken_answer_is_an_error_and_is_charged(
    end: BaseException | None, error: type[errors.GatewayError]
) -> None:
    async with world(script(*HELLO, then=end)) as at:
        exchange = await at.open(call())
        events = [await anext(exchange) for _ in HELLO]
        with pytest.raises(error):
            await anext(exchange)
        assert (events, at.asked(), at.left()) == (HELLO, ["a"], {"a": 9, "b": 5})
        assert at.finished[0].outcome == "failed"
        with pytest.raises(StopAsyncIteration):
            await anext(exchange)


async def test_end_without_output_is_tried_elsewhere() -> None:
    async with world([Started(), Finished()], script(Started()), tokens={"a": 9, "b": 5}) as at:
        with pytest.raises(errors.EmptyResponse):
            await at.open(call())
        assert at.asked() == ["a", "b"]


async def test_refusal_without_output_is_moderation() -> None:
    async with world([Finished(reason="refused")]) as at:
        with pytest.raises(errors.ContentRefused):
            await at.open(call())
        assert at.asked() == ["a"]


async def test_fallback_entries_are_tried_when_the_usual_bucket_is_empty() -> None:
    fast = Wire(name="fast", buckets=("fast",))
    async with world(HELLO, tokens={"a": 0}) as at:
        at.wires = [("web", Wire(name="auto", buckets=("default",), otherwise=(fast,)))]
        assert await at.text(call()) == "Hello"
        assert at.fake.asked[0].wire == fast


async def test_fallback_entries_are_left_alone_when_switched_off() -> None:
    fast = Wire(name="fast", buckets=("fast",))
    async with world(tokens={"a": 0}) as at:
        at.settings = Settings(grok=GrokSettings(mode_fallback=False))
        at.wires = [("web", Wire(name="auto", buckets=("default",), otherwise=(fast,)))]
        with pytest.raises(errors.NoTokenAvailable):
            await at.open(call())


async def test_fact_of_the_call_chooses_its_bucket() -> None:
    wire = Wire(name="w", buckets=("default",), buckets_when={"resolution=720p": ("hd",)})
    async with world(HELLO) as at:
        at.wires = [("web", wire)]
        await at.text(call(facts={"resolution": "720p"}))
        assert at.left() == {"a": 10, "b": 5}


async def test_rule_per_output_charges_what_was_seen() -> None:
    rule = CostRule(units=2, capability="image", per="output")
    pictures = [ImageReady(slot=n, asset=Asset(ref=str(n), account="a")) for n in range(3)]
    async with world(pictures, rules=(rule,)) as at:
        await collect(await at.open(call(capability="image", outputs=4)))

        assert at.left()["a"] == 4
        assert (at.finished[0].units, at.finished[0].outputs) == (6, 3)


@pytest.mark.parametrize("ready", [0, 1])
async def test_rule_per_output_charges_what_moderation_withheld(ready: int) -> None:
    rule = CostRule(units=2, capability="image", per="output")
    seen_first = [ImageReady(slot=0, asset=Asset(ref="0", account="a"))][:ready]
    refused = [ImageRefused(slot=slot) for slot in range(ready, 3)]
    async with world([*seen_first, *refused], rules=(rule,)) as at:
        await collect(await at.open(call(capability="image", outputs=4)))

        assert (at.finished[0].units, at.finished[0].outputs) == (6, ready)


@pytest.mark.parametrize(
    ("corrected", "left"), [(1, 9), (99, 7), (-5, 10), (None, 7)], ids=["less", "more", "-", "bad"]
)
async def test_rule_may_lower_its_charge_and_nothing_else(corrected: Any, left: int) -> None:
    rule = CostRule(units=3, capability="chat", correct=lambda _record: corrected)
    async with world(HELLO, rules=(rule,)) as at:
        await at.text(call())
        assert at.left()["a"] == left


async def test_all_calls_of_a_request_open_or_none() -> None:
    async with world(HELLO, seen(Kind.MODERATION)) as at:
        with pytest.raises(errors.ContentRefused):
            await at.dispatch.for_plugin("chat").open_all([call(), call()])
        assert sorted(record.outcome for record in at.finished) in (
            ["cancelled", "failed"],
            ["completed", "failed"],
        )


async def test_leases_of_calls_opened_together_are_back_before_any_is_closed() -> None:
    closing, go = asyncio.Event(), asyncio.Event()

    async def slow(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
        try:
            yield HELLO[0]
            await asyncio.Event().wait()
        finally:
            closing.set()
            await go.wait()

    async with world(seen(Kind.MODERATION)) as at:
        calls = [call(send=slow), call(send=slow), call()]
        opening = asyncio.ensure_future(at.dispatch.for_plugin("chat").open_all(calls))
        with anyio.fail_after(2):
            await closing.wait()
        open_then = at.home.view().leases_open
        go.set()
        with pytest.raises(errors.ContentRefused):
            await opening

        assert open_then == 0


async def test_calls_opened_together_are_in_order() -> None:
    async with world(HELLO, HELLO) as at:
        exchanges = await at.dispatch.for_plugin("chat").open_all([call(), call()])
        texts = [await collect(exchange) for exchange in exchanges]
        assert texts == [[*HELLO, Finished()]] * 2


async def test_asset_is_fetched_with_its_own_account() -> None:
    async with world(HELLO) as at, await at.open(call()) as exchange:
        pieces = [piece async for piece in exchange.fetch(Asset(ref="x", account="b"))]
        assert pieces == [b"x"]
        with pytest.raises(errors.UpstreamError):
            await anext(exchange.fetch(Asset(ref="x", account="gone")))


async def test_model_nobody_serves_any_more_is_not_found() -> None:
    async with world() as at:
        at.wires = []
        with pytest.raises(errors.ModelNotFound):
            await at.open(call())


async def test_numbers_and_drift_seen_in_passing_reach_the_core() -> None:
    @asynccontextmanager
    async def session(account: Any, wire: Any, attempt: Any) -> AsyncIterator[Any]:
        attempt.learned(AccountFacts(windows={"default": Window(remaining=70)}))
        attempt.drifted("converse", "result.new")
        async with at.fake.session(account, wire, attempt) as inner:
            yield inner

    async with world(HELLO) as at:
        at.upstreams._drivers["web"] = type("Driver", (), {"session": staticmethod(session)})()
        await at.text(call())
        assert at.left()["a"] == 70
        assert at.drift == [("web", "converse", "result.new")]
