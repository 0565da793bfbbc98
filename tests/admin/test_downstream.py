"""The switches of all endpoints through the admin API (F-ADM-30, F-UI-70)."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from litestar import get, post
from litestar.params import FromPath

from grokgate.plugin import RouteSpec, hookimpl
from grokgate.testing import running_gateway

pytestmark = pytest.mark.anyio


@post("/v1/haiku")
async def write_haiku() -> str:
    return "an old silent pond"


@get("/v1/haiku/{name:str}")
async def read_haiku(name: FromPath[str]) -> str:
    return name


class Haiku:
    """A third-party plugin with two routes, one of which needs the other."""

    @hookimpl
    def grokgate_routes(self) -> list[RouteSpec]:
        return [
            RouteSpec(id="haiku", handlers=(write_haiku,), summary="Writes a haiku."),
            RouteSpec(
                id="shelf",
                handlers=(read_haiku,),
                summary="Shows one.",
                requires=("haiku",),
                default_enabled=False,
            ),
        ]


async def rows(admin: httpx.AsyncClient) -> Mapping[str, Mapping[str, Any]]:
    return {row["key"]: row for row in (await admin.get("/downstream")).json()["endpoints"]}


async def test_every_switch_is_told_with_what_it_guards() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        found = await rows(admin)

    assert found["enable_haiku"] == {
        "key": "enable_haiku",
        "method": "POST",
        "path": "/v1/haiku",
        "operations": [{"method": "POST", "path": "/v1/haiku"}],
        "description": "Writes a haiku.",
        "help": {"en": "Answer requests of route haiku.", "zh": "是否启用路由 haiku。"},
        "plugin": "haiku",
        "bundled": False,
        "calls_day": 0,
        "failed_day": 0,
        "enabled": True,
        "answers": True,
        "requires": [],
        "default": True,
        "locked_by": None,
    }
    assert found["enable_shelf"]["requires"] == ["enable_haiku"]
    assert found["enable_shelf"]["path"] == "/v1/haiku/{name}"


async def test_routes_of_the_core_have_one_row_for_each_switch() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        listed = (await admin.get("/downstream")).json()["endpoints"]
    keys = [row["key"] for row in listed]

    assert keys == ["enable_files", "enable_uploads", "enable_haiku", "enable_shelf"]
    assert {"method": "GET", "path": "/v1/files"} in listed[0]["operations"]


async def test_switch_is_in_force_with_the_next_request() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        reply = await admin.post("/downstream", json={"enable_haiku": False})
        off = await gw.client.post("/v1/haiku")
        await admin.post("/downstream", json={"downstream.enable_haiku": True})
        on = await gw.client.post("/v1/haiku")

    assert reply.json()["message"] == "Saved."
    assert (off.status_code, on.status_code) == (404, 201)


async def test_reply_shows_the_state_that_followed() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        patch = {"enable_haiku": False, "enable_shelf": True}
        reply = await admin.post("/downstream", json=patch)
    found = {row["key"]: row for row in reply.json()["endpoints"]}

    assert (found["enable_haiku"]["enabled"], found["enable_shelf"]["enabled"]) == (False, True)
    assert not found["enable_shelf"]["answers"]


async def test_unknown_switch_is_a_warning() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        reply = (await admin.post("/downstream", json={"enable_nothing": True})).json()

    assert reply["warnings"] == ["downstream.enable_nothing is no setting and was ignored"]
    assert reply["message"] == "Nothing changed."


async def test_other_values_than_booleans_are_refused() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        reply = await admin.post("/downstream", json={"enable_haiku": "no"})

    assert reply.status_code == 400


async def test_switch_that_this_run_sets_is_locked() -> None:
    overlay = {"downstream.enable_haiku": False}
    async with running_gateway(Haiku(), settings=overlay) as gw, gw.operator() as admin:
        reply = await admin.post("/downstream", json={"enable_haiku": True})
        row = (await rows(admin))["enable_haiku"]

    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "config_locked")
    assert row["locked_by"] == "an option of this run"


async def test_change_is_audited() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        await admin.post("/downstream", json={"enable_haiku": False})
        (line,) = (await admin.get("/audit")).json()["lines"]

    assert (line["action"], line["target"]) == ("downstream", "downstream.enable_haiku")
    assert line["detail"] == {"enable_haiku": False}


async def test_calls_of_the_day_are_counted_by_switch() -> None:
    async with running_gateway(Haiku()) as gw, gw.operator() as admin:
        await gw.client.get("/v1/files")
        await gw.client.get("/v1/files/file-none")
        await gw.gateway.request_log.flush()
        found = await rows(admin)

    assert (found["enable_files"]["calls_day"], found["enable_files"]["failed_day"]) == (2, 1)
    assert (found["enable_haiku"]["calls_day"], found["enable_haiku"]["bundled"]) == (0, False)
