"""What the log and the request log are told of each request."""

from typing import Any

import anyio.lowlevel
import pytest
from litestar import WebSocket, get, post, websocket
from litestar.params import FromQuery

from grokgate.app import create_app
from grokgate.errors import UpstreamError
from grokgate.plugin import ClientSocket
from grokgate.testing.socket import talking

pytestmark = pytest.mark.anyio


async def test_clients_request_is_noted_once_it_is_answered(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await client.get("/v1/letters/a")

    ((ended, tally),) = gateway.noted
    assert (ended.endpoint, ended.status) == ("GET /v1/letters/{letter}", 200)
    assert (ended.caller.key_id, ended.stream, ended.error) == ("k1", False, None)
    assert ended.first_byte_s <= ended.seconds
    assert tally.request_id == reply.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/health", "/metrics", "/nowhere", "/api/v1/admin/tokens"])
async def test_what_is_no_clients_request_is_not_noted(gateway: Any, path: str) -> None:
    async with gateway.client() as client:
        await client.get(path)

    assert gateway.noted == []


async def test_path_that_no_route_took_is_noted_without_its_text(gateway: Any) -> None:
    async with gateway.client() as client:
        await client.get("/v1/canary-in-a-path")

    ((ended, _),) = gateway.noted
    assert (ended.endpoint, ended.status) == ("GET unrouted", 404)


async def test_address_is_told_by_trusted_proxies_alone(gateway: Any) -> None:
    async with gateway.client(headers={"x-forwarded-for": "203.0.113.9"}) as client:
        await client.get("/v1/letters/a")
        gateway.settings.change("server", trusted_proxies=("127.0.0.1",))
        await client.get("/v1/letters/a")

    assert [ended.address for ended, _ in gateway.noted] == ["127.0.0.1", "203.0.113.9"]


async def test_probes_are_logged_if_the_setting_says_so(gateway: Any) -> None:
    async with gateway.client() as client:
        await client.get("/health")
        gateway.settings.change("log", health_requests=True)
        await client.get("/health")

    assert [event["route"] for event in gateway.events("request")] == ["/health"]
    assert gateway.noted == []


@get("/v1/slow")
async def slow() -> dict[str, str]:
    await anyio.sleep(0.005)
    return {}


async def test_slow_request_is_called_so_by_the_setting(gateway: Any) -> None:
    gateway.add("slow", slow)
    async with gateway.client() as client:
        for slow_ms in (0, 1, 60_000):
            gateway.settings.change("log", slow_ms=slow_ms)
            await client.get("/v1/slow")

    assert [event.get("slow") for event in gateway.events("request")] == [None, True, None]


@websocket("/v1/socket")
async def one_turn(socket: WebSocket[Any, Any, Any]) -> None:
    client = await ClientSocket.accept(socket)
    await client.read()
    async with client.rights.turn() as turn:
        await turn.run(lambda: client.write(f'"{turn.caller.request_id}"'))
    await client.close(1000, "")


async def test_turn_over_a_socket_is_noted_like_a_request(gateway: Any, key: str) -> None:
    gateway.add("socket", one_turn)
    async with talking(create_app(gateway), "/v1/socket", authorization=f"Bearer {key}") as talk:
        talk.say("hello")
        request_id = await talk.hear()
        with anyio.fail_after(5):
            while not gateway.noted:
                await anyio.lowlevel.checkpoint()

    ((ended, tally),) = gateway.noted
    assert (ended.endpoint, ended.status) == ("WEBSOCKET /v1/socket", 200)
    assert (ended.caller.key_id, tally.request_id) == ("k1", request_id)


@get("/v1/looked-at", opt={"family": "admin"})
async def looked_at(fail: FromQuery[bool] = False) -> dict[str, str]:  # noqa: FBT002
    if fail:
        raise UpstreamError("No.")
    return {}


@post("/v1/changed", opt={"family": "admin"})
async def changed() -> dict[str, str]:
    return {}


async def test_what_operators_look_at_is_no_news(gateway: Any) -> None:
    gateway.add("looking", looked_at, changed)
    async with gateway.client() as client:
        await client.get("/v1/looked-at")
        await client.get("/v1/looked-at?fail=1")
        await client.post("/v1/changed")

    levels = [call.method_name for call in gateway.log.calls if call.args == ("request",)]
    assert levels == ["debug", "info", "info"]
