"""Each trap of the library, against a scripted server on loopback."""

import asyncio
import gzip
import resource
import zlib
from random import Random
from typing import Any

import anyio
import brotli  # type: ignore[import-untyped]
import pytest
from curl_cffi import AsyncCurl, Curl

from grokgate_web.transport import (
    MAX_HELD,
    Request,
    Transport,
    TransportError,
    targets,
)
from plugins.web.transport_world import ROUTE, nothing, soon, start, whole

pytestmark = pytest.mark.anyio


def bomb(coding: str) -> bytes:
    """Return 400 MiB of zeros, compressed without ever holding them."""
    piece = bytes(1 << 20)
    if coding == "gzip":
        packer = zlib.compressobj(1, wbits=31)
        return b"".join(packer.compress(piece) for _ in range(400)) + packer.flush()
    squeezer = brotli.Compressor(quality=1)
    return b"".join(squeezer.process(piece) for _ in range(400)) + bytes(squeezer.finish())


def max_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def test_answer_is_read_whole(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"hello", 200, "X-A: b")
    exchange = await start(transport, server.base, headers=(("X-C", "d"),), body=b"body")

    assert await whole(exchange) == b"hello"
    assert (exchange.status, exchange.headers["x-a"]) == (200, "b")
    assert (server.visits[0].headers["x-c"], server.visits[0].body) == ("d", b"body")


async def test_only_given_headers_are_sent(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"")
    given = (("User-Agent", "U"), ("Accept-Encoding", "gzip"), ("Content-Type", "x/y"))
    await whole(await start(transport, server.base, headers=given))

    assert set(server.visits[0].headers) == {
        "host", "user-agent", "accept-encoding", "content-type", "content-length",
    }  # fmt: skip


async def test_handles_forget_the_method_of_the_last_call(
    transport: Transport, server: Any
) -> None:
    seen: list[str] = []

    async def script(visit: Any) -> None:
        seen.append(f"{visit.method} {len(visit.body)}")
        await visit.reply(b"x")

    server.script = script
    calls: tuple[tuple[Any, bytes], ...] = (
        ("POST", b"{}"), ("GET", b""), ("DELETE", b""), ("POST", b"{}"), ("GET", b""),
    )  # fmt: skip
    for method, body in calls:
        request = Request(
            method=method, url=server.base + "/x", headers=(), body=body, max_bytes=100
        )
        await whole(transport.start("a", ROUTE, request, on_sent=nothing))

    assert seen == ["POST 2", "GET 0", "DELETE 0", "POST 2", "GET 0"]
    assert server.connections == 1


async def test_sent_is_said_once_and_only_with_a_connection(
    transport: Transport, server: Any
) -> None:
    server.script = lambda visit: visit.reply(b"x")
    said: list[str] = []
    body = b"x" * 300_000
    await whole(await start(transport, server.base, body=body, on_sent=lambda: said.append("")))
    failed = await start(transport, "http://127.0.0.1:1", on_sent=lambda: said.append(""))
    with pytest.raises(TransportError, match="connect"):
        await failed.head(soon())
    failed.close()

    assert (len(said), server.visits[0].body) == (1, body)


async def test_abort_while_headers_are_awaited(
    transport: Transport, server: Any, settled: Any
) -> None:
    server.script = lambda visit: visit.gone()
    exchange = await start(transport, server.base)
    waiting = asyncio.ensure_future(exchange.head(soon(60)))
    await settled(lambda: bool(server.visits))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    exchange.close()

    await settled(lambda: server.open == 0, 0.5)


async def test_abort_of_a_silent_answer(transport: Transport, server: Any, settled: Any) -> None:
    async def silent(visit: Any) -> None:
        await visit.head()
        await visit.send(b"one")
        await visit.gone()

    server.script = silent
    exchange = await start(transport, server.base)
    await exchange.head(soon())
    assert await exchange.read(soon()) == b"one"
    exchange.close()
    exchange.close()

    await settled(lambda: server.open == 0, 0.5)


async def flood(visit: Any) -> None:
    await visit.head()
    while True:
        await visit.send(b"x" * 65_536)


async def test_unread_answer_is_paused(transport: Transport, server: Any) -> None:
    sent = 0

    async def count(visit: Any) -> None:
        nonlocal sent
        await visit.head()
        while True:
            await visit.send(b"x" * 65_536)
            sent += 65_536

    server.script = count
    exchange = await start(transport, server.base)
    await exchange.head(soon())
    before = -1
    while before != sent:
        before = sent
        await anyio.sleep(0.1)  # long enough for a running transfer to show itself
    paused_at = sent
    assert paused_at < 32 << 20
    assert len(await exchange.read(soon())) <= MAX_HELD + 65_536

    for _ in range(200):
        await exchange.read(soon())
    assert sent > paused_at
    exchange.close()


async def test_paused_answer_is_read_to_its_end(
    transport: Transport, server: Any, settled: Any
) -> None:
    content = Random(0).randbytes(10_000_000)  # hardly gets shorter

    async def send_all(visit: Any) -> None:
        await visit.reply(gzip.compress(content), 200, "Content-Encoding: gzip")

    server.script = send_all
    exchange = await start(transport, server.base)
    await exchange.head(soon())
    await settled(lambda: exchange._paused)

    assert await whole(exchange) == content


async def test_trailers_change_nothing(transport: Transport, server: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.head(200, "X-A: b")
        visit.writer.write(b"2\r\nok\r\n0\r\nHTTP/1.1 403 X: y\r\nX-A: c\r\n\r\n")

    server.script = script
    exchange = await start(transport, server.base)

    assert await whole(exchange) == b"ok"
    assert (exchange.status, exchange.headers["x-a"]) == (200, "b")
    exchange.close()


async def test_firehose_is_cut(transport: Transport, server: Any, settled: Any) -> None:
    server.script = flood
    exchange = await start(transport, server.base, max_bytes=1 << 20)
    with pytest.raises(TransportError, match="too_large"):
        await whole(exchange)
    exchange.close()

    await settled(lambda: server.open == 0, 0.5)


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_decompression_bomb_is_cut(transport: Transport, server: Any, coding: str) -> None:
    content = bomb(coding)
    server.script = lambda visit: visit.reply(content, 200, f"Content-Encoding: {coding}")
    before = max_memory_mib()
    exchange = await start(transport, server.base, max_bytes=8 << 20)
    with pytest.raises(TransportError, match="too_large"):
        await whole(exchange)
    exchange.close()

    assert max_memory_mib() - before < 64


async def test_nobody_reads_a_bomb(transport: Transport, server: Any) -> None:
    content = bomb("br")
    server.script = lambda visit: visit.reply(content, 200, "Content-Encoding: br")
    before = max_memory_mib()
    exchange = await start(transport, server.base, max_bytes=1 << 30)
    await exchange.head(soon())
    for _ in range(20):
        await anyio.sleep(0.005)
    exchange.close()

    assert max_memory_mib() - before < 64


async def test_deadline_of_the_headers(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.gone()
    exchange = await start(transport, server.base)
    with anyio.fail_after(4), pytest.raises(TransportError, match="timeout"):
        await exchange.head(soon(0.1))
    exchange.close()


async def test_deadline_of_a_read(transport: Transport, server: Any) -> None:
    async def stall(visit: Any) -> None:
        await visit.head()
        await visit.gone()

    server.script = stall
    exchange = await start(transport, server.base)
    await exchange.head(soon())
    with anyio.fail_after(4), pytest.raises(TransportError, match="timeout"):
        await exchange.read(soon(0.1))
    exchange.close()


async def test_broken_answer_is_read_then_fails(transport: Transport, server: Any) -> None:
    async def cut(visit: Any) -> None:
        await visit.head()
        await visit.send(b"some")
        visit.writer.close()

    server.script = cut
    exchange = await start(transport, server.base)
    await exchange.head(soon())
    assert await exchange.read(soon()) == b"some"
    with pytest.raises(TransportError, match="reset"):
        await exchange.read(soon())
    exchange.close()


async def test_answer_that_does_not_end_is_given_up(
    transport: Transport, server: Any, settled: Any
) -> None:
    async def silent(visit: Any) -> None:
        await visit.head()
        await visit.gone()

    server.script = silent
    exchange = await start(transport, server.base)
    await exchange.head(soon())
    with anyio.fail_after(4):
        await exchange.finish(0.05)
    exchange.close()

    await settled(lambda: server.open == 0, 0.5)


@pytest.mark.parametrize("paused", [False, True], ids=["flowing", "paused"])
async def test_answer_without_end_is_not_read_for_ever(
    transport: Transport, server: Any, settled: Any, *, paused: bool
) -> None:
    server.script = flood
    exchange = await start(transport, server.base, max_bytes=1 << 40)
    await exchange.head(soon())
    if paused:
        await settled(lambda: exchange._paused)
    with anyio.fail_after(5):
        await exchange.finish(60.0)
    exchange.close()

    await settled(lambda: server.open == 0)


async def test_header_value_cannot_begin_another_header(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"x")
    await whole(await start(transport, server.base, headers=(("X-A", "b\r\nEvil: 1\0"),)))

    assert server.visits[0].headers["x-a"] == "bEvil: 1"
    assert "evil" not in server.visits[0].headers


async def test_redirect_is_not_followed(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"", 302, f"Location: {server.base}/other")
    exchange = await start(transport, server.base)
    await whole(exchange)

    assert (exchange.status, len(server.visits)) == (302, 1)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "dict://127.0.0.1:1", "gopher://127.0.0.1"])
async def test_other_protocols_are_refused(transport: Transport, url: str) -> None:
    exchange = await start(transport, url)
    with pytest.raises(TransportError):
        await exchange.head(soon())
    exchange.close()


def test_library_still_has_what_is_overridden() -> None:
    assert Curl._WS_RECV_BUFFER_SIZE > 1024
    assert asyncio.iscoroutinefunction(AsyncCurl._force_timeout)


def test_targets_are_known() -> None:
    assert {"chrome136", "firefox135", "safari184"} <= set(targets())
