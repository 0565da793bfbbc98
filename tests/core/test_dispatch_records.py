from collections.abc import AsyncGenerator
from typing import Any

import pytest
import structlog
from msgspec import structs
from structlog.testing import capture_logs

from core.dispatch_world import HELLO, Calm, World, call, script, seen, world
from grokgate import errors
from grokgate.dispatch import Dispatch
from grokgate.plugin.records import CallRecord, CostRule
from grokgate.scheduler.cost import CostTable
from grokgate.testing.upstream import FakeUpstream
from grokgate.upstream import (
    Event,
    Kind,
    Stage,
    UpstreamSession,
    Wire,
)

pytestmark = pytest.mark.anyio


def _dispatch(at: World, *, rules: tuple[CostRule, ...] = (), **rest: Any) -> Dispatch:
    return Dispatch(
        home=at.home,
        upstreams=at.upstreams,
        wires=lambda _card: at.wires,
        rules=CostTable(rules),
        settings=lambda: at.settings,
        clock=at.clock,
        rng=Calm(),
        log=structlog.get_logger(),
        finished=lambda _plugin, record: at.on_finished(record),
        survey=at._survey,
        **rest,
    )


async def test_record_tells_every_attempt() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    async with world(fault, HELLO) as at:
        await at.text(call())

        first, second = at.finished[0].tries
        assert (first.account, first.observation.kind, first.units) == ("a", Kind.TRANSIENT, 1)
        assert (second.account, second.observation.kind) == ("b", Kind.OK)
        chosen = [decision.chosen for decision in at.home.decisions("r1")]
        assert chosen == ["a", "b"]
        assert [decision.number for decision in at.home.decisions("r1")] == [
            first.decision,
            second.decision,
        ]


async def test_record_of_a_failed_call_names_its_error() -> None:
    async with world(tokens={}) as at:
        with pytest.raises(errors.NoTokensConfigured):
            await at.open(call())

        assert at.finished[0].error == "no_tokens_configured"
        assert at.finished[0].tries == ()


async def test_only_one_attempt_took_the_penalty() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        with pytest.raises(errors.UpstreamBlocked):
            await at.open(call())

        assert [attempt.penalized for attempt in at.finished[0].tries] == [True, False]


async def test_requests_pass_with_one_attempt_during_an_incident() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 4, HELLO, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for number in range(3):
            with pytest.raises(errors.UpstreamBlocked):
                await at.open(call(f"r{number}"))
        assert at.home.view().incident == {"web"}

        assert await at.text(call("r4")) == "Hello"
        assert at.home.view().incident == frozenset()


async def test_plugin_that_crashes_is_blamed() -> None:
    async with world() as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, blamed=blamed.append)

        def send(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
            raise ValueError

        with pytest.raises(errors.InternalError):
            await at.open(call(send=send))
        assert blamed == ["chat"]


async def test_upstream_that_crashes_is_blamed() -> None:
    async with world(tokens={"a": 10}) as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, blamed=blamed.append)
        at.upstreams._drivers["web"] = type("Driver", (), {})()
        with pytest.raises(errors.InternalError):
            await at.open(call())

        assert blamed == ["web"]
        assert at.left() == {"a": 10}


async def test_upstream_that_does_not_open_costs_only_itself() -> None:
    at = World(FakeUpstream(HELLO), {"a": 10})

    def broken(_context: Any) -> Any:
        raise RuntimeError

    good = at.upstreams.specs["web"]
    at.upstreams.specs = {"bad": structs.replace(good, id="bad", open=broken), "web": good}
    at.upstreams._contexts = {"bad": at.upstreams._contexts["web"], **at.upstreams._contexts}
    wire = Wire(name="w", buckets=("default",))
    with capture_logs() as logs:
        async with at.upstreams.open():
            at.wires = [("bad", wire), ("web", wire)]
            assert await at.text(call()) == "Hello"
            at.wires = [("bad", wire)]
            with pytest.raises(errors.InternalError):
                await at.open(call("r2"))

    assert at.home.view().leases_open == 0
    assert logs[0]["event"] == "upstream_not_opened"


async def test_call_that_cannot_be_priced_is_its_plugins_fault() -> None:
    rule = CostRule(units=1, capability="chat", per="output")
    async with world(rules=(rule,)) as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, rules=(rule,), blamed=blamed.append)
        with pytest.raises(errors.InternalError):
            await at.open(call(outputs="many"))

        assert (blamed, at.home.decisions("r1")) == (["chat"], [])


async def test_correction_that_raises_is_its_plugins_fault() -> None:
    def correct(_record: CallRecord) -> int:
        raise ValueError

    rule = CostRule(units=4, capability="chat", correct=correct)
    async with world(HELLO) as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, rules=(rule,), blamed=blamed.append)
        await at.text(call())

        assert (blamed, at.left()["a"]) == (["chat"], 6)


async def test_time_to_abort_is_told() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        aborted: list[float] = []
        at.dispatch = _dispatch(at, aborted=aborted.append)
        async with await at.open(call()) as exchange:
            await anext(exchange)

        assert len(aborted) == 1


async def test_cause_of_refusals_is_logged_once_a_minute() -> None:
    async with world(tokens={"a": 0}) as at:
        with capture_logs() as logs:
            for number, seconds in enumerate((0, 0, 61)):
                at.clock.advance(seconds)
                with pytest.raises(errors.NoTokenAvailable):
                    await at.open(call(f"r{number}"))

        told = [entry for entry in logs if entry["event"] == "no_account"]
        assert [entry["more_before"] for entry in told] == [0, 1]
        assert told[0]["cause"] == "All accounts that could serve this model are out of quota."
        assert told[0]["out"] == {"empty": 1}
