"""WebSockets: refused like requests before the upgrade, with rights of their own afterwards."""

import asyncio
from functools import partial
from typing import Any

import anyio
import msgspec
import pytest
from anyio.lowlevel import checkpoint
from litestar import WebSocket, websocket

from grokgate.app import create_app
from grokgate.errors import GatewayError, Overloaded
from grokgate.plugin import Caller, ClientSocket, SocketClosed
from grokgate.testing.server import serving
from grokgate.testing.socket import talking

pytestmark = pytest.mark.anyio


class Wish(msgspec.Struct):
    wish: int


@websocket("/v1/socket")
async def serve(socket: WebSocket[Any, Any, Any]) -> None:
    """Answer each text inside a turn; "fail" is a defect, "close" closes."""
    client = await ClientSocket.accept(socket)
    rights = client.rights
    while True:
        try:
            text = await client.read()
        except SocketClosed:
            return
        if text == "fail":
            raise RuntimeError("detail")
        if text == "close":
            await client.close(1001, "bye")
            return
        try:
            async with rights.turn() as turn:
                await turn.run(partial(_answer, client, turn.caller, text))
        except GatewayError as error:
            await client.write(msgspec.json.encode(error.code).decode())


async def _answer(client: ClientSocket, caller: Caller, text: str | bytes) -> None:
    if text == "wait":
        await anyio.sleep_forever()
    if text == "break":
        raise RuntimeError("detail")
    if text == "read":
        read = client.rights.reader(Wish)
        read(b'{"wish":"1"}')
    await client.write(msgspec.json.encode([caller.key_id, caller.request_id]).decode())


@pytest.fixture
def app(gateway: Any) -> Any:
    gateway.add("socket", serve)
    return create_app(gateway)


async def test_a_key_opens_the_socket(app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("hello")

        assert (await talk.hear())[0] == "k1"


async def test_each_turn_has_a_request_id_of_its_own(app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("one")
        talk.say("two")

        assert (await talk.hear())[1] != (await talk.hear())[1]


@pytest.mark.parametrize(
    ("path", "sent", "refusal"),
    [
        ("/v1/socket", "Bearer wrong", (401, "invalid_api_key")),
        ("/v1/socket", "", (401, "invalid_api_key")),
        ("/v1/nothing", "Bearer {key}", (404, "unknown_url")),
        ("/v1/echo", "Bearer {key}", (404, "unknown_url")),
        ("/v1//socket", "Bearer {key}", (404, "unknown_url")),
    ],
)
async def test_refusals_before_the_upgrade_have_the_envelope(
    app: Any, key: str, path: str, sent: str, refusal: tuple[int, str]
) -> None:
    async with talking(app, path, authorization=sent.format(key=key)) as talk:
        assert (talk.status, talk.refusal["error"]["code"]) == refusal
        assert not talk.accepted


async def test_switched_off_route_is_refused_before_the_upgrade(
    gateway: Any, app: Any, key: str
) -> None:
    gateway.settings.switch_on("echo")
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        assert (talk.status, talk.refusal["error"]["code"]) == (404, "endpoint_disabled")


async def test_switch_is_asked_again_at_each_turn(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        gateway.settings.switch_on("echo")
        talk.say("hello")

        assert await talk.hear() == "endpoint_disabled"


async def test_key_is_asked_again_at_each_turn(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        gateway.keys.callers.clear()
        talk.say("hello")

        assert await talk.hear() == "invalid_api_key"


async def test_page_of_another_origin_needs_a_key(gateway: Any, app: Any) -> None:
    gateway.settings.change("app", allow_anonymous=True)
    async with talking(app, "/v1/socket", origin="http://evil.test") as talk:
        assert (talk.status, talk.refusal["error"]["code"]) == (403, "host_not_allowed")
    async with talking(app, "/v1/socket", origin="http://localhost") as talk:
        assert talk.accepted


async def test_open_socket_is_no_request_in_progress_but_its_turn_is(
    gateway: Any, app: Any, key: str
) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        idle = gateway.drain.inflight
        talk.say("wait")
        with anyio.fail_after(5):
            while gateway.drain.inflight == idle:
                await checkpoint()
        talk.leave()
        app._streams.end(Overloaded())
        await talk.until_closed()

    assert (idle, gateway.drain.inflight) == (0, 0)


async def test_shutdown_ends_a_turn_with_its_error(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("wait")
        with anyio.fail_after(5):
            while not gateway.drain.inflight:
                await checkpoint()
        app._streams.end(Overloaded())

        assert await talk.hear() == "overloaded"


async def test_draining_gateway_takes_no_sockets_and_no_turns(
    gateway: Any, app: Any, key: str
) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        gateway.drain.begin()
        talk.say("hello")
        assert await talk.hear() == "overloaded"
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as late:
        assert late.status == 503


async def test_shutdown_waits_for_the_end_of_open_sockets(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        gateway.drain.begin()
        async with anyio.create_task_group() as group:
            group.start_soon(gateway.drain.finished)
            await checkpoint()
            cut_at_once = gateway.drain.cut.is_set()
            talk.say("close")

    assert (cut_at_once, talk.code) == (False, 1001)


async def test_sockets_beyond_the_limit_are_refused(gateway: Any, app: Any, key: str) -> None:
    gateway.settings.change("limits", max_inflight=1)
    first = talking(app, "/v1/socket", authorization=f"Bearer {key}")
    second = talking(app, "/v1/socket", authorization=f"Bearer {key}")
    async with first, second as late:
        assert (late.status, late.refusal["error"]["code"]) == (503, "overloaded")
    assert gateway.drain.sockets == 0


async def test_turns_beyond_the_limit_are_refused(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        gateway.settings.change("limits", max_inflight=0)
        talk.say("hello")

        assert await talk.hear() == "overloaded"


async def test_messages_are_read_as_strictly_as_bodies(app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("read")

        assert await talk.hear() == "invalid_type"


async def test_defect_closes_the_socket_and_is_logged(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("fail")
        await talk.until_closed()

        assert talk.code == 1011
    assert [event["plugin"] for event in gateway.events("unhandled_error")] == ["plugin_socket"]


async def test_defect_of_a_turn_leaves_the_socket_open(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("break")
        talk.say("hello")

        assert (await talk.hear(), (await talk.hear())[0]) == ("internal_error", "k1")
    assert len(gateway.events("unhandled_error")) == 1


async def test_sockets_and_turns_are_logged(gateway: Any, app: Any, key: str) -> None:
    async with talking(app, "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("hello")
        await talk.hear()

    (turn,), (socket,) = gateway.events("request"), gateway.events("socket")
    assert (turn["method"], turn["status"], turn["key"]) == ("WEBSOCKET", 200, "first")
    assert (socket["route"], socket["status"]) == ("/v1/socket", 101)


async def test_close_reaches_a_real_client(app: Any, key: str) -> None:
    async with serving(app) as base:
        reader, writer = await _handshake(base, "/v1/socket", key)
        writer.write(_masked(b"close"))
        with anyio.fail_after(5):
            head = await reader.readuntil(b"\r\n\r\n")
            close = await reader.readexactly(4)
        writer.close()

    assert head.startswith(b"HTTP/1.1 101 ")
    assert close == b"\x88\x05\x03\xe9"


async def test_real_handshake_is_refused_with_the_envelope(app: Any) -> None:
    async with serving(app) as base:
        reader, writer = await _handshake(base, "/v1/socket", "wrong")
        with anyio.fail_after(5):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read(1000)
        writer.close()

    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"invalid_api_key" in body


async def _handshake(base: str, path: str, key: str) -> Any:
    host, _, port = base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        f"authorization: Bearer {key}\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return reader, writer


def _masked(text: bytes) -> bytes:
    """Frame a short text as clients must: masked, here with zeros (RFC 6455, 5.3)."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
