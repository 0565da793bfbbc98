from typing import Any

import pytest

import grokgate_chat
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.testing.clock import FakeClock
from grokgate.upstream import Kind, TextDelta

pytestmark = pytest.mark.anyio

QUESTION = {"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}


async def ask(gw: RunningGateway, *, answers: int = 0, failures: int = 0) -> None:
    """Have a client ask, and what came of it written."""
    gw.fake.add(*([TextDelta(text="Hi")] for _ in range(answers)))
    gw.fake.add(*(Kind.BAD_REQUEST for _ in range(failures)))
    for _ in range(answers + failures):
        await gw.client.post("/v1/chat/completions", json=QUESTION)
    await gw.gateway.request_log.flush()


async def numbers(gw: RunningGateway, **query: int) -> dict[str, Any]:
    async with gw.operator() as admin:
        reply = await admin.get("/metrics", params=query)
    assert reply.status_code == 200
    found: dict[str, Any] = reply.json()
    return found


async def test_accounts_are_counted_by_status_with_what_they_have_left() -> None:
    text = """{"ssoBasic": [
        {"token": "credential-a", "quota": 20}, {"token": "credential-b", "quota": 10},
        {"token": "credential-c", "quota": 80, "status": "expired", "use_count": 3}]}"""
    async with running_gateway(grokgate_chat, tokens={}) as gw, gw.operator() as admin:
        await gw.gateway.tokens.import_text(text)
        tokens = (await numbers(gw))["tokens"]
        totals = (await admin.get("/tokens/list")).json()["totals"]

    assert (tokens["total"], tokens["active"], tokens["expired"]) == (3, 2, 1)
    assert (tokens["chat_quota"], tokens["image_quota"], tokens["total_calls"]) == (30, 15, 3)
    assert (totals["quota"], totals["image_quota"]) == (30, 15)


async def test_requests_are_summed_by_hour_day_and_model() -> None:
    async with running_gateway(grokgate_chat, upstream=FakeUpstream()) as gw:
        await ask(gw, answers=3, failures=1)
        found = await numbers(gw)

    stats = found["request_stats"]
    assert stats["summary"] == {"total": 4, "success": 3, "failed": 1, "success_rate": 75.0}
    assert stats["models"] == [{"model": "grok-4", "count": 4}]
    assert stats["hourly"][-1]["total"] == stats["daily"][-1]["total"] == 4


async def test_hours_and_days_come_without_gaps_as_many_as_asked_for() -> None:
    async with running_gateway(grokgate_chat) as gw:
        usual = (await numbers(gw))["request_stats"]
        asked = (await numbers(gw, hours=48, days=14))["request_stats"]

    assert (len(usual["hourly"]), len(usual["daily"])) == (24, 7)
    assert (len(asked["hourly"]), len(asked["daily"])) == (48, 14)


async def test_day_begins_by_the_setting() -> None:
    clock = FakeClock()  # noon in UTC
    async with running_gateway(grokgate_chat, clock=clock) as gw:
        await gw.change(quota={"tz_offset_minutes": 840})
        east = (await numbers(gw))["request_stats"]["daily"][-1]["date"]
        await gw.change(quota={"tz_offset_minutes": -720})
        west = (await numbers(gw))["request_stats"]["daily"][-1]["date"]

    assert east != west


async def test_more_hours_than_are_kept_are_refused() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        reply = await admin.get("/metrics", params={"hours": 49})

    assert reply.status_code == 400


async def test_cache_is_shown_beside() -> None:
    async with running_gateway(grokgate_chat) as gw:
        found = await numbers(gw)

    assert found["cache"]["local_image"]["count"] == 0
    assert found["cache"]["local_video"]["size_mb"] == 0


async def test_requests_are_counted_by_status_and_duration() -> None:
    async with running_gateway(grokgate_chat, upstream=FakeUpstream()) as gw:
        await ask(gw, answers=2, failures=1)
        stats = (await numbers(gw))["request_stats"]

    assert [one["count"] for one in stats["statuses"]] == [2, 1]
    assert (stats["durations"][0]["from_ms"], stats["durations"][-1]["to_ms"]) == (0, None)
    assert sum(one["count"] for one in stats["durations"]) == 2
