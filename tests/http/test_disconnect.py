"""Work stops when its client leaves; real sockets, because only they can be left."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from litestar import get, post
from litestar.params import JSONBody

from grokgate.app import create_app
from grokgate.errors import GatewayError
from grokgate.plugin import EventStream
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio


class Work:
    """Routes whose work is only ever ended from outside."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.release = asyncio.Event()

    async def wait(self) -> None:
        self.begun.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def events(self) -> AsyncGenerator[str, None]:
        yield "a"
        await self.wait()
        yield "b"


def frames(text: str) -> Iterator[bytes]:
    yield f"data: {text}\n\n".encode()


def failure(error: GatewayError) -> Iterator[bytes]:
    yield f"data: {error.code}\n\n".encode()


@asynccontextmanager
async def served(gateway: Any) -> AsyncIterator[tuple[Work, int, str]]:
    work = Work()

    @get("/v1/slow")
    async def slow_get() -> dict[str, bool]:
        await work.wait()
        return {"done": True}

    @post("/v1/slow", status_code=200)
    async def slow_post(data: JSONBody[dict[str, Any]]) -> dict[str, bool]:
        await work.wait()
        return {"done": not data}

    @get("/v1/stream")
    async def stream() -> EventStream:
        return EventStream(work.events(), frames, failure=failure, keepalive_s=0)

    gateway.add("slow", slow_get, slow_post, stream)
    async with serving(create_app(gateway)) as base:
        with anyio.fail_after(10):
            yield work, int(base.rpartition(":")[2]), base


async def ask(port: int, key: str, head: str, body: str = "") -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"{head} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    return writer


@pytest.mark.parametrize(
    ("head", "body"),
    [("GET /v1/slow", ""), ("POST /v1/slow", "{}"), ("GET /v1/stream", "{}")],
    ids=["without body", "with body", "streamed"],
)
async def test_work_is_cancelled_when_the_client_leaves(
    gateway: Any, key: str, head: str, body: str
) -> None:
    async with served(gateway) as (work, port, _):
        writer = await ask(port, key, head, body)
        await work.begun.wait()
        writer.transport.abort()
        with anyio.fail_after(1):
            await work.cancelled.wait()
        await gateway.drain._idle.wait()

    (event,) = gateway.events("request")
    assert (event["status"], event["outcome"]) == (499, "cancelled")
    assert gateway.drain.inflight == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_patient_client_gets_its_answer(gateway: Any, key: str, method: str) -> None:
    async with served(gateway) as (work, _, base), httpx.AsyncClient() as client:
        work.release.set()
        reply = await client.request(
            method, f"{base}/v1/slow", json={}, headers={"authorization": f"Bearer {key}"}
        )

    assert reply.json() == {"done": True}


async def test_connection_serves_further_requests_after_a_watched_one(
    gateway: Any, key: str
) -> None:
    headers = {"authorization": f"Bearer {key}"}
    async with served(gateway) as (work, _, base), httpx.AsyncClient(headers=headers) as client:
        work.release.set()
        replies = [
            await client.get(f"{base}/v1/slow"),
            await client.get(f"{base}/v1/stream"),
            await client.post(f"{base}/v1/slow", json={}),
        ]

    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert replies[1].text == "data: a\n\ndata: b\n\n"


async def test_open_stream_ends_with_an_error_frame_when_the_grace_is_over(
    gateway: Any, key: str
) -> None:
    headers = {"authorization": f"Bearer {key}"}
    async with (
        served(gateway) as (work, _, base),
        httpx.AsyncClient(headers=headers) as client,
        client.stream("GET", f"{base}/v1/stream") as reply,
    ):
        await work.begun.wait()
        gateway.drain.begin()
        finished = asyncio.create_task(gateway.drain.finished())
        text = (await reply.aread()).decode()
        await finished

    assert text == "data: a\n\ndata: overloaded\n\n"
    assert gateway.drain.inflight == 0
