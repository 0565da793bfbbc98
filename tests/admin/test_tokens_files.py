"""Accounts come in and go out as files, in every form."""

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.chores.events import Done
from grokgate.testing.gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.anyio

FIRST = "credential-of-account-aaaaa1"
SECOND = "credential-of-account-aaaaa2"
TEXT_TYPE = "text/plain; charset=utf-8"
FORMS: dict[str, Any] = {
    "A": {"ssoBasic": [{"token": FIRST, "quota": 5}, SECOND]},
    "B": {"ssoNormal": {FIRST: {"remainingQueries": 5}, SECOND: {}}},
    "C": {"ssoBasic": [{"token": FIRST, "quota_known": True, "quota": 5}, {"token": SECOND}]},
    "D": {"tokens": [{"token": FIRST, "pool": "ssoBasic"}, {"token": SECOND}]},
    "E": {"tokens": {"ssoBasic": [FIRST, SECOND]}, "consumed_mode_enabled": True},
    "F": f"# mine\n{FIRST}\n'{SECOND}',\n",
    "G": [FIRST, {"token": SECOND}],
}


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway with two accounts, for what does not change them."""
    del anyio_backend
    async with running_gateway(tokens={}) as gateway:
        await gateway.gateway.tokens.import_text(f"{FIRST}\nssoSuper: {SECOND}")
        yield gateway


def _credentials(gateway: RunningGateway) -> list[str]:
    return sorted(one.credential.reveal() for one in gateway.gateway.tokens.records.values())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def _allow(gateway: RunningGateway) -> None:
    """Give the password, as far as the session is concerned."""
    await gateway.gateway.access.confirm(gateway.gateway.access.sessions.listing()[0].id)


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_comes_in_and_goes_out(form: str) -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await admin.post("/tokens/import", json={"text": _text(FORMS[form])})
        before = dict(gateway.gateway.tokens.records)
        await _allow(gateway)
        exported = (await admin.get("/tokens/export")).text
        again = await admin.post("/tokens/import", json={"text": exported, "mode": "replace"})

        assert _credentials(gateway) == [FIRST, SECOND]
        assert (again.json()["unchanged"], gateway.gateway.tokens.records) == (2, before)


@pytest.mark.parametrize("path", ["/tokens/import", "/tokens/add"])
@pytest.mark.parametrize(
    "entries",
    [{"ssoBasic": ["bad", FIRST]}, [{"token": "bad"}, FIRST], {"ssoBasic": {"bad": {}, FIRST: {}}}],
    ids=["text", "record", "map"],
)
async def test_entry_that_is_no_token_is_rejected_with_the_reason(path: str, entries: Any) -> None:
    body = {"text": _text(entries)} if path.endswith("import") else {"tokens": _text(entries)}
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        (rejected,) = (await admin.post(path, json=body)).json()["rejected"]

        assert rejected["reason"] == "does not look like a token"
        assert _credentials(gateway) == [FIRST]


async def test_preview_counts_by_pool_and_changes_nothing() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(FIRST)
        text = f"{FIRST}\nssoSuper: {SECOND}\n{SECOND}\n?!"
        reply = (await admin.post("/tokens/import", json={"text": text, "dry_run": True})).json()

        assert _credentials(gateway) == [FIRST]
    assert reply["pools"] == {"ssoBasic": {"unchanged": 1}, "ssoSuper": {"added": 1}}
    assert [one["line"] for one in (*reply["doubles"], *reply["rejected"])] == [
        "line 3",
        "line 1",
        "line 4",
    ]


async def test_file_comes_in() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        content = f"\ufeff{FIRST}\r\n{SECOND}".encode("utf-16-le")
        reply = await admin.post(
            "/tokens/import",
            files={"file": ("tokens.txt", content)},
            data={"pool": "ssoSuper", "tags": "x, y", "dry_run": "false"},
        )
        records = gateway.gateway.tokens.records.values()

    assert (reply.json()["added"], {record.pool for record in records}) == (2, {"ssoSuper"})
    assert {record.tags for record in records} == {("x", "y")}


@pytest.mark.parametrize(
    "body", [{"text": "x", "mode": "all"}, {"text": "x", "pool": "ssoFoo"}, {"text": "x", "a": 1}]
)
async def test_import_refuses(shared: RunningGateway, body: dict[str, Any]) -> None:
    async with shared.operator() as admin:
        assert (await admin.post("/tokens/import", json=body)).status_code == 400


async def test_export_needs_the_password_and_is_noted() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(FIRST)
        refused = await admin.get("/tokens/export")
        await _allow(gateway)
        reply = await admin.get("/tokens/export?format=txt")
        trail = (await admin.get("/audit")).text

    assert (refused.status_code, FIRST in refused.text) == (403, False)
    assert (reply.text, reply.headers["cache-control"]) == (f"{FIRST}\n", "no-store")
    assert ("tokens.export" in trail, FIRST in trail) == (True, False)


@pytest.mark.parametrize(
    ("query", "found", "name"),
    [
        ("", [FIRST, SECOND], "all"),
        ("pool=ssoSuper", [SECOND], "selected"),
        ("status=disabled", [], "selected"),
        (f"ids={FIRST}", [FIRST], "selected"),
    ],
)
async def test_export_holds_what_is_selected(
    shared: RunningGateway, query: str, found: Iterable[str], name: str
) -> None:
    async with shared.operator() as admin:
        await _allow(shared)
        reply = await admin.get(f"/tokens/export?format=py2&{query}")

    assert [one["token"] for one in reply.json()["tokens"]] == list(found)
    assert f'filename="tokens_export_{name}_2' in reply.headers["content-disposition"]
    assert reply.headers["content-disposition"].endswith('.json"')


async def test_large_import_is_all_or_nothing_while_the_database_is_full() -> None:
    text = "\n".join(f"credential-of-account-{number:06}" for number in range(5000))
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(FIRST)
        path = gateway.gateway.database.path
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            pages = other.execute("PRAGMA page_count").fetchone()[0]
        async with gateway.gateway.database.write() as connection:
            await connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 300}")
        full = await admin.post("/tokens/import", json={"text": text})
        left = _credentials(gateway)
        with closing(sqlite3.connect(path)) as other:
            stored = other.execute("SELECT count(*) FROM tokens").fetchone()[0]
        async with gateway.gateway.database.write() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count=1000000000")
        done = await admin.post("/tokens/import", json={"text": text})

    assert (full.status_code, left, stored) == (503, [FIRST], 1)
    assert done.json()["added"] == 5000


async def test_body_names_what_is_exported_after_the_password() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await gateway.gateway.tokens.import_text(f"{FIRST}\nssoSuper: {SECOND}")
        refused = await admin.post("/tokens/export", json={"filter": {"all": True}})
        await _allow(gateway)
        body = {"filter": {"pool": "ssoSuper"}, "format": "txt"}
        reply = await admin.post("/tokens/export", json=body)
        nothing = await admin.post("/tokens/export", json={})

    assert refused.json()["error"]["code"] == "password_required"
    assert (reply.text, reply.headers["content-type"]) == (f"{SECOND}\n", TEXT_TYPE)
    assert "_selected_" in reply.headers["content-disposition"]
    assert nothing.json()["error"]["code"] == "empty_payload"


async def test_import_as_a_job_tells_what_it_came_to() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        body = {"text": f"{FIRST}\nshort\n{SECOND}", "pool": "ssoSuper"}
        task_id = (await admin.post("/tokens/import/async", json=body)).json()["task_id"]
        task = gateway.gateway.chores.task(task_id)
        assert task is not None
        with anyio.fail_after(10):
            final = await task.wait()
        job = (await admin.get(f"/batch/{task_id}")).json()

        assert _credentials(gateway) == [FIRST, SECOND]
    assert isinstance(final, Done)
    report = msgspec.json.decode(final.result)["report"]
    assert (report["added"], report["pools"]) == (2, {"ssoSuper": {"added": 2}})
    assert (job["task"]["kind"], job["task"]["ok"], job["task"]["fail"]) == ("tokens_import", 2, 1)
    assert [one["item"] for one in job["failures"]] == ["line 2"]


@pytest.mark.parametrize("more", [{"pool": "nowhere"}, {"dry_run": True}, {"note": "x" * 5000}])
async def test_import_as_a_job_is_refused_before_it_begins(
    shared: RunningGateway, more: dict[str, Any]
) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/tokens/import/async", json={"text": FIRST, **more})

    assert reply.status_code == 400
    assert await shared.gateway.chores.listing() == []
