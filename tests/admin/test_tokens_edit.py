"""Adding, changing and deleting accounts: only what was asked for changes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.testing.gateway import RunningGateway, running_gateway
from grokgate.tokens import TokenRecord

pytestmark = pytest.mark.anyio

FIRST = "credential-of-account-aaaaa1"
SECOND = "credential-of-account-aaaaa2"


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway with one account, for requests that are refused."""
    del anyio_backend
    async with running_gateway(tokens={"a": 5}) as gateway:
        yield gateway


async def _import(gateway: RunningGateway, **record: Any) -> TokenRecord:
    text = msgspec.json.encode({"ssoBasic": [{"token": FIRST, **record}]})
    (token,) = (await gateway.gateway.tokens.import_text(text)).added
    return gateway.gateway.tokens.records[token]


def _only(gateway: RunningGateway) -> TokenRecord:
    (record,) = gateway.gateway.tokens.records.values()
    return record


async def test_add_answers_for_every_line() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await _import(gateway)
        text = f"{FIRST}\n{SECOND}\n{SECOND}\n?!\nssoBasic: {SECOND}x"
        body = {"tokens": text, "pool": "ssoSuper", "tags": ["NSFW"], "note": "May", "odd": 1}
        reply = (await admin.post("/tokens/add", json=body)).json()
        added = [gateway.gateway.tokens.records[token] for token in reply["ids"]]

    assert (reply["status"], reply["count"], reply["skipped"]) == ("success", 2, 2)
    assert [one["line"] for one in reply["doubles"]] == ["line 3", "line 1"]
    assert reply["rejected"] == [{"line": "line 4", "reason": "does not look like a token"}]
    assert {(one.pool, one.tags, one.note) for one in added} == {
        ("ssoSuper", ("nsfw",), "May"),
        ("ssoBasic", ("nsfw",), "May"),
    }


async def test_list_with_what_is_no_token_is_answered_for() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        body = {"tokens": ["bad token!", FIRST, f" sso={SECOND}; a=b\n", "x"]}
        reply = (await admin.post("/tokens/add", json=body)).json()

    assert reply["count"] == 2
    assert reply["rejected"] == [
        {"line": line, "reason": "does not look like a token"} for line in ("[1]", "[4]")
    ]


async def test_new_credential_that_is_none_is_refused() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _import(gateway)
        reply = await admin.patch("/tokens/item", json={"token": FIRST, "new_token": "bad token!"})

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "new_token")
        assert _only(gateway) == before


async def test_add_to_an_unknown_pool_is_refused(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/tokens/add", json={"tokens": [FIRST], "pool": "ssoFoo"})

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "pool")


async def test_edit_touches_only_what_is_sent() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _import(gateway, tags=["x"], note="n", use_count=7, odd=1)
        reply = await admin.patch("/tokens/item", json={"token": FIRST, "note": "m"})
        after = _only(gateway)

    assert msgspec.structs.replace(after, note="n", revision=1) == before
    assert (after.note, reply.headers["etag"]) == ("m", '"2"')
    assert reply.json()["item"]["use_count"] == 7


async def test_edit_of_what_was_changed_meanwhile_is_a_conflict() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        body = {"token": (await _import(gateway)).id, "note": "m"}
        seen = {"if-match": '"1"'}
        first = await admin.patch("/tokens/item", json=body, headers=seen)
        second = await admin.patch("/tokens/item", json={**body, "note": "n"}, headers=seen)
        note = _only(gateway).note

    assert (first.status_code, second.status_code, note) == (200, 409, "m")
    assert second.json()["error"]["code"] == "revision_conflict"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quota", 1_000_001),
        ("quota", -1),
        ("note", "x" * 501),
        ("status", "expired"),
        ("pool", "ssoFoo"),
        ("proxy_url", "ftp://127.0.0.1"),
        ("max_inflight", 0),
        ("use_count", 3),
        ("id", "tok_x"),
        ("revision", 9),
    ],
)
async def test_edit_refuses(shared: RunningGateway, field: str, value: object) -> None:
    before = _only(shared)
    async with shared.operator() as admin:
        reply = await admin.patch("/tokens/item", json={"token": before.id, field: value})

    assert (reply.status_code, _only(shared)) == (400, before)


async def test_corrected_quota_counts_at_once_and_survives() -> None:
    async with running_gateway(tokens={"a": 0}) as gateway, gateway.operator() as admin:
        token = _only(gateway).id
        reply = await admin.patch("/tokens/item", json={"token": token, "quota": 42})
        await gateway.gateway.home.flush()

        assert (reply.json()["item"]["status"], gateway.pool.units) == ("active", {"a": 42})
        assert _only(gateway).state.buckets["default"].remaining == 42


async def test_new_credential_keeps_the_counters() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        old = await _import(gateway, use_count=7, note="n", status="expired", odd=1)
        body = {"token": old.id, "new_token": SECOND, "tags": ["x"]}
        reply = (await admin.patch("/tokens/item", json=body)).json()
        new = _only(gateway)
        again = await admin.patch("/tokens/item", json={"token": SECOND, "new_token": FIRST})
        back = _only(gateway)

    assert (new.id, new.tags) == (reply["item"]["id"], ("x",))
    assert (new.state.use_count, new.note, new.extra, new.state.status) == (
        7,
        "n",
        {"odd": 1},
        "active",
    )
    assert (again.status_code, back.id, back.state.use_count) == (200, old.id, 7)


async def test_credential_of_another_account_is_refused() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(f"{FIRST}\n{SECOND}")
        reply = await admin.patch("/tokens/item", json={"token": FIRST, "new_token": SECOND})
        mask = await admin.patch("/tokens/item", json={"token": FIRST, "new_token": "…aaaaa3"})

    assert (reply.json()["error"]["code"], mask.status_code) == ("duplicate_key", 400)


async def test_posted_back_mask_of_a_proxy_changes_nothing() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _import(gateway, proxy_url="http://127.0.0.1:9")
        await admin.patch("/tokens/item", json={"token": before.id, "proxy_url": "…"})

        assert _only(gateway) == before


async def test_many_get_the_same_change() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(f"{FIRST}\n{SECOND}")
        body = {"filter": {"q": "aaaaa"}, "pool": "ssoSuper", "add_tags": ["x"], "note": "m"}
        reply = (await admin.patch("/tokens/items", json=body)).json()
        await admin.patch("/tokens/items", json={"ids": [FIRST], "remove_tags": ["x"]})
        records = gateway.gateway.tokens.records.values()

    assert (reply["updated"], {record.pool for record in records}) == (2, {"ssoSuper"})
    assert sorted(record.tags for record in records) == [(), ("x",)]


@pytest.mark.parametrize("path", ["delete", "restore", "disabled/batch"])
async def test_bulk_routes_need_accounts(shared: RunningGateway, path: str) -> None:
    async with shared.operator() as admin:
        reply = await admin.post(f"/tokens/{path}", json={"tokens": [], "disabled": True})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "empty_payload")


EMPTY = [{}, {"q": " "}, {"tag": "no "}, {"pool": "", "status": None}]


@pytest.mark.parametrize("filter_", EMPTY)
@pytest.mark.parametrize("path", ["delete", "restore", "disabled/batch", "refresh", "nsfw/enable"])
async def test_filter_that_asks_for_nothing_is_refused(
    shared: RunningGateway, path: str, filter_: Any
) -> None:
    async with shared.operator() as admin:
        reply = await admin.post(f"/tokens/{path}", json={"filter": filter_, "disabled": True})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "empty_payload")
    assert shared.pool.statuses == {"a": "active"}
    assert '{"filter": {"all": true}}' in reply.json()["detail"]


async def test_all_accounts_are_changed_if_that_is_said() -> None:
    async with running_gateway(tokens={"a": 5, "b": 5}) as gateway, gateway.operator() as admin:
        refused = await admin.patch("/tokens/items", json={"filter": {}, "note": "m"})
        every = {"filter": {"all": True}}
        changed = (await admin.patch("/tokens/items", json={**every, "note": "m"})).json()
        deleted = (await admin.post("/tokens/delete", json=every)).json()
        back = (await admin.post("/tokens/restore", json={"filter": {"status": "deleted"}})).json()

    assert refused.status_code == 400
    assert (changed["updated"], deleted["deleted"], back["restored"]) == (2, 2, 2)


@pytest.mark.parametrize(
    ("path", "count"),
    [("delete", "deleted"), ("restore", "restored"), ("disabled/batch", "updated")],
)
async def test_what_names_no_account_is_told_without_secrets(path: str, count: str) -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        record = await _import(gateway)
        if path == "restore":
            await gateway.gateway.tokens.delete([record.id])
        body = {"tokens": [record.id, "tok_none", SECOND], "disabled": True}
        reply = (await admin.post(f"/tokens/{path}", json=body)).json()

    assert (reply[count], reply["unknown"]) == (1, ["tok_none", "…aaaaa2"])


async def test_deleted_account_is_none_that_could_be_changed() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        record = await _import(gateway)
        await gateway.gateway.tokens.delete([record.id])
        reply = (await admin.patch("/tokens/items", json={"ids": [record.id], "note": "m"})).json()

    assert (reply["updated"], reply["unknown"]) == (0, [record.id])


async def test_deleted_accounts_come_back_as_they_were() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _import(gateway, tags=["x"], use_count=7)
        deleted = (await admin.post("/tokens/delete", json={"tokens": [FIRST, "tok_no"]})).json()
        (row,) = (await admin.get("/tokens/list?status=deleted")).json()["items"]
        restored = (await admin.post("/tokens/restore", json={"filter": {"q": "aaaaa1"}})).json()
        after = _only(gateway)

    assert (deleted["deleted"], restored["restored"], row["id"]) == (1, 1, before.id)
    assert msgspec.structs.replace(after, revision=1) == before


async def test_accounts_are_switched_off_and_on() -> None:
    async with running_gateway(tokens={"a": 5, "b": 5}) as gateway, gateway.operator() as admin:
        one = await admin.post("/tokens/disabled", json={"token": "a", "disabled": True})
        off = gateway.pool.statuses
        body = {"tokens": ["a", "b", "c"], "disabled": False}
        both = await admin.post("/tokens/disabled/batch", json=body)

        lines = (await admin.get("/audit")).json()["lines"]

    assert [line["action"] for line in lines] == ["tokens.enable", "tokens.disable"]
    assert (one.json()["updated"], off["a"]) == (1, "disabled")
    assert both.json() == {"status": "success", "updated": 2, "unknown": ["…"]}


async def test_enabling_leaves_an_expired_account() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        record = await _import(gateway, status="expired")
        reply = await admin.post("/tokens/disabled", json={"token": record.id, "disabled": False})

        assert (reply.json()["updated"], _only(gateway).state.status) == (0, "expired")


async def test_changes_are_noted_without_secrets() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        record = await _import(gateway)
        await admin.patch("/tokens/item", json={"token": FIRST, "new_token": SECOND, "note": "m"})
        trail = (await admin.get("/audit")).text

    assert record.id in trail
    assert '"fields":["note","new_token"]' in trail.replace(" ", "")
    assert not any(secret in trail for secret in (FIRST, SECOND))


async def test_unknown_account_is_not_found(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.patch("/tokens/item", json={"token": "tok_none", "note": ""})

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
    assert json.loads(reply.text)["detail"] == "There is no such account."


async def test_very_many_are_changed_and_deleted_by_jobs() -> None:
    text = "\n".join(f"credential-of-account-{number:06}" for number in range(1001))
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(text)
        body = {"filter": {"pool": "ssoBasic"}, "add_tags": ["x"]}
        started = (await admin.patch("/tokens/items", json=body)).json()
        with anyio.fail_after(30):
            await (await admin.get(f"/batch/{started['task_id']}/stream")).aread()
        tags = {record.tags for record in gateway.gateway.tokens.records.values()}
        deleted = (await admin.post("/tokens/delete", json={"filter": {"tag": "x"}})).json()
        restored = (await admin.post("/tokens/restore", json={"filter": {"tag": "x"}})).json()

    assert (started["total"], tags) == (1001, {("x",)})
    assert (deleted["deleted"], restored["restored"]) == (1001, 1001)


@pytest.mark.parametrize("revision", ["x", "9" * 5000], ids=["word", "very long"])
async def test_header_without_a_revision_is_refused(shared: RunningGateway, revision: str) -> None:
    async with shared.operator() as admin:
        body = {"token": "a", "note": "n"}
        reply = await admin.patch("/tokens/item", json=body, headers={"if-match": f'"{revision}"'})

    assert reply.status_code == 400


async def test_accounts_are_switched_off_and_deleted_as_jobs() -> None:
    async with running_gateway(tokens={"a": 5, "b": 5}) as gateway, gateway.operator() as admin:
        everyone = {"filter": {"all": True}}
        body = {**everyone, "disabled": True}
        switched = (await admin.post("/tokens/disabled/batch/async", json=body)).json()
        await _ended(gateway, switched["task_id"])
        records = gateway.gateway.tokens.records
        statuses = {record.state.status for record in records.values()}
        deleted = (await admin.post("/tokens/delete/async", json=everyone)).json()
        await _ended(gateway, deleted["task_id"])

        assert (statuses, switched["total"]) == ({"disabled"}, 2)
        assert (dict(records), deleted["total"]) == ({}, 2)


async def test_job_leaves_expired_accounts_switched_off() -> None:
    text = '{"ssoBasic": [{"token": "credential-of-account-aaaaa1", "status": "expired"}]}'
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(text)
        body = {"filter": {"all": True}, "disabled": False}
        started = (await admin.post("/tokens/disabled/batch/async", json=body)).json()

    assert started["total"] == 0


async def _ended(gateway: RunningGateway, task_id: str) -> None:
    task = gateway.gateway.chores.task(task_id)
    assert task is not None
    with anyio.fail_after(10):
        await task.wait()
