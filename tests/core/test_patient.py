"""Unary replies that take long, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from litestar import Litestar, get
from msgspec import Struct

from grokgate.errors import GatewayError, UpstreamTimeout
from grokgate.plugin import EventStream, patiently
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio


class Options(Struct):
    unary_keepalive: bool = True
    sse_keepalive_sec: float = 0.02


class Work:
    """Ends when it is told to."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.fault: GatewayError | None = None
        self.cancelled = asyncio.Event()

    async def do(self) -> dict[str, int]:
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.fault is not None:
            raise self.fault
        return {"answer": 42}


@asynccontextmanager
async def served(work: Work, options: Options) -> AsyncIterator[httpx.AsyncClient]:
    @get("/")
    async def handler() -> Any:
        return await patiently(work.do, options)

    app = Litestar([handler], logging_config=None, openapi_config=None)
    async with serving(app) as base, httpx.AsyncClient(base_url=base) as client:
        with anyio.fail_after(10):
            yield client


async def test_quick_result_is_returned_as_it_is() -> None:
    work = Work()
    work.end.set()

    assert await patiently(work.do, Options(sse_keepalive_sec=60)) == {"answer": 42}


async def test_quick_error_is_raised() -> None:
    work = Work()
    work.fault = UpstreamTimeout()
    work.end.set()

    with pytest.raises(UpstreamTimeout):
        await patiently(work.do, Options(sse_keepalive_sec=60))


@pytest.mark.parametrize("options", [Options(unary_keepalive=False), Options(sse_keepalive_sec=0)])
async def test_nothing_is_sent_early_unless_wanted(options: Options) -> None:
    work = Work()

    async with anyio.create_task_group() as group:
        group.start_soon(end_soon, work)
        assert not isinstance(await patiently(work.do, options), EventStream)


async def end_soon(work: Work) -> None:
    await anyio.lowlevel.checkpoint()
    work.end.set()


async def test_blanks_come_while_the_work_goes_on_and_then_the_result() -> None:
    work = Work()

    async with served(work, Options()) as client, client.stream("GET", "/") as reply:
        pieces = reply.aiter_bytes()
        first = await anext(pieces)
        work.end.set()
        body = first + b"".join([piece async for piece in pieces])

    assert first.strip(b" ") == b""
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(body) == {"answer": 42}


async def test_late_error_is_the_body() -> None:
    work = Work()
    work.fault = UpstreamTimeout()

    async with served(work, Options()) as client, client.stream("GET", "/") as reply:
        pieces = reply.aiter_bytes()
        first = await anext(pieces)
        work.end.set()
        body = first + b"".join([piece async for piece in pieces])

    assert reply.status_code == 200
    assert json.loads(body)["error"]["code"] == "upstream_timeout"


async def test_client_that_leaves_ends_the_work() -> None:
    work = Work()

    async with served(work, Options()) as client:
        async with client.stream("GET", "/") as reply:
            await anext(reply.aiter_bytes())
        await work.cancelled.wait()


async def test_cancelled_handler_waits_until_the_work_has_released_what_it_holds() -> None:
    released = False

    async def work() -> None:
        nonlocal released
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(20):
                await asyncio.sleep(0)
            released = True

    async with anyio.create_task_group() as group:
        group.start_soon(patiently, work, Options(sse_keepalive_sec=60))
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert released


async def test_cancelled_handler_ends_the_work() -> None:
    work = Work()

    async with anyio.create_task_group() as group:
        group.start_soon(patiently, work.do, Options(sse_keepalive_sec=60))
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()

    assert work.cancelled.is_set()
