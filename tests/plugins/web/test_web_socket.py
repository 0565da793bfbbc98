"""The transport's WebSockets, against a scripted server on loopback."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from grokgate_web.transport import (
    MAX_HELD,
    MAX_MESSAGE,
    Exchange,
    Message,
    Request,
    Route,
    Socket,
    Transport,
    TransportError,
)

pytestmark = pytest.mark.anyio

ROUTE = Route(target="chrome136")


@pytest.fixture
async def transport(tmp_path: Path) -> AsyncIterator[Transport]:
    one = Transport(tmp_path)
    yield one
    await one.aclose()


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def connect(
    transport: Transport,
    base: str,
    *,
    route: Route = ROUTE,
    headers: tuple[tuple[str, str], ...] = (),
    max_bytes: int = 1 << 30,
) -> Socket:
    request = Request(url=base + "/ws", headers=headers, max_bytes=max_bytes)
    return transport.connect("a", route, request)


async def opened(transport: Transport, base: str, **choices: Any) -> Socket:
    socket = connect(transport, base, **choices)
    assert await socket.open(soon())
    return socket


async def drained(socket: Socket) -> None:
    while await socket.receive(soon()) is not None:
        pass


async def whole(exchange: Exchange) -> None:
    while await exchange.read(soon()):
        pass


async def test_messages_pass_both_ways(transport: Transport, server: Any) -> None:
    async def echo(visit: Any) -> None:
        peer = await visit.upgrade()
        while True:
            opcode, data = await peer.read()
            await peer.send(data, first=0x80 | opcode)

    server.script = echo
    socket = await opened(transport, server.base)
    for data in (b"one", b"x" * 300_000, b""):
        socket.send(data)
        assert await socket.receive(soon()) == Message(data, text=True)
    socket.close()


async def test_upgrade_sends_given_headers_and_keeps_no_cookie(
    transport: Transport, server: Any
) -> None:
    async def script(visit: Any) -> None:
        visit.writer.write(b"HTTP/1.1 403 X\r\nSet-Cookie: sso=leak\r\nContent-Length: 0\r\n\r\n")

    server.script = script
    for _ in range(2):
        socket = connect(transport, server.base, headers=(("Cookie", "a=b\r\nEvil: 1"),))
        assert not await socket.open(soon())
        socket.close()

    headers = server.visits[1].headers
    assert (headers["cookie"], headers["upgrade"]) == ("a=bEvil: 1", "websocket")
    assert set(headers) == {
        "host", "cookie", "upgrade", "connection", "accept-encoding", "sec-websocket-version",
        "sec-websocket-key",
    }  # fmt: skip


async def test_refusal_can_be_read(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"<html>no", 403, "X-A: b")
    socket = connect(transport, server.base)

    assert not await socket.open(soon())
    assert (socket.exchange.status, socket.exchange.headers["x-a"]) == (403, "b")
    assert await socket.exchange.read(soon()) == b"<html>no"
    socket.close()


async def test_answer_to_another_key_is_none(transport: Transport, server: Any) -> None:
    async def script(visit: Any) -> None:
        visit.headers["sec-websocket-key"] = "other"
        await visit.upgrade()

    server.script = script
    socket = connect(transport, server.base)
    with pytest.raises(TransportError, match="reset"):
        await socket.open(soon())
    socket.close()


@pytest.mark.parametrize(
    "line",
    [
        "Upgrade: h2c",
        "Connection: close",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Protocol: chat",
    ],
)
async def test_other_protocol_than_was_asked_for_is_none(
    transport: Transport, server: Any, line: str
) -> None:
    server.script = lambda visit: visit.upgrade(line)
    socket = connect(transport, server.base)
    with pytest.raises(TransportError, match="reset"):
        await socket.open(soon())
    socket.close()


async def test_upgrade_survives_a_kept_connection_that_is_dead(
    transport: Transport, server: Any
) -> None:
    async def once(visit: Any) -> None:
        if visit.method == "POST":
            await visit.reply(b"kept")
        elif len(server.visits) == 2:  # the first request again on the connection of the POST
            raise OSError
        else:
            await visit.upgrade()

    server.script = once
    post = Request(url=server.base, headers=(), body=b"{}", max_bytes=1000)
    exchange = transport.start("a", ROUTE, post, on_sent=lambda: None)
    await exchange.head(soon())
    await whole(exchange)
    exchange.close()

    socket = await opened(transport, server.base)
    assert [visit.method for visit in server.visits] == ["POST", "GET", "GET"]
    assert server.connections == 2
    socket.close()


async def test_no_connection_is_told_apart(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.gone()
    nobody, silent = connect(transport, "http://127.0.0.1:1"), connect(transport, server.base)
    with pytest.raises(TransportError, match="connect"):
        await nobody.open(soon())
    with pytest.raises(TransportError, match="timeout"):
        await silent.open(soon(0.1))

    assert (nobody.connected, silent.connected) == (False, True)
    nobody.close()
    silent.close()


@pytest.mark.parametrize("upgraded", [False, True])
async def test_abort_of_a_silent_socket(
    transport: Transport, server: Any, settled: Any, *, upgraded: bool
) -> None:
    async def silent(visit: Any) -> None:
        if upgraded:
            await visit.upgrade()
        await visit.gone()

    server.script = silent
    socket = connect(transport, server.base)
    waiting = asyncio.ensure_future(socket.open(soon(60)))
    await settled(lambda: bool(server.visits))
    if upgraded:
        assert await waiting
        waiting = asyncio.ensure_future(socket.receive(soon(60)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    socket.close()
    socket.close()
    socket.send(b"lost")

    await settled(lambda: server.open == 0, 0.5)


async def test_deadline_stands_whatever_else_arrives(transport: Transport, server: Any) -> None:
    async def pings(visit: Any) -> None:
        peer = await visit.upgrade()
        while True:
            await peer.send(b"p", first=0x89)
            assert await peer.read() == (0xA, b"p")

    server.script = pings
    socket = await opened(transport, server.base)
    with anyio.fail_after(4), pytest.raises(TransportError, match="timeout"):
        await socket.receive(soon(0.2))
    socket.close()


async def test_server_that_closes_is_answered(transport: Transport, server: Any) -> None:
    answers: list[tuple[int, bytes]] = []

    async def close(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.send(b"last")
        await peer.send(b"\x03\xf0why", first=0x88)
        answers.append(await peer.read())
        visit.writer.close()

    server.script = close
    socket = await opened(transport, server.base)
    assert await socket.receive(soon()) == Message(b"last", text=True)
    assert await socket.receive(soon()) is None
    await socket.finish(1.0)
    socket.close()

    assert (socket.close_code, answers) == (1008, [(8, b"\x03\xe8")])


async def test_lost_connection_is_no_close(transport: Transport, server: Any) -> None:
    async def cut(visit: Any) -> None:
        await visit.upgrade()
        visit.writer.close()

    server.script = cut
    socket = await opened(transport, server.base)
    with pytest.raises(TransportError, match="reset"):
        await socket.receive(soon())
    socket.close()


async def test_closing_waits_for_the_server_but_not_long(
    transport: Transport, server: Any, settled: Any
) -> None:
    async def silent(visit: Any) -> None:
        await visit.upgrade()
        await visit.gone()

    server.script = silent
    socket = await opened(transport, server.base)
    with anyio.fail_after(4):
        await socket.finish(0.1)
    socket.close()

    await settled(lambda: server.open == 0, 0.5)


async def test_long_message_is_refused(transport: Transport, server: Any, settled: Any) -> None:
    async def endless(visit: Any) -> None:
        await visit.upgrade()
        visit.writer.write(b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big"))
        await visit.gone()

    server.script = endless
    socket = await opened(transport, server.base)
    with pytest.raises(TransportError, match="too_large"):
        await socket.receive(soon())
    socket.close()

    await settled(lambda: server.open == 0, 0.5)


async def test_unread_socket_is_paused(transport: Transport, server: Any) -> None:
    sent = 0

    async def flood(visit: Any) -> None:
        nonlocal sent
        peer = await visit.upgrade()
        while True:
            await peer.send(b"x" * 65_536)
            sent += 65_536

    server.script = flood
    socket = await opened(transport, server.base)
    before = -1
    while before != sent:
        before = sent
        await anyio.sleep(0.1)  # long enough for a running transfer to show itself
    paused_at = sent
    socket.send(b"still goes out")
    assert paused_at < 32 << 20
    assert socket.exchange._held <= MAX_HELD + 65_536

    for _ in range(1000):
        await socket.receive(soon())
    assert sent > paused_at
    socket.close()


async def test_firehose_is_cut(transport: Transport, server: Any, settled: Any) -> None:
    async def flood(visit: Any) -> None:
        peer = await visit.upgrade()
        while True:
            await peer.send(b"x" * 1000)

    server.script = flood
    socket = await opened(transport, server.base, max_bytes=100_000)
    with pytest.raises(TransportError, match="too_large"):
        await drained(socket)
    socket.close()

    await settled(lambda: server.open == 0, 0.5)


async def test_pongs_do_not_pile_up(transport: Transport, server: Any) -> None:
    async def flood(visit: Any) -> None:
        peer = await visit.upgrade()
        for _ in range(60_000):
            await peer.send(b"p" * 125, first=0x89)
        await peer.send(b"end")
        await visit.gone()

    server.script = flood
    socket = await opened(transport, server.base)
    socket.send(b"x" * (MAX_HELD * 16))
    assert await socket.receive(soon(20)) == Message(b"end", text=True)

    assert socket._exchange.unsent < MAX_HELD * 17
    socket.close()


async def test_environment_names_no_proxy(
    transport: Transport, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.script = lambda visit: visit.upgrade()
    socket = await opened(transport, server.base)
    socket.close()


async def test_proxy_is_asked_for_a_tunnel(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"no", 502)
    route = Route(target="chrome136", proxy=server.base)
    socket = connect(transport, "http://nowhere.invalid", route=route)
    with pytest.raises(TransportError):
        await socket.open(soon())
    socket.close()

    assert server.visits[0].path == "nowhere.invalid:80"


async def test_environment_does_not_bypass_the_proxy(
    transport: Transport, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")

    async def script(visit: Any) -> None:
        if visit.path == "nowhere.invalid:80":
            visit.writer.write(b"HTTP/1.1 200 X\r\n\r\n")
        else:
            await visit.upgrade()

    server.script = script
    route = Route(target="chrome136", proxy=server.base)
    socket = await opened(transport, "http://nowhere.invalid", route=route)
    socket.close()

    assert [visit.path for visit in server.visits] == ["nowhere.invalid:80", "/ws"]


async def test_redirect_is_not_followed(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"", 302, f"Location: {server.base}/other")
    socket = connect(transport, server.base)
    assert not await socket.open(soon())
    socket.close()

    assert (socket.exchange.status, len(server.visits)) == (302, 1)


async def test_bomb_in_a_refusal_is_cut(transport: Transport, server: Any) -> None:
    content = gzip.compress(bytes(64 << 20), 1)
    server.script = lambda visit: visit.reply(content, 403, "Content-Encoding: gzip")
    socket = connect(transport, server.base, max_bytes=1 << 20)
    assert not await socket.open(soon())
    with pytest.raises(TransportError, match="too_large"):
        await whole(socket.exchange)
    socket.close()


async def test_own_authority_is_trusted(
    transport: Transport, server: Any, secure: tuple[str, Path], settled: Any
) -> None:
    base, ca_file = secure
    server.script = lambda visit: visit.upgrade()
    socket = await opened(transport, base, route=Route(target="chrome136", ca_file=str(ca_file)))
    socket.close()

    await transport.aclose()
    await settled(lambda: server.open == 0)


async def test_unknown_certificate_is_refused_before_anything_is_sent(
    transport: Transport, server: Any, secure: tuple[str, Path]
) -> None:
    socket = connect(transport, secure[0])
    with pytest.raises(TransportError, match="connect"):
        await socket.open(soon())
    socket.close()

    assert (socket.connected, server.visits) == (False, [])


async def test_sockets_in_use_do_not_give_way(tmp_path: Path, server: Any) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        assert (await peer.read())[1] == b"still here"
        await peer.send(b"so am I")
        await peer.gone()

    server.script = script
    transport = Transport(tmp_path, max_connections=2)
    request = Request(url=server.base + "/ws", headers=(), max_bytes=1 << 20)
    sockets = [transport.connect(owner, ROUTE, request) for owner in "abcde"]
    for socket in sockets:
        assert await socket.open(soon())
        socket.send(b"still here")
    for socket in sockets:
        assert await socket.receive(soon()) == Message(b"so am I", text=True)
        socket.close()
    last = transport.connect("f", ROUTE, request)
    last.close()

    assert transport.kept <= 2
    await transport.aclose()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "dict://127.0.0.1:1", "ws://127.0.0.1:1"])
async def test_other_protocols_are_refused(transport: Transport, url: str) -> None:
    socket = connect(transport, url)
    with pytest.raises(TransportError):
        await socket.open(soon())
    socket.close()


async def test_plain_calls_still_work_beside_sockets(transport: Transport, server: Any) -> None:
    async def either(visit: Any) -> None:
        if "upgrade" in visit.headers:
            await visit.upgrade()
            await visit.gone()
        await visit.reply(json.dumps(sorted(visit.headers)).encode())

    server.script = either
    socket = await opened(transport, server.base)
    for method, body in (("GET", b""), ("POST", b"{}"), ("GET", b""), ("POST", b"{}")):
        request = Request(
            method=method,  # type: ignore[arg-type]  # both are
            url=server.base,
            headers=(),
            body=body,
            max_bytes=1000,
        )
        exchange = transport.start("a", ROUTE, request, on_sent=lambda: None)
        await exchange.head(soon())
        assert ("content-length" in json.loads(await exchange.read(soon()))) == (method == "POST")
        assert await exchange.read(soon()) == b""
        exchange.close()
    socket.close()

    assert server.connections == 2
