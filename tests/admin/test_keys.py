"""Operators make, change and remove the keys of clients (F-ADM-27)."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import func, select

import grokgate_chat
import grokgate_responses
from grokgate.operations import Operations
from grokgate.storage.tables import idempotent_replies, objects
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import TextDelta
from plugins.responses_world import PATH, Held, says

pytestmark = pytest.mark.anyio

HELLO = [TextDelta(text="Hello")]
ASK = {"model": "grok-4", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with running_gateway(grokgate_chat, upstream=FakeUpstream(*[HELLO] * 5)) as running:
        yield running


@pytest.fixture
async def admin(gw: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gw.operator() as client:
        yield client


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway for keys that are refused, or whose requests are."""
    del anyio_backend
    async with running_gateway(grokgate_chat) as running:
        yield running


async def make(admin: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    reply = await admin.post("/keys", json=fields)
    assert reply.status_code == 200, reply.text
    assert reply.json()["success"] is True
    made: dict[str, Any] = reply.json()["data"]
    return made


async def item(admin: httpx.AsyncClient, key_id: str) -> dict[str, Any]:
    listed = (await admin.get("/keys")).json()["data"]
    (found,) = (entry for entry in listed if entry["id"] == key_id)
    return dict(found)


async def ask(gw: RunningGateway, key: str, **fields: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return await gw.client.post("/v1/chat/completions", json=ASK | fields, headers=headers)


async def test_made_key_works_and_its_text_is_shown_once(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, name="front end", chat_limit=2)
    reply = await ask(gw, made["key"])
    listed = await item(admin, made["id"])

    assert reply.status_code == 200
    assert (listed["key"], listed["name"]) == (made["id"], "front end")
    assert listed["display_key"] == f"{made['key'][:6]}…"
    assert made["key"] not in (await admin.get("/keys")).text


async def test_use_and_rest_of_today_are_told(gw: RunningGateway, admin: httpx.AsyncClient) -> None:
    made = await make(admin, limits={"chat_per_day": 3, "video_per_day": 0})
    await ask(gw, made["key"])
    listed = await item(admin, made["id"])

    assert listed["usage_today"]["chat_used"] == 1
    assert listed["remaining_today"] == {"chat": 2, "heavy": None, "image": None, "video": 0}
    assert listed["day"] == gw.gateway.keys.usage.day()


@pytest.mark.parametrize(
    "limits",
    [{"chat_limit": 5}, {"limits": {"chat_per_day": 5}}],
    ids=["column", "limits"],
)
async def test_limits_have_two_spellings(shared: RunningGateway, limits: Any) -> None:
    async with shared.operator() as admin:
        assert (await make(admin, **limits))["chat_limit"] == 5


async def test_limit_that_nobody_knows_is_refused(shared: RunningGateway) -> None:
    body = {"name": "limited", "limits": {"requests_per_day": 3}}
    async with shared.operator() as admin:
        reply = await admin.post("/keys", json=body)

    assert (reply.status_code, "requests_per_day" in reply.text) == (400, True)


async def test_trail_tells_what_was_done_to_which_key(admin: httpx.AsyncClient) -> None:
    made = await make(admin, name="a")
    await admin.post("/keys/update", json={"key": made["id"], "rpm": 5})
    await admin.post("/keys/delete", json={"key": made["id"]})
    lines = (await admin.get("/audit")).json()["lines"]

    assert [(line["action"], line["detail"]["name"]) for line in lines] == [
        ("keys.delete", "a"),
        ("keys.update", "a"),
        ("keys.create", "a"),
    ]


async def test_only_what_is_named_is_changed(admin: httpx.AsyncClient) -> None:
    made = await make(admin, name="a", chat_limit=5, image_limit=7, rpm=9)
    await admin.post("/keys/update", json={"key": made["id"], "chat_limit": None, "name": "b"})
    now = await item(admin, made["id"])

    assert (now["name"], now["chat_limit"], now["image_limit"], now["rpm"]) == ("b", -1, 7, 9)


async def test_key_is_named_by_its_text_as_well(admin: httpx.AsyncClient) -> None:
    made = await make(admin)
    reply = await admin.post("/keys/update", json={"key": made["key"], "is_active": False})

    assert reply.json()["data"]["is_active"] is False
    assert reply.json()["data"]["key"] == made["id"]


async def test_inactive_key_is_refused(gw: RunningGateway, admin: httpx.AsyncClient) -> None:
    made = await make(admin, is_active=False)

    assert (await ask(gw, made["key"])).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [({}, 400, "Missing key"), ({"key": "sk-nobody"}, 404, "Key not found")],
)
@pytest.mark.parametrize("action", ["update", "delete"])
async def test_refusals_are_the_predecessors(
    admin: httpx.AsyncClient, action: str, body: Any, status: int, detail: str
) -> None:
    reply = await admin.post(f"/keys/{action}", json=body)

    assert (reply.status_code, reply.json()["detail"]) == (status, detail)


async def test_taken_text_is_refused(gw: RunningGateway, admin: httpx.AsyncClient) -> None:
    await gw.change(app={"api_key": "sk-of-the-configuration"})
    reply = await admin.post("/keys", json={"key": "sk-of-the-configuration"})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "duplicate_key")


async def test_config_keys_are_listed_and_cannot_be_changed(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    await gw.change(app={"api_key": "sk-of-the-configuration"})
    listed = (await admin.get("/keys")).json()["data"][-1]
    reply = await admin.post("/keys/update", json={"key": listed["id"], "chat_limit": 1})

    assert (listed["source"], listed["display_key"]) == ("config", "sk-of-…")
    assert reply.status_code == 404


async def test_deleted_key_takes_everything_with_it(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, name="gone")

    async def picture() -> AsyncIterator[bytes]:
        yield b"\x89PNG\r\n\x1a\n" + bytes(1016)

    kept = await gw.gateway.media.save(picture(), kind="image", owner=made["id"])
    await ask(gw, made["key"])
    reply = await admin.post("/keys/delete", json={"key": made["id"]})

    assert reply.json() == {"success": True}
    assert (await ask(gw, made["key"])).status_code == 401
    assert await gw.gateway.media.find("image", [kept.name]) == []
    assert gw.gateway.keys.usage.used(made["id"]) == {}


async def test_deleted_key_takes_its_responses_and_running_jobs_with_it() -> None:
    fake = FakeUpstream(says("Kept."), Held(), says("Mine."))
    async with running_gateway(grokgate_responses, upstream=fake) as gw, gw.operator() as admin:
        made = await make(admin, name="gone")
        headers = {"authorization": f"Bearer {made['key']}"}
        body = {"model": "grok-4", "input": "hi"}
        await gw.client.post(PATH, json=body, headers={**headers, "idempotency-key": "one"})
        await gw.client.post(PATH, json={**body, "background": True}, headers=headers)
        with anyio.fail_after(5):
            while len(fake.asked) < 2:  # noqa: ASYNC110 - a job tells nobody
                await anyio.sleep(0.01)
        own = (await gw.client.post(PATH, json=body)).json()["id"]
        jobs = gw.gateway.jobs.count
        await admin.post("/keys/delete", json={"key": made["id"]})

        assert (jobs, gw.gateway.jobs.count, gw.pool.open_leases) == (1, 0, 0)
        assert await left_of(gw, made["id"]) == {"objects": 0, "idempotent_replies": 0}
        assert (await gw.client.get(f"{PATH}/{own}")).status_code == 200


async def left_of(gw: RunningGateway, key_id: str) -> dict[str, int]:
    """Count the rows that belong to a key."""
    async with gw.gateway.database.read() as connection:
        return {
            table.name: (
                await connection.execute(
                    select(func.count()).select_from(table).where(table.c.owner == key_id)
                )
            ).scalar_one()
            for table in (objects, idempotent_replies)
        }


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"allowed_models": ["grok-4-heavy"]}, 403, "model_not_allowed"),
        ({"allowed_endpoints": ["messages"]}, 403, "endpoint_not_allowed"),
        ({"allowed_ips": ["203.0.113.0/24"]}, 403, "ip_not_allowed"),
        ({"chat_limit": 0}, 429, "daily_quota_exceeded"),
        ({"expires_at": 1}, 401, "invalid_api_key"),
        ({"token_tags": ["nobody-has-it"]}, 503, "no_tokens_configured"),
    ],
)
async def test_terms_of_a_key_are_kept(
    shared: RunningGateway, fields: Any, status: int, code: str
) -> None:
    if "allowed_endpoints" in fields:
        fields = {"allowed_endpoints": ["files"]}
    async with shared.operator() as admin:
        made = await make(admin, **fields)
    reply = await ask(shared, made["key"])

    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


async def test_requests_per_minute_are_counted_and_told(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, rpm=2)
    replies = [await ask(gw, made["key"]) for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    remaining = [reply.headers["x-ratelimit-remaining-requests"] for reply in replies]
    assert remaining == ["1", "0", "0"]
    assert replies[2].headers["x-ratelimit-limit-requests"] == "2"
    assert 0 < int(replies[2].headers["retry-after"]) <= 60


async def test_exceeded_quota_has_the_contracts_shape(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, chat_limit=1)
    await ask(gw, made["key"])
    reply = await ask(gw, made["key"])

    assert reply.status_code == 429
    assert reply.json()["error"] == {
        "message": "Daily quota exceeded: chat",
        "type": "insufficient_quota",
        "param": None,
        "code": "daily_quota_exceeded",
    }
    assert reply.headers["x-should-retry"] == "false"
    assert 0 < int(reply.headers["retry-after"]) <= 86400


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"allowed_ips": ["nowhere"]}, "allowed_ips"),
        ({"allowed_endpoints": ["nothing"]}, "allowed_endpoints"),
        ({"key": "short"}, "key"),
        ({"key": "with a space in it"}, "key"),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    shared: RunningGateway, fields: Any, param: str
) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/keys", json=fields)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


async def test_changes_are_noted_without_any_key(admin: httpx.AsyncClient) -> None:
    text = "sk-chosen-by-an-operator"
    made = await make(admin, key=text, name="front end", chat_limit=5)
    await admin.post("/keys/delete", json={"key": text})
    trail = (await admin.get("/audit")).text

    assert text not in trail
    assert made["id"] in trail
    assert '"keys.delete"' in trail


async def test_changes_from_the_command_line_are_noted_too(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    operations = Operations(gw.gateway.tokens, gw.gateway.keys)
    made = await operations.run("keys.create", {"name": "laptop"})
    await operations.run("keys.list", {})
    for action in ("keys.revoke", "keys.delete"):
        await operations.run(action, {"key": "laptop"})
    trail = (await admin.get("/audit")).json()["lines"]

    key = made["record"]["id"]
    assert [(line["actor"], line["action"], line["target"]) for line in trail[:3]] == [
        ("command", "keys.delete", key),
        ("command", "keys.revoke", key),
        ("command", "keys.create", "laptop"),
    ]


async def test_day_of_keys_begins_where_the_setting_says(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    made = await make(admin, chat_limit=1)
    days = []
    for minutes in (840, -720):
        await gw.change(quota={"tz_offset_minutes": minutes})
        days.append((await item(admin, made["id"]))["day"])

    assert days[0] > days[1]


async def test_config_keys_have_no_quota(gw: RunningGateway) -> None:
    await gw.change(app={"api_key": "sk-of-the-configuration, sk-another-of-it-too"})
    keys = ["sk-of-the-configuration", "sk-another-of-it-too"]
    statuses = [(await ask(gw, key)).status_code for key in keys]

    assert statuses == [200, 200]
    assert gw.gateway.keys.usage._days[gw.gateway.keys.usage.day()] == {}


async def test_what_removed_keys_left_is_removed_later(gw: RunningGateway) -> None:
    async def picture() -> AsyncIterator[bytes]:
        yield b"\x89PNG\r\n\x1a\n" + bytes(1016)

    record, _ = await gw.gateway.keys.create("gone")
    kept = await gw.gateway.media.save(picture(), kind="image", owner=record.id)
    await gw.gateway.keys.delete(record.id)
    assert await gw.gateway.keys.orphans() == [record.id]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gw.gateway.erasing.run)
        with anyio.fail_after(5):
            while await gw.gateway.keys.orphans():  # noqa: ASYNC110 - of the database
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()

    assert await gw.gateway.media.find("image", [kept.name]) == []
