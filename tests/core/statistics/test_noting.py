"""Turns over sockets and background jobs have rows of their own."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from litestar import post

import grokgate_chat
import grokgate_responses
from grokgate.openai.tally import current_tally, note_usage
from grokgate.plugin import Ctx, CurrentCaller, RouteSpec, Settings, hookimpl
from grokgate.storage.requests import RequestFilter, RequestRow, list_requests
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Kind, TextDelta

pytestmark = pytest.mark.anyio


async def rows(gw: RunningGateway, *, at_least: int = 1) -> list[RequestRow]:
    """Return the rows, newest first, once there are so many."""
    with anyio.fail_after(5):
        while True:
            await gw.gateway.request_log.flush()
            async with gw.gateway.database.read() as connection:
                found = await list_requests(connection, RequestFilter(), limit=10)
            if len(found) >= at_least:
                return found
            await anyio.lowlevel.checkpoint()


async def test_background_job_has_a_row_with_what_it_used() -> None:
    upstream = FakeUpstream([TextDelta(text="Hi")])
    async with running_gateway(grokgate_responses, upstream=upstream) as gw:
        body = {"model": "grok-4", "input": "Hello", "background": True}
        asked = await gw.client.post("/v1/responses", json=body)
        found = await rows(gw, at_least=2)

    by_endpoint = {row.endpoint.split()[0]: row for row in found}
    job = by_endpoint["JOB"]
    assert job.endpoint.startswith("JOB responses/")
    assert job.request_id == by_endpoint["POST"].request_id == asked.headers["x-request-id"]
    assert (job.model, job.attempts, job.units, job.key_name) == ("grok-4", 1, 1, "first key")
    assert by_endpoint["POST"].attempts == 0


class Failing:
    """A plugin whose job raises."""

    @hookimpl
    def grokgate_routes(self) -> list[RouteSpec]:
        @post("/v1/failing", status_code=200)
        async def start(ctx: Ctx[Settings], caller: CurrentCaller) -> dict[str, Any]:
            async def work() -> None:
                raise RuntimeError

            ctx.jobs.start("work", "1", work, owner=caller.key_id)
            return {}

        return [RouteSpec(id="failing", handlers=(start,), summary="Test.", default_enabled=True)]


async def test_job_that_raised_is_a_failure_and_an_incident() -> None:
    async with running_gateway(Failing()) as gw:
        await gw.client.post("/v1/failing")
        found = await rows(gw, at_least=2)
        incidents = [(one.kind, one.subject) for one in gw.gateway.alarms.incidents()]

    job = next(row for row in found if row.endpoint.startswith("JOB"))
    assert (job.status, job.error) == (500, "internal_error")
    assert incidents == [("job_failed", "failing/work")]


async def test_failed_attempts_are_counted_and_the_last_account_named() -> None:
    upstream = FakeUpstream(Kind.QUOTA, [TextDelta(text="Hi")])
    async with running_gateway(grokgate_chat, upstream=upstream, tokens={"a": 9, "b": 9}) as gw:
        body = {"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}
        await gw.client.post("/v1/chat/completions", json=body)
        (row,) = await rows(gw)
        (record,) = gw.records

    assert row.attempts == 2
    assert row.token == record.tries[-1].account
    assert row.units == record.units


def test_usage_outside_of_a_request_is_nobodys() -> None:
    note_usage(input=1, output=1, reasoning=0, estimated=True)

    assert current_tally() is None


async def test_model_that_nobody_knows_is_noted_as_text_of_bounded_length() -> None:
    asked = {"model": "grok-99\n" + "x" * 500, "messages": [{"role": "user", "content": "Hi"}]}
    async with running_gateway(grokgate_chat) as gw:
        await gw.client.post("/v1/chat/completions", json=asked)
        (row,) = await rows(gw)

    assert row.model == "grok-99\N{REPLACEMENT CHARACTER}" + "x" * 92
    assert (row.status, row.error, row.attempts) == (404, "model_not_found", 0)
