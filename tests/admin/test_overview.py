import asyncio
from typing import Any

import pytest

import grokgate_chat
from grokgate.chores import Kind
from grokgate.chores.pace import WHOLE
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Kind as Seen
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio

QUESTION = {"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}


async def overview(gw: RunningGateway) -> dict[str, Any]:
    async with gw.operator() as admin:
        reply = await admin.get("/overview")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_each_model_tells_what_the_pool_can_do_for_it() -> None:
    async with running_gateway(grokgate_chat, tokens={"t1": 20, "t2": 0}) as gw:
        found = await overview(gw)

    model = next(one for one in found["models"] if one["model"] == "grok-4")
    assert (model["accounts"], model["candidates"], model["units"]) == (2, 1, 20)
    assert model["forecast"]["state"] == "unknown"  # nobody has asked for anything yet


async def test_empty_pool_is_dry_and_low() -> None:
    async with running_gateway(grokgate_chat, tokens={"t1": 0}) as gw:
        found = await overview(gw)

    model = next(one for one in found["models"] if one["model"] == "grok-4")
    assert model["low"] is True
    assert model["forecast"]["state"] == "dry"


async def test_requests_errors_and_times_of_the_last_hour() -> None:
    upstream = FakeUpstream([TextDelta(text="Hi")], [TextDelta(text="Hi")], Seen.BAD_REQUEST)
    async with running_gateway(grokgate_chat, upstream=upstream) as gw:
        codes = [
            (await gw.client.post("/v1/chat/completions", json=QUESTION)).status_code
            for _ in range(3)
        ]
        hour = (await overview(gw))["hour"]

    assert hour["models"] == [{"model": "grok-4", "total": 3, "failed": 1}]
    assert [(one["status"], one["count"]) for one in hour["errors"]] == [(codes[-1], 1)]
    assert hour["duration"]["count"] == 2
    assert hour["duration"]["p50_ms"] <= hour["duration"]["p99_ms"]


async def test_accounts_are_counted_by_pool_and_status() -> None:
    async with running_gateway(grokgate_chat, tokens={"t1": 20, "t2": 20}) as gw:
        found = await overview(gw)

    assert found["tokens"]["ssoBasic"]["active"] == 2


async def test_work_of_operators_counts_while_it_goes_on() -> None:
    gate = asyncio.Event()

    async def wait(_task: Any) -> Any:
        await gate.wait()

    async with running_gateway(grokgate_chat) as gw:
        chores = gw.gateway.chores
        chores.kinds["odd"] = Kind(name="odd", pace=lambda _performance: WHOLE, run=wait)
        task = await chores.start("odd", [])
        during = (await overview(gw))["live"]["chores"]
        gate.set()
        await task.wait()

        assert (during, (await overview(gw))["live"]["chores"]) == (1, 0)


async def test_incidents_are_listed_newest_first() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        gw.gateway.alarms.note("drift", "web: result.new", {})
        gw.gateway.alarms.note("job_failed", "video/film", {"request_id": "req_1"})
        found = (await admin.get("/incidents")).json()["incidents"]

    assert [(one["kind"], one["subject"]) for one in found] == [
        ("job_failed", "video/film"),
        ("drift", "web: result.new"),
    ]


async def test_hours_of_the_day_tell_numbers_and_times() -> None:
    upstream = FakeUpstream([TextDelta(text="Hi")], Seen.BAD_REQUEST)
    async with running_gateway(grokgate_chat, upstream=upstream) as gw:
        for _ in range(2):
            await gw.client.post("/v1/chat/completions", json=QUESTION)
        found = await overview(gw)

    *before, now = found["hours"]
    assert (len(before), now["total"], now["success"], now["failed"]) == (23, 2, 1, 1)
    assert now["p50_ms"] == found["day"]["duration"]["p95_ms"]
    assert before[0]["p95_ms"] is None
    assert found["day"]["success_rate"] == 50.0
    assert [one["endpoint"] for one in found["day"]["endpoints"]] == ["POST /v1/chat/completions"]


async def test_requests_of_operators_are_none_of_clients() -> None:
    async with running_gateway(grokgate_chat) as gw:
        idle = (await overview(gw))["live"]["inflight"]
        gw.gateway.drain.enter()  # as a client's request does
        busy = (await overview(gw))["live"]["inflight"]
        gw.gateway.drain.leave()

    assert (idle, busy) == (0, 1)
