"""The plugins through the admin API (F-ADM-31)."""

import tomllib
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

import anyio
import httpx
import pytest
from litestar import get

import grokgate_chat
from grokgate.plugin import CallRecord, RouteSpec, hookimpl
from grokgate.testing import running_gateway
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio
HELLO = {"model": "grok-4", "messages": [{"role": "user", "content": "hello"}]}


@get("/v1/haiku")
async def haiku() -> str:
    return "an old silent pond"


class Haiku:
    """A plugin with a route."""

    @hookimpl
    def grokgate_routes(self) -> list[RouteSpec]:
        return [RouteSpec(id="haiku", handlers=(haiku,), summary="Writes a haiku.")]


class Broken(Haiku):
    """A plugin that does not start."""

    @hookimpl
    def grokgate_lifespan(self) -> NoReturn:
        raise RuntimeError("no ink")


class Watcher:
    """An observer that always fails."""

    @hookimpl
    def grokgate_call_finished(self, record: CallRecord) -> None:
        raise RuntimeError(record.model)


async def rows(admin: httpx.AsyncClient) -> Mapping[str, Mapping[str, Any]]:
    return {row["name"]: row for row in (await admin.get("/plugins")).json()["plugins"]}


async def test_plugin_is_told_with_what_it_brings() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        row = (await rows(admin))["chat"]

    assert row["version"] == "test"
    assert "chat_completions" in row["routes"]
    assert "enable_chat_completions" in row["toggles"]
    assert "grok-4" in row["models"]
    assert (row["health"], row["error"], row["faults"]) == ("ok", None, 0)


async def test_plugin_that_did_not_start_says_so() -> None:
    async with running_gateway(Broken()) as gw, gw.operator() as admin:
        row = (await rows(admin))["broken"]

    assert (row["health"], row["faults"]) == ("failed", 1)
    assert "plugin_lifespan_failed" in row["error"]


async def test_silenced_observer_says_so() -> None:
    async with running_gateway(grokgate_chat, Watcher()) as gw, gw.operator() as admin:
        for _ in range(3):
            gw.fake.add([TextDelta(text="hello")])
            await gw.client.post("/v1/chat/completions", json=HELLO)
        row = (await rows(admin))["watcher"]

    assert (row["health"], row["faults"]) == ("faulty", 3)
    assert row["error"] is not None


async def test_installed_plugin_that_is_not_loaded_is_off() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        row = (await rows(admin))["chat"]

    assert (row["health"], row["bundled"], row["routes"]) == ("off", True, [])


async def test_bundled_plugin_is_left_out_from_the_next_start_on() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        reply = await admin.post("/plugins/chat", json={"enabled": False})
        settings = gw.gateway.settings

        assert tomllib.loads(settings.path.read_text()) == {"plugins": {"disabled": ["chat"]}}
        assert settings.snapshot.plugins.disabled == ()
        assert (await rows(admin))["chat"]["enabled"] is False
    assert reply.json()["status"] == "success"


async def test_choice_can_be_taken_back_before_the_next_start() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/plugins/chat", json={"enabled": False})
        await admin.post("/plugins/chat", json={"enabled": True})
        tree = tomllib.loads(gw.gateway.settings.path.read_text())

    assert tree.get("plugins", {}) == {}


async def test_choices_made_at_once_are_all_kept() -> None:
    names = ["chat", "images", "video"]
    async with running_gateway() as gw, gw.operator() as admin:
        async with anyio.create_task_group() as group:
            for name in names:
                group.start_soon(partial(admin.post, f"/plugins/{name}", json={"enabled": False}))

        assert sorted(gw.gateway.settings.coming["plugins.disabled"]) == names


async def test_foreign_plugin_that_runs_stops_with_the_next_start() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        on = (await admin.post("/plugins/haiku", json={"enabled": True})).json()
        off = (await admin.post("/plugins/haiku", json={"enabled": False})).json()

    assert (on["needs_restart"], on["message"]) == (False, "Saved.")
    assert (off["needs_restart"], off["plugin"]["enabled"]) == (True, False)
    assert off["message"] == "Saved. It takes effect at the next start."


async def test_unknown_plugin_is_not_found() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        reply = await admin.post("/plugins/nothing", json={"enabled": True})

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


async def test_choice_is_audited() -> None:
    async with running_gateway() as gw, gw.operator() as admin:
        await admin.post("/plugins/chat", json={"enabled": False})
        (line,) = (await admin.get("/audit")).json()["lines"]

    assert (line["target"], line["detail"]) == ("chat", {"enabled": False})
