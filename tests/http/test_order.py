"""Checks come in the order of openai-contract.md 14: a fault hides the ones behind it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import get, post
from litestar.params import JSONBody
from msgspec import Struct

from grokgate.app import mount
from grokgate.plugin import Caller

pytestmark = pytest.mark.anyio

MB = 1 << 20
BAD_BODY = {"content": b"[", "headers": {"content-type": "text/plain"}}


async def code_of(client: Any, method: str, path: str, **more: Any) -> tuple[int, str]:
    reply = await client.request(method, path, **more)
    return reply.status_code, reply.json()["error"]["code"]


async def test_path_and_method_come_before_the_key(gateway: Any) -> None:
    async with gateway.client(headers={"authorization": "Bearer wrong"}) as client:
        assert await code_of(client, "POST", "/v1/absent", **BAD_BODY) == (404, "unknown_url")
        assert await code_of(client, "PUT", "/v1/echo") == (405, "method_not_allowed")


async def test_key_comes_before_the_switch(gateway: Any) -> None:
    gateway.settings.switch_on()
    async with gateway.client(headers={"authorization": "Bearer wrong"}) as client:
        assert await code_of(client, "POST", "/v1/echo") == (401, "invalid_api_key")


async def test_switch_comes_before_the_limits_of_the_key(gateway: Any, key: str) -> None:
    gateway.settings.switch_on()
    gateway.keys.callers[key] = Caller(key_id="k", name="n", allowed_endpoints=frozenset())
    async with gateway.client() as client:
        assert await code_of(client, "POST", "/v1/echo") == (404, "endpoint_disabled")


async def test_limits_of_the_key_come_before_the_body(gateway: Any, key: str) -> None:
    gateway.keys.callers[key] = Caller(key_id="k", name="n", allowed_endpoints=frozenset())
    async with gateway.client() as client:
        assert await code_of(client, "POST", "/v1/echo", **BAD_BODY) == (
            403,
            "endpoint_not_allowed",
        )


async def test_size_and_content_type_come_before_the_json(gateway: Any) -> None:
    gateway.settings.change("limits", json_body_mb=0.001)
    async with gateway.client() as client:
        large = await code_of(client, "POST", "/v1/echo", content=b"[" * 2000)
        typed = await code_of(client, "POST", "/v1/echo", **BAD_BODY)

    assert large == (413, "request_too_large")
    assert typed == (415, "unsupported_media_type")


async def test_json_comes_before_its_types(gateway: Any) -> None:
    async with gateway.client() as client:
        assert await code_of(client, "POST", "/v1/echo", content=b'{"model":1,') == (
            400,
            "invalid_json",
        )


async def test_body_is_not_read_before_key_and_switch(gateway: Any) -> None:
    read: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for piece in range(3):
            read.append(piece)
            yield b"{"

    async with gateway.client(headers={"authorization": "Bearer wrong"}) as client:
        reply = await client.post("/v1/echo", content=pieces())

    assert reply.status_code == 401
    assert not read


async def test_flipped_switch_counts_from_the_next_request(gateway: Any) -> None:
    async with gateway.client() as client:
        before = await client.get("/v1/letters/a")
        gateway.settings.switch_on("echo")
        off = await client.get("/v1/letters/a")
        gateway.settings.switch_on("echo", "letters")
        after = await client.get("/v1/letters/a")

    assert [before.status_code, off.status_code, after.status_code] == [200, 404, 200]
    assert off.json()["error"]["message"] == "Endpoint disabled"


async def test_admin_route_is_closed_to_keys(gateway: Any) -> None:
    @get("/v1/admin/thing")
    async def thing() -> None: ...

    gateway.add("thing", thing, access="admin")
    async with gateway.client() as client:
        assert await code_of(client, "GET", "/v1/admin/thing") == (401, "invalid_api_key")


async def test_public_route_needs_a_switch_and_no_key(gateway: Any) -> None:
    @get("/images/thing")
    async def thing() -> dict[str, bool]:
        return {"seen": True}

    gateway.add("thing", thing, access="public")
    async with gateway.client(headers={"authorization": ""}) as client:
        opened = await client.get("/images/thing")
        gateway.settings.switch_on()
        closed = await code_of(client, "GET", "/images/thing")

    assert opened.json() == {"seen": True}
    assert closed == (404, "endpoint_disabled")


LINKS = ("/images/", "/v1/files/image", "/v1/files/video")
"""Opened without a key, by a signature."""


async def test_every_route_but_probes_and_links_refuses_without_a_key(gateway: Any) -> None:
    class Anything(Struct):
        pass

    @post("/v1/thing/{name:str}")
    async def thing(data: JSONBody[Anything]) -> None: ...

    gateway.add("thing", thing)
    routes = [
        (method, route.path_format.replace("{letter}", "a").replace("{name}", "b"))
        for route in mount(gateway).routes
        for method in route.methods - {"OPTIONS"}
        if route.path not in {"/health", "/ready", "/metrics"} and not route.path.startswith(LINKS)
    ]
    async with gateway.client(headers={"authorization": ""}) as client:
        statuses = {route: (await client.request(*route)).status_code for route in routes}

    assert len(statuses) == 4 + 6
    assert set(statuses.values()) == {401}
