"""Event streams over real sockets: framing, silence, clients that leave or never read."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from litestar import Litestar, get
from litestar.datastructures import ResponseHeader

from grokgate.errors import GatewayError, Overloaded, UpstreamTimeout
from grokgate.plugin.stream import WRITE_BYTES, EventStream, OpenStreams
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio

DONE = b"data: [DONE]\n\n"


class Source:
    """Yields what it is given; counts how often it is closed and what was taken."""

    def __init__(self, *events: Any, endless: bool = False, silent: bool = False) -> None:
        self._events = iter(events) if not endless else itertools.cycle(events)
        self._silent = silent
        self.taken = 0
        self.closed = 0
        self.closing = asyncio.Event()

    def __aiter__(self) -> "Source":
        return self

    async def __anext__(self) -> Any:
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            self.taken += 1
            return event
        if self._silent:
            await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1
        self.closing.set()


def frames(text: str) -> list[bytes]:
    return [f"data: {text}\n\n".encode()]


def failure(error: GatewayError) -> list[bytes]:
    return [f"data: error {error.code}\n\n".encode()]


@asynccontextmanager
async def stream(source: Source, **options: Any) -> AsyncIterator[Callable[[], Any]]:
    """Serve one stream of *source*; yields a function that opens a connection to it."""
    options = {"failure": failure, "keepalive_s": 0, "terminator": DONE, **options}
    render = options.pop("frames", frames)
    streams = options.pop("streams", OpenStreams())

    @get("/")
    async def handler() -> EventStream:
        return EventStream(source, render, **options)

    app = Litestar([handler], logging_config=None, openapi_config=None)
    inner = app.asgi_handler

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"streams": streams}
        await inner(scope, receive, send)

    app.asgi_handler = outer
    async with serving(app) as base:
        port = int(base.rpartition(":")[2])

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            return reader, writer

        with anyio.fail_after(10):
            yield connect


async def whole(connect: Callable[[], Any]) -> tuple[bytes, list[bytes]]:
    """Read a stream to the end of its connection: the head, and the chunks as written."""
    reader, writer = await connect()
    head = await reader.readuntil(b"\r\n\r\n")
    rest = await reader.read()
    writer.close()
    return head, list(chunks(rest))


def chunks(body: bytes) -> Iterator[bytes]:
    """Split a chunked body; the last chunk is empty when the body ended properly."""
    while body:
        size, _, body = body.partition(b"\r\n")
        yield body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


async def test_head_tells_an_event_stream_that_is_never_cached_or_measured() -> None:
    async with stream(Source("a")) as connect:
        head, _ = await whole(connect)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert re.findall(rb"content-type: ([^\r]*)", head) == [b"text/event-stream; charset=utf-8"]
    assert b"cache-control: no-cache, no-transform" in head
    assert b"x-accel-buffering: no" in head
    assert b"content-length" not in head


async def test_frames_of_the_end_and_the_terminator_come_last() -> None:
    async with stream(Source("a", "b"), finish=lambda: [b"data: usage\n\n"]) as connect:
        _, written = await whole(connect)

    assert b"".join(written) == b"data: a\n\ndata: b\n\ndata: usage\n\n" + DONE
    assert written[-1] == b""


async def test_ready_frames_leave_together_and_whole_in_bounded_writes() -> None:
    async with stream(Source(*["x" * 100] * 2000)) as connect:
        _, written = await whole(connect)

    assert b"".join(written).count(b"\n\n") == 2001
    assert all(not chunk or chunk.endswith(b"\n\n") for chunk in written)
    assert max(map(len, written)) <= WRITE_BYTES
    assert len(written) < 500


async def test_frame_larger_than_a_write_stays_whole() -> None:
    async with stream(Source("a", "y" * 50_000)) as connect:
        _, written = await whole(connect)

    assert b"data: " + b"y" * 50_000 + b"\n\n" in written


async def test_silence_is_broken_by_pings() -> None:
    async with stream(Source("a", silent=True), keepalive_s=0.02) as connect:
        reader, writer = await connect()
        await reader.readuntil(b": ping\n\n")
        await reader.readuntil(b": ping\n\n")
        writer.close()


async def test_no_ping_while_events_flow() -> None:
    async with stream(Source(*map(str, range(500))), keepalive_s=5) as connect:
        _, written = await whole(connect)

    assert b": ping" not in b"".join(written)


async def test_head_leaves_before_the_first_frame_of_a_slow_source() -> None:
    async with stream(Source(silent=True)) as connect:
        reader, writer = await connect()
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert b" 200 " in head


async def test_error_of_the_source_becomes_error_frames_without_a_clean_end() -> None:
    source = Source("a", UpstreamTimeout())
    async with stream(source, finish=lambda: [b"data: stop\n\n"]) as connect:
        _, written = await whole(connect)

    assert b"".join(written) == b"data: a\n\ndata: error upstream_timeout\n\n" + DONE
    assert source.closed == 1


def broken(*_: Any) -> list[bytes]:
    raise LookupError("detail")


@pytest.mark.parametrize(
    ("renderer", "before"), [("frames", b""), ("finish", b"data: a\n\ndata: b\n\n")]
)
async def test_defect_of_a_renderer_becomes_an_internal_error(renderer: str, before: bytes) -> None:
    source = Source("a", "b")
    async with stream(source, **{renderer: broken}) as connect:
        _, written = await whole(connect)

    assert b"".join(written) == before + b"data: error internal_error\n\n" + DONE
    assert source.closed == 1


async def test_error_that_cannot_be_told_cuts_the_stream() -> None:
    source = Source("a", UpstreamTimeout())
    async with stream(source, failure=broken) as connect:
        reader, writer = await connect()
        received = await reader.read()
        writer.close()

    assert DONE not in received
    assert not received.endswith(b"0\r\n\r\n")
    assert source.closed == 1


async def test_client_that_leaves_leaves_no_task_behind() -> None:
    source = Source("a", silent=True)
    async with stream(source, keepalive_s=60) as connect:
        before = asyncio.all_tasks()
        reader, writer = await connect()
        await reader.readuntil(b"data: a")
        begun = asyncio.all_tasks() - before
        writer.transport.abort()
        await asyncio.wait(begun)

        assert asyncio.all_tasks() <= before
    assert source.closed == 1


async def test_source_is_closed_once_at_its_end() -> None:
    source = Source("a")
    async with stream(source) as connect:
        await whole(connect)

    assert source.closed == 1


@pytest.mark.parametrize("endless", [False, True], ids=["silent", "endless"])
async def test_client_that_leaves_closes_the_source_at_once(*, endless: bool) -> None:
    source = Source("a", silent=True, endless=endless)
    async with stream(source) as connect:
        reader, writer = await connect()
        await reader.readuntil(b"data: a")
        writer.transport.abort()
        with anyio.fail_after(1):
            await source.closing.wait()

    assert source.closed == 1


async def test_client_that_never_reads_holds_the_source_back_and_is_given_up() -> None:
    source = Source("z" * 1000, endless=True)
    async with stream(source, stall_s=0.3) as connect:
        _, writer = await connect()
        await source.closing.wait()
        writer.transport.abort()

    assert source.closed == 1
    assert source.taken < 20_000


async def test_shutdown_ends_open_streams_with_an_error_frame() -> None:
    source, streams = Source("a", silent=True), OpenStreams()
    async with stream(source, streams=streams) as connect:
        reader, writer = await connect()
        await reader.readuntil(b"data: a\n\n")
        streams.end(Overloaded())
        rest = await reader.read()
        writer.close()

    assert b"".join(chunks(rest.removeprefix(b"\r\n"))) == b"data: error overloaded\n\n" + DONE
    assert (source.closed, len(streams)) == (1, 0)


async def test_source_that_cannot_be_closed_in_time_does_not_hold_the_request() -> None:
    class Stubborn(Source):
        async def aclose(self) -> None:
            await super().aclose()
            await asyncio.Event().wait()

    source = Stubborn("a")
    async with stream(source) as connect:
        _, written = await whole(connect)

    assert written[-1] == b""


async def test_headers_of_the_handler_are_kept_but_not_its_media_type() -> None:
    @get("/", response_headers=[ResponseHeader(name="x-extra", value="1")])
    async def handler() -> EventStream:
        return EventStream(
            Source("a"), frames, failure=failure, keepalive_s=0, headers={"x-own": "2"}
        )

    app = Litestar([handler], logging_config=None, openapi_config=None)
    async with serving(app) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert b"x-extra: 1" in head
    assert b"x-own: 2" in head
    assert head.count(b"content-type") == 1
