"""Operators follow and end jobs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from admin.jobs_world import World, world
from grokgate.admin.mounting import BASE
from grokgate.chores import Kind
from grokgate.chores.pace import WHOLE
from grokgate.chores.words import sentence
from grokgate.sandbox import AccountFixture, faults
from grokgate.testing import running_gateway

pytestmark = pytest.mark.anyio

TOKENS = [f"token-number-{number}-aaaaaa{number:06}" for number in range(4)]
SLOW = faults.AntiBot(place="silent")


def accounts() -> list[AccountFixture]:
    return [AccountFixture(token=token) for token in TOKENS]


@asynccontextmanager
async def slow_job(at: World, **query: Any) -> AsyncIterator[str]:
    """Start a job whose calls are answered only when the rules are taken away."""
    at.sandbox.rules.add(SLOW, endpoint="preference")
    reply = await at.post("/tokens/nsfw/enable/async", {"tokens": TOKENS}, **query)
    yield reply.json()["task_id"]


@asynccontextmanager
async def served(at: World) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client of a real server, logged in by header, and its session's id."""
    session, text = await at.running.gateway.access.sessions.open(address="", agent="test")
    async with at.running.serve() as plain:
        base = f"{plain.base_url}".rstrip("/") + BASE
        headers = {"authorization": f"Bearer {text}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
            yield client, session.id


async def next_event(lines: AsyncIterator[str]) -> dict[str, Any]:
    with anyio.fail_after(10):
        async for line in lines:
            if line.startswith("data: "):
                event: dict[str, Any] = msgspec.json.decode(line[6:])
                return event
    raise AssertionError("the stream ended")


async def begun(at: World, count: int) -> None:
    """Wait until *count* calls have reached the upstream."""
    with anyio.fail_after(10):
        while len(list(at.sandbox.journal.of("preference"))) < count:  # noqa: ASYNC110 - another program's journal
            await asyncio.sleep(0.01)


async def test_cancel_really_stops() -> None:
    """F-TST-07: what is under way ends, nothing more is asked."""
    settings = {"grok.stream_first_byte_timeout": 1}
    async with world(*accounts(), **settings) as at:
        async with slow_job(at, concurrency=1) as task_id:
            await begun(at, 1)
            asked = await at.post(f"/batch/{task_id}/cancel")
            events = await at.events(task_id)
        calls = len(list(at.sandbox.journal.of("preference")))

    assert asked.json() == {"status": "success", "task_id": task_id}
    end = events[-1]
    assert (end["type"], end["total"], end["processed"], calls) == ("cancelled", 4, 1, 1)


async def test_events_come_while_the_job_runs_and_leaving_does_not_end_it() -> None:
    settings = {"grok.stream_first_byte_timeout": 1}
    async with world(*accounts(), **settings) as at, served(at) as (client, _):
        async with (
            slow_job(at, concurrency=1) as task_id,
            client.stream("GET", f"/batch/{task_id}/stream") as reply,
        ):
            lines = aiter(reply.aiter_lines())
            first, second = await next_event(lines), await next_event(lines)
        at.sandbox.rules.clear()
        end = (await at.events(task_id))[-1]

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert (first["type"], first["status"], first["processed"]) == ("snapshot", "running", 0)
    assert (second["type"], second["processed"]) == ("progress", 1)
    assert second["item"].startswith("…")
    assert second["id"].startswith("tok_")
    assert second["error"] == "The upstream did not answer in time."
    assert (end["type"], end["processed"]) == ("done", 4)


async def test_stream_ends_with_its_session() -> None:
    async with (
        world(*accounts()) as at,
        served(at) as (client, session_id),
        slow_job(at) as task_id,
        client.stream("GET", f"/batch/{task_id}/stream") as reply,
    ):
        lines = aiter(reply.aiter_lines())
        await next_event(lines)
        await at.running.gateway.access.sessions.end(session_id)
        with anyio.fail_after(2.5):
            rest = [line async for line in lines if line]

    assert not any("done" in line for line in rest)


async def test_ticket_opens_the_stream_once_and_a_session_in_the_query_never() -> None:
    async with world(*accounts()) as at, served(at) as (client, _):
        task_id = (await at.post("/tokens/refresh/async", {"tokens": TOKENS})).json()["task_id"]
        ticket = (await client.post("/ticket")).json()["ticket"]
        stranger = httpx.AsyncClient(base_url=client.base_url)
        async with stranger:
            path, text = f"/batch/{task_id}/stream", client.headers["authorization"][7:]
            first = await stranger.get(path, params={"ticket": ticket})
            again = await stranger.get(path, params={"ticket": ticket})
            others = [
                await stranger.get(path, params={name: text})
                for name in ("token", "api_key", "app_key", "ticket")
            ]

    assert (first.status_code, again.status_code) == (200, 401)
    assert {reply.status_code for reply in others} == {401}


@pytest.mark.parametrize("path", ["/batch", "/batch/job_1/stream"])
async def test_key_of_a_client_opens_nothing(path: str) -> None:
    async with running_gateway() as running:
        reply = await running.client.get(BASE + path)

    assert reply.status_code == 401


async def test_list_shows_jobs_the_newest_first() -> None:
    async with world(*accounts()) as at:
        await at.post("/tokens/refresh", {"token": TOKENS[0]})
        await at.post("/tokens/nsfw/enable", {"token": TOKENS[0]})
        tasks = (await at.get("/batch")).json()["tasks"]

    assert [task["kind"] for task in tasks] == ["nsfw_enable", "refresh_usage"]
    assert {task["status"] for task in tasks} == {"done"}
    assert (tasks[0]["total"], tasks[0]["ok"], tasks[0]["fail"]) == (1, 1, 0)


@pytest.mark.parametrize(("method", "path"), [("GET", "stream"), ("POST", "cancel")])
async def test_unknown_job_is_not_found(method: str, path: str) -> None:
    async with running_gateway() as running, running.operator() as admin:
        reply = await admin.request(method, f"/batch/job_none/{path}")

    assert reply.status_code == 404
    assert (reply.json()["detail"], reply.json()["error"]["code"]) == (
        "Task not found",
        "not_found",
    )


async def test_job_that_fails_raises_the_alarm() -> None:
    async def fail(_task: Any) -> Any:
        raise RuntimeError("a defect")

    async with running_gateway() as running:
        chores = running.gateway.chores
        chores.kinds["odd"] = Kind(name="odd", pace=lambda _performance: WHOLE, run=fail)
        task = await chores.start("odd", [])
        await task.wait()
        (incident,) = running.gateway.alarms.incidents()

    assert (incident.kind, incident.subject) == ("job_failed", "odd")


async def test_failures_of_a_job_can_be_sent_again() -> None:
    async with world(*accounts()[:2]) as at:
        at.sandbox.rules.add(faults.AntiBot(), endpoint="preference")
        started = await at.post("/tokens/nsfw/enable/async", {"tokens": TOKENS[:2]})
        await at.events(started.json()["task_id"])
        job = (await at.get(f"/batch/{started.json()['task_id']}")).json()
        at.sandbox.rules.clear()
        failed = [one["id"] for one in job["failures"]]
        again = await at.post("/tokens/nsfw/enable", {"ids": failed})

    assert (job["task"]["fail"], len(set(failed))) == (2, 2)
    assert {one["error"] for one in job["failures"]} == {sentence("anti_bot")}
    assert again.json()["summary"] == {"total": 2, "ok": 2, "fail": 0}


async def test_job_tells_who_started_it() -> None:
    async with world(*accounts()[:1]) as at:
        await at.post("/tokens/refresh", {"tokens": TOKENS[:1]})
        (task,) = (await at.get("/batch", limit=1)).json()["tasks"]
        (session,) = (await at.get("/sessions")).json()["sessions"]

    assert task["actor"] == session["id"]
