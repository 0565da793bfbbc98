"""How a gateway's routes are mounted."""

from typing import Any

import pytest
from litestar import get

from grokgate.app import create_app
from grokgate.plugin import Ctx, Settings

pytestmark = pytest.mark.anyio


async def test_handler_gets_the_context_of_its_plugin(gateway: Any) -> None:
    @get("/v1/whose")
    async def whose(ctx: Ctx[Settings]) -> dict[str, Any]:
        return {"plugin": ctx}

    gateway.add("whose", whose)
    async with gateway.client() as client:
        reply = await client.get("/v1/whose")

    assert reply.json() == {"plugin": "plugin_whose"}


async def test_handlers_can_be_mounted_by_several_applications(gateway: Any) -> None:
    create_app(gateway)
    async with gateway.client() as client:
        reply = await client.get("/v1/letters/a")

    assert reply.status_code == 200


async def test_plugin_without_routes_is_mounted_too(gateway: Any) -> None:
    gateway.plugins.append(type(gateway.plugins[0])("silent", ()))
    async with gateway.client() as client:
        reply = await client.get("/health")

    assert reply.status_code == 200
