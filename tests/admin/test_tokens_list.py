"""The table of accounts: found, sorted and counted by the database, shown as they are now."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from grokgate.testing.gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.anyio

ACCOUNTS: dict[str, list[dict[str, Any]]] = {
    "ssoBasic": [
        {"token": "credential-of-account-aaaaa1", "note": "Bought in May", "use_count": 7},
        {"token": "credential-of-account-aaaaa2", "tags": ["nsfw"], "quota": 3},
        {"token": "credential-of-account-aaaaa3", "tags": ["nsfw", "100%_mine"], "use_count": 2},
    ],
    "ssoSuper": [{"token": "credential-of-account-bbbbb4", "status": "disabled", "quota": 9}],
}


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway with `ACCOUNTS`, for what only looks."""
    del anyio_backend
    async with running_gateway(tokens={}) as gateway:
        await gateway.gateway.tokens.import_text(msgspec.json.encode(ACCOUNTS))
        yield gateway


def _ends(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [item["token"][-1] for item in reply.json()["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "1234"),
        ("pool=ssoBasic", "123"),
        ("status=disabled", "4"),
        ("tag=nsfw", "23"),
        ("tag=NSFW", "23"),
        ("tag=no nsfw", "14"),
        ("q=may", "1"),
        ("q=AAAAA2", "2"),
        ("q=100%25_m", "3"),
        ("q=%25", "3"),
        ("q=____", ""),
        ("q=nsfw&pool=ssoSuper", ""),
        ("status=deleted", ""),
    ],
)
async def test_filter_finds(shared: RunningGateway, query: str, expected: str) -> None:
    async with shared.operator() as admin:
        reply = await admin.get(f"/tokens/list?{query}&sort=id")
    assert sorted(_ends(reply)) == sorted(expected)
    assert reply.json()["total"] == len(expected)


@pytest.mark.parametrize(
    ("sort", "first"),
    [("use_count", "24"), ("-use_count", "1"), ("-quota", "4"), ("-tags", "3"), ("note", "234")],
)
async def test_sorts_by_any_column(shared: RunningGateway, sort: str, first: str) -> None:
    async with shared.operator() as admin:
        assert _ends(await admin.get(f"/tokens/list?sort={sort}"))[0] in first


async def test_counts_are_of_the_filter_and_totals_of_all(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = (await admin.get("/tokens/list?status=disabled&q=aaaaa")).json()
    assert (reply["total"], reply["counts"]["all"], reply["counts"]["active"]) == (0, 3, 3)
    assert reply["totals"]["pools"] == {"ssoBasic": 3, "ssoSuper": 1}
    assert (reply["totals"]["statuses"]["disabled"], reply["totals"]["use_count"]) == (1, 9)


async def test_row_shows_an_account_as_it_is_now() -> None:
    async with running_gateway(tokens={"a": 5}) as gateway, gateway.operator() as admin:
        (token,) = gateway.gateway.tokens.records
        (item,) = (await admin.get("/tokens/list")).json()["items"]

    assert (item["id"], item["token"], item["quota"], item["inflight"]) == (token, "…", 5, 0)


async def test_row_tells_why_an_account_is_out_and_since_when() -> None:
    async with running_gateway(tokens={"a": 5}) as gateway, gateway.operator() as admin:
        (token,) = gateway.gateway.tokens.records
        await admin.post("/tokens/disabled", json={"token": token, "disabled": True})
        (item,) = (await admin.get("/tokens/list")).json()["items"]

    assert (item["status"], item["evidence"]) == ("disabled", "operator")
    assert item["state_since"] > 0
    assert (item["image_quota"], item["sync_count"]) == (2, 1)


async def test_totals_follow_what_an_operator_changes() -> None:
    async with running_gateway(tokens={"a": 5, "b": 5}) as gateway, gateway.operator() as admin:
        (token, _) = gateway.gateway.tokens.records
        before = (await admin.get("/tokens/list")).json()["totals"]
        await admin.post("/tokens/delete", json={"ids": [token]})
        after = (await admin.get("/tokens/list")).json()["totals"]

    assert (before["total"], after["total"]) == (2, 1)


@pytest.mark.parametrize(
    "query", ["page_size=19", "page_size=2001", "page=0", "sort=token", "status=x"]
)
async def test_refuses_what_no_table_asks_for(shared: RunningGateway, query: str) -> None:
    async with shared.operator() as admin:
        assert (await admin.get(f"/tokens/list?{query}")).status_code == 400


async def test_explains_why_a_model_finds_an_account() -> None:
    async with running_gateway(tokens={"a": 5, "b": 0}) as gateway, gateway.operator() as admin:
        (way,) = (await admin.get("/tokens/explain?model=grok-4")).json()["ways"]
        unknown = await admin.get("/tokens/explain?model=none-such")

    assert (len(way["candidates"]), way["out"]) == (1, {"empty": 1})
    assert [one["reason"] for one in way["ruled_out"]] == ["empty"]
    assert unknown.json()["error"]["code"] == "model_not_found"


async def test_one_account_is_shown_masked_with_its_revision() -> None:
    async with running_gateway(tokens={"a": 5}) as gateway, gateway.operator() as admin:
        (token,) = gateway.gateway.tokens.records
        reply = await admin.get(f"/tokens/item?token={token}")

    assert (reply.json()["item"]["id"], reply.headers["etag"]) == (token, '"1"')
    assert "secret" not in reply.json()


async def test_secrets_of_an_account_need_the_password_and_are_noted() -> None:
    async with running_gateway(tokens={"a": 5}) as gateway, gateway.operator() as admin:
        (token,) = gateway.gateway.tokens.records
        refused = await admin.get(f"/tokens/item?token={token}&reveal=1")
        await gateway.gateway.access.confirm(gateway.gateway.access.sessions.listing()[0].id)
        reply = await admin.get(f"/tokens/item?token={token}&reveal=1")
        (line,) = (await admin.get("/audit")).json()["lines"]

    assert refused.json()["error"]["code"] == "password_required"
    assert reply.json()["secret"] == {"token": "a", "proxy_url": None}
    assert (line["action"], line["target"]) == ("tokens.reveal", token)


async def test_unknown_account_is_not_found(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        assert (await admin.get("/tokens/item?token=tok_none")).status_code == 404
