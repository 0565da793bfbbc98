"""All accounts at once: calls of the predecessors' pages and scripts, replayed."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from grokgate.testing.gateway import RunningGateway, running_gateway
from grokgate.tokens import TokenRecord

pytestmark = pytest.mark.anyio

FIRST = "credential-of-account-aaaaa1"
SECOND = "credential-of-account-aaaaa2"
THIRD = "credential-of-account-bbbbb3"


async def _fill(gateway: RunningGateway) -> dict[str, TokenRecord]:
    accounts = {
        "ssoBasic": [
            {"token": FIRST, "quota": 50, "use_count": 7, "tags": ["x"], "odd": 1},
            {"token": SECOND, "proxy_url": "http://127.0.0.1:9", "note": "n"},
        ],
        "ssoSuper": [{"token": THIRD, "status": "disabled"}],
    }
    await gateway.gateway.tokens.import_text(msgspec.json.encode(accounts))
    return _records(gateway)


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway with accounts, for what does not change them."""
    del anyio_backend
    async with running_gateway(tokens={}) as gateway:
        await _fill(gateway)
        yield gateway


def _records(gateway: RunningGateway) -> dict[str, TokenRecord]:
    return {one.credential.reveal(): one for one in gateway.gateway.tokens.records.values()}


def _error(reply: httpx.Response) -> tuple[int, Any]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_records_are_listed_by_pool_and_masked(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.get("/tokens")
        pools = reply.json()

    assert {pool: len(records) for pool, records in pools.items()} == {"ssoBasic": 2, "ssoSuper": 1}
    first, second = pools["ssoBasic"]
    assert (first["token"], first["quota"], first["heavy_quota"]) == ("…aaaaa1", 50, -1)
    assert second["proxy_url"] == "…"
    assert not any(secret in reply.text for secret in (FIRST, SECOND, THIRD, "127.0.0.1"))


async def test_credentials_are_shown_only_after_the_password() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await _fill(gateway)
        refused = await admin.get("/tokens?reveal=1")
        await gateway.gateway.access.confirm(gateway.gateway.access.sessions.listing()[0].id)
        shown = await admin.get("/tokens?reveal=1")
        trail = (await admin.get("/audit")).text

    assert _error(refused) == (403, "password_required")
    assert shown.json()["ssoSuper"][0]["token"] == THIRD
    assert (shown.headers["cache-control"], "tokens.reveal" in trail) == ("no-store", True)


async def test_what_was_read_and_is_posted_back_changes_nothing() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _fill(gateway)
        pools = (await admin.get("/tokens")).json()
        reply = (await admin.post("/tokens", json=pools)).json()

        assert _records(gateway) == before
    assert (reply["added"], reply["updated"], reply["deleted"], reply["rejected"]) == (0, 0, 0, [])


async def test_wrapper_of_the_predecessor_is_read_and_written() -> None:
    base = "http://gateway.test/v1/admin"
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _fill(gateway)
        wrapped = (await admin.get(f"{base}/tokens")).json()
        await admin.post(f"{base}/tokens", json=wrapped)

        assert _records(gateway) == before
    assert (set(wrapped["tokens"]), wrapped["consumed_mode_enabled"]) == (
        {"ssoBasic", "ssoSuper"},
        False,
    )


async def test_absent_accounts_of_named_pools_are_deleted_restorably() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _fill(gateway)
        body = {"ssoBasic": [{"token": FIRST, "note": "m"}, "credential-of-account-ccccc4"]}
        reply = (await admin.post("/tokens", json=body)).json()
        records = _records(gateway)
        await admin.post("/tokens/restore", json={"tokens": [SECOND]})

        assert SECOND in _records(gateway)
    assert (reply["added"], reply["updated"], reply["deleted"]) == (1, 1, 1)
    assert set(records) == {FIRST, THIRD, "credential-of-account-ccccc4"}
    assert msgspec.structs.replace(records[FIRST], note="", revision=1) == before[FIRST]


async def test_merge_deletes_nothing() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await _fill(gateway)
        reply = (await admin.post("/tokens?mode=merge", json={"ssoBasic": [FIRST]})).json()

    assert reply["deleted"] == 0


async def test_rejected_entry_keeps_all_accounts(shared: RunningGateway) -> None:
    before = _records(shared)
    body = {"ssoBasic": [{"token": "…aaaaa1", "note": "m"}]}
    async with shared.operator() as admin:
        reply = (await admin.post("/tokens", json=body)).json()

    assert _records(shared) == before
    assert [one["line"] for one in reply["rejected"]] == ["ssoBasic[1]"]


@pytest.mark.parametrize("body", [{}, {"ssoBasic": []}, {"tokens": {}}])
async def test_empty_payload_needs_a_word(shared: RunningGateway, body: dict[str, Any]) -> None:
    before = _records(shared)
    async with shared.operator() as admin:
        reply = await admin.post("/tokens", json=body)

    assert (_error(reply), _records(shared)) == ((400, "empty_payload"), before)


@pytest.mark.parametrize(("body", "left"), [({}, 0), ({"ssoBasic": []}, 1)])
async def test_allowed_empty_payload_deletes(body: dict[str, Any], left: int) -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await _fill(gateway)
        reply = (await admin.post("/tokens?allow_empty=1", json=body)).json()

        assert (reply["deleted"], len(_records(gateway))) == (3 - left, left)


@pytest.mark.parametrize("body", [[], "x", {"ssoBasic": 3}])
async def test_other_shapes_are_refused(shared: RunningGateway, body: object) -> None:
    async with shared.operator() as admin:
        assert (await admin.post("/tokens", json=body)).status_code == 400


async def test_page_changes_status_quota_tags_and_note_but_no_counter() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        await _fill(gateway)
        pools = (await admin.get("/tokens")).json()
        first, third = pools["ssoBasic"][0], pools["ssoSuper"][0]
        first |= {"quota": 12, "tags": ["nsfw"], "use_count": 0, "created_at": 1}
        third |= {"status": "active"}
        await admin.post("/tokens", json=pools)
        records = _records(gateway)

    state = records[FIRST].state
    assert (state.buckets["default"].remaining, state.use_count) == (12, 7)
    assert (records[FIRST].tags, records[FIRST].created_at_ms > 1) == (("nsfw",), True)
    assert records[THIRD].state.status == "active"


async def test_old_map_form_and_ids_are_understood() -> None:
    async with running_gateway(tokens={}) as gateway, gateway.operator() as admin:
        before = await _fill(gateway)
        body = {"ssoBasic": {FIRST: {"note": "m"}}, "ssoSuper": [before[THIRD].id]}
        reply = (await admin.post("/tokens?mode=merge", json=body)).json()

        assert (reply["updated"], _records(gateway)[FIRST].note) == (1, "m")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tokens/nsfw/refresh"),
        ("POST", "/tokens/auto-register"),
        ("GET", "/tokens/auto-register/status/1"),
    ],
)
async def test_what_is_not_done_here_says_so(
    shared: RunningGateway, method: str, path: str
) -> None:
    async with shared.operator() as admin:
        assert _error(await admin.request(method, path)) == (410, "not_supported")
