"""Every refusal for lack of accounts says why, over HTTP, and when to come back (F-TOK-27)."""

from typing import Any

import anyio
import httpx
import pytest

import grokgate_chat
from grokgate.operations import OperationFailed, Operations
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Kind, Observation, Stage, TextDelta, Window

pytestmark = pytest.mark.anyio

HELLO = [TextDelta(text="Hello")]


def quota(reset_s: float) -> Observation:
    return Observation(
        operation="converse",
        kind=Kind.QUOTA,
        stage=Stage.REFUSED,
        status=429,
        reset_in_s=reset_s,
    )


async def ask(gateway: RunningGateway, request_id: str = "") -> httpx.Response:
    return await gateway.client.post(
        "/v1/chat/completions",
        json={"model": "grok-4", "messages": [{"role": "user", "content": "hi"}]},
        headers={"x-request-id": request_id} if request_id else {},
    )


def told(reply: httpx.Response) -> tuple[int, str, str]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["message"]


def running(*answers: Any, **rest: Any) -> Any:
    settings = {"grok.mode_fallback": False, **rest.pop("settings", {})}
    return running_gateway(
        grokgate_chat, upstream=FakeUpstream(*answers), settings=settings, **rest
    )


def find_nothing(gateway: RunningGateway) -> None:
    """Have surveys find no quota."""
    gateway.fake.windows = {
        state.id: dict.fromkeys(state.buckets, Window(remaining=0))
        for state in gateway.gateway.home.states()
    }


async def explained(gateway: RunningGateway, name: str, **arguments: Any) -> Any:
    inside = gateway.gateway
    operations = Operations(inside.tokens, inside.keys, explainer=inside.explainer())
    return await operations.run(name, arguments)


async def test_out_of_quota_names_the_reset() -> None:
    async with running(quota(7), quota(90), tokens={"a": 9, "b": 5}) as gateway:
        await ask(gateway)
        reply = await ask(gateway)

        assert told(reply) == (
            429,
            "rate_limit_exceeded",
            (
                "All accounts that could serve this model are out of quota. "
                f"Try again in {reply.headers['retry-after']} seconds."
            ),
        )
        assert 6 <= int(reply.headers["retry-after"]) <= 7
        assert len(gateway.fake.asked) == 2


async def test_unknown_reset_names_the_next_survey() -> None:
    async with running(tokens={"a": 0}) as gateway:
        find_nothing(gateway)
        reply = await ask(gateway)

        assert told(reply)[:2] == (429, "rate_limit_exceeded")
        interval_s = gateway.gateway.settings.snapshot.token.on_demand_min_interval_sec
        assert interval_s - 5 <= int(reply.headers["retry-after"]) <= interval_s


async def test_model_that_no_plan_includes_is_not_worth_coming_back_for() -> None:
    plan = Observation(operation="converse", kind=Kind.PLAN, stage=Stage.REFUSED, status=403)
    async with running(plan, tokens={"a": 9}) as gateway:
        replies = [await ask(gateway) for _ in range(2)]

        told_both = (503, "no_tokens_configured", "No account's plan includes this model.")
        assert [told(reply) for reply in replies] == [told_both, told_both]
        assert replies[1].headers["x-should-retry"] == "false"
        assert len(gateway.fake.asked) == 1


async def test_plan_of_one_account_says_nothing_of_one_that_waits() -> None:
    plan = Observation(operation="converse", kind=Kind.PLAN, stage=Stage.REFUSED, status=403)
    async with running(quota(7), plan, tokens={"a": 9, "b": 5}) as gateway:
        reply = await ask(gateway)

        assert told(reply)[:2] == (429, "rate_limit_exceeded")
        assert 6 <= int(reply.headers["retry-after"]) <= 7


async def test_cooling_accounts_are_named_with_the_end_of_their_pause() -> None:
    fault = Observation(operation="converse", kind=Kind.FORBIDDEN, stage=Stage.REFUSED, status=403)
    limits = {"grok.max_retry": 0}
    async with running(fault, quota(7200), tokens={"a": 9, "b": 5}, settings=limits) as gateway:
        await ask(gateway)
        await ask(gateway)
        reply = await ask(gateway)

        assert told(reply)[2] == (
            "All accounts that could serve this model are out of quota or cooling down after "
            f"failures. Try again in {reply.headers['retry-after']} seconds."
        )
        assert 25 <= int(reply.headers["retry-after"]) <= 38


async def test_busy_accounts_are_named_after_the_wait() -> None:
    answering, done = anyio.Event(), anyio.Event()

    async def slowly(_request: Any) -> Any:
        yield TextDelta(text="Hello")
        answering.set()
        await done.wait()

    limits = {"token.max_inflight": 1, "limits.queue_wait_sec": 1}
    async with running(slowly, settings=limits) as gateway, anyio.create_task_group() as group:
        group.start_soon(ask, gateway)
        with anyio.fail_after(5):
            await answering.wait()
        reply = await ask(gateway)
        done.set()

    assert told(reply)[:2] == (503, "overloaded")
    assert told(reply)[2].startswith(
        "All accounts that could serve this model are busy. Try again in "
    )
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert "x-should-retry" not in reply.headers


async def test_nobody_configured_is_not_worth_a_retry() -> None:
    async with running(tokens={}) as gateway:
        reply = await ask(gateway)

        assert told(reply) == (503, "no_tokens_configured", "No account is configured.")
        assert reply.headers["x-should-retry"] == "false"


async def test_expired_and_disabled_accounts_are_named() -> None:
    async with running(tokens={"a": 1, "b": 1}) as gateway:
        ids = [state.id for state in gateway.gateway.home.states()]
        await gateway.gateway.tokens.set_enabled(ids, enabled=False)
        reply = await ask(gateway)

        assert told(reply)[1:] == (
            "no_tokens_configured",
            "All accounts for this model are disabled.",
        )
        assert reply.headers["x-should-retry"] == "false"


async def test_refused_request_can_be_looked_back_at() -> None:
    async with running(tokens={"a": 0}) as gateway:
        find_nothing(gateway)
        await ask(gateway, "looked-at")
        found = await explained(gateway, "explain.request", request_id="looked-at")

        [story] = found["calls"]
        assert (story["call"]["outcome"], story["call"]["error"]) == (
            "failed",
            "rate_limit_exceeded",
        )
        assert {decision["chosen"] for decision in found["decisions"]} == {None}
        assert found["decisions"][-1]["out"] == {"empty": 1}


async def test_repeated_request_shows_its_attempts() -> None:
    async with running(Kind.TRANSIENT, HELLO, tokens={"a": 9, "b": 5}) as gateway:
        assert (await ask(gateway, "tried-twice")).status_code == 200
        found = await explained(gateway, "explain.request", request_id="tried-twice")

        [story] = found["calls"]
        kinds = [attempt["observation"]["kind"] for attempt in story["call"]["tries"]]
        assert kinds == ["transient", "ok"]
        assert gateway.gateway.metrics.count("retry", "transient") == 1


async def test_decision_names_the_model_as_the_upstream_does() -> None:
    async with running(HELLO, tokens={"a": 9}) as gateway:
        await ask(gateway, "looked-at")
        [decision] = (await explained(gateway, "explain.request", request_id="looked-at"))[
            "decisions"
        ]
        [way, *_] = (await explained(gateway, "explain.model", model="grok-4"))["ways"]

        assert decision["wire"] == way["wire"] != ""


async def test_model_is_explained_without_a_secret() -> None:
    async with running(tokens={"first-secret": 9, "second-secret": 0}) as gateway:
        found = await explained(gateway, "explain.model", model="grok-4")

        way = found["ways"][0]
        assert [one["score"] for one in way["candidates"]] == [9.0]
        assert way["out"] == {"empty": 1}
        assert [one["reason"] for one in way["ruled_out"]] == ["empty"]
        assert "secret" not in repr(found)
        assert gateway.pool.open_leases == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"model": "nope"}, "does not exist"),
        ({"model": "grok-4", "key": "nobody"}, "No key is called so"),
        ({}, "missing required field"),
    ],
)
async def test_what_cannot_be_explained_is_refused(arguments: dict[str, str], reason: str) -> None:
    async with running() as gateway:
        with pytest.raises(OperationFailed, match=reason):
            await explained(gateway, "explain.model", **arguments)
