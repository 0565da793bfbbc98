"""What keys may do, from where, how often and how many at once (F-KEY-08)."""

import asyncio
from functools import partial
from typing import Any

import pytest
from litestar import WebSocket, post, websocket

from grokgate.app import create_app
from grokgate.errors import GatewayError
from grokgate.http.departure import rate_headers
from grokgate.keys import Rate
from grokgate.plugin import Caller, ClientSocket
from grokgate.testing.socket import talking

pytestmark = pytest.mark.anyio

ECHO = {"model": "m"}


def limit(gateway: Any, key: str, **limits: Any) -> None:
    gateway.keys.callers[key] = Caller(key_id="k1", name="first", **limits)


class Held:
    """A route that answers when it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

        @post("/v1/held", status_code=200, summary="Wait.")
        async def held() -> None:
            self.reached.set()
            await self.released.wait()

        self.handler = held


async def test_one_request_at_once_is_one_until_it_is_answered(gateway: Any, key: str) -> None:
    held = Held()
    gateway.add("held", held.handler)
    limit(gateway, key, max_inflight=1)
    async with gateway.client() as client, asyncio.TaskGroup() as group:
        first = group.create_task(client.post("/v1/held"))
        await held.reached.wait()
        second = await client.post("/v1/echo", json=ECHO)
        held.released.set()
        await first
        third = await client.post("/v1/echo", json=ECHO)

    assert (second.status_code, second.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert second.headers["retry-after"] == "1"
    assert third.status_code == 200


async def test_failed_request_leaves_too(gateway: Any, key: str) -> None:
    limit(gateway, key, max_inflight=1)
    async with gateway.client() as client:
        statuses = [(await client.get("/v1/broken")).status_code for _ in range(3)]

    assert statuses == [500] * 3
    assert len(gateway.over) == 3


@pytest.mark.parametrize(
    ("network", "forwarded", "status"),
    [
        ("127.0.0.0/8", None, 200),
        ("203.0.113.0/24", None, 403),
        ("203.0.113.7", "203.0.113.7", 200),
        ("203.0.113.7", "198.51.100.1, 203.0.113.8", 403),
    ],
)
async def test_address_is_that_of_the_client(
    gateway: Any, key: str, network: str, forwarded: str | None, status: int
) -> None:
    gateway.settings.change("server", trusted_proxies=("127.0.0.1",))
    limit(gateway, key, allowed_ips=(network,))
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    async with gateway.client(headers=headers) as client:
        reply = await client.get("/v1/letters/a")

    assert reply.status_code == status
    if status == 403:
        assert reply.json()["error"]["code"] == "ip_not_allowed"


async def test_endpoint_is_checked_before_the_rate(gateway: Any, key: str) -> None:
    limit(gateway, key, rpm=1, allowed_endpoints=frozenset({"letters"}))
    async with gateway.client() as client:
        refused = await client.post("/v1/echo", json=ECHO)
        allowed = await client.get("/v1/letters/a")

    assert (refused.status_code, allowed.status_code) == (403, 200)


@websocket("/v1/socket")
async def serve(socket: WebSocket[Any, Any, Any]) -> None:
    """Say what becomes of three turns."""
    client = await ClientSocket.accept(socket)
    for _ in range(3):
        try:
            async with client.rights.turn() as turn:
                await turn.run(partial(client.write, '"done"'))
        except GatewayError as error:
            await client.write(f'"{error.code}"')
    await client.close(1000, "")


async def test_each_turn_of_a_socket_is_a_request(gateway: Any, key: str) -> None:
    gateway.add("socket", serve)
    limit(gateway, key, rpm=2, max_inflight=1)
    async with talking(create_app(gateway), "/v1/socket", authorization=f"Bearer {key}") as talk:
        heard = [await talk.hear() for _ in range(3)]

    assert heard == ["done", "done", "rate_limit_exceeded"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, b"0ms"), (0.0121, b"13ms"), (1.0, b"1s"), (59.2, b"1m0s"), (60.0, b"1m0s")],
)
def test_reset_is_told_as_a_duration(seconds: float, text: bytes) -> None:
    assert rate_headers(Rate(5, 4, seconds))[2] == (b"x-ratelimit-reset-requests", text)
