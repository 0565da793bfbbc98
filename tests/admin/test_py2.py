"""Calls of the scripts for the predecessor whose base is ``/admin/api``, replayed."""

from collections.abc import AsyncIterator, Iterable

import msgspec
import pytest

from grokgate.plugin import hookimpl
from grokgate.testing.gateway import RunningGateway, running_gateway
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens import TokenRecord
from grokgate.upstream import PoolSpec, UpstreamSpec
from grokgate_web.credential import clean

pytestmark = pytest.mark.anyio

BASE = "http://gateway.test/admin/api"
FIRST = "credential-of-account-aaaaa1"
SECOND = "credential-of-account-aaaaa2"


class Web:
    """An upstream whose pools have the names that the predecessor gave them, too."""

    @hookimpl
    def grokgate_upstreams(self) -> Iterable[UpstreamSpec]:
        pools = (
            PoolSpec(name="ssoBasic", tier="basic", synonyms=("basic",), assumed={"auto": -1}),
            PoolSpec(name="ssoSuper", tier="super", synonyms=("super",)),
            PoolSpec(name="ssoHeavy", tier="heavy", synonyms=("heavy",)),
        )
        return [msgspec.structs.replace(FakeUpstream().spec(), pools=pools, clean=clean)]


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway without accounts, for what only looks."""
    del anyio_backend
    async with running_gateway(Web(), tokens={}) as gateway:
        yield gateway


async def _import(gateway: RunningGateway) -> None:
    accounts = {"basic": [{"token": FIRST, "use_count": 7, "tags": ["x"]}], "super": [SECOND]}
    await gateway.gateway.tokens.import_text(msgspec.json.encode(accounts))


def _records(gateway: RunningGateway) -> dict[str, TokenRecord]:
    return {one.credential.reveal(): one for one in gateway.gateway.tokens.records.values()}


@pytest.mark.parametrize("path", ["verify", "config", "storage", "status"])
async def test_looks_are_answered(shared: RunningGateway, path: str) -> None:
    async with shared.operator() as admin:
        assert (await admin.get(f"{BASE}/{path}")).status_code == 200


async def test_key_of_a_client_opens_nothing(shared: RunningGateway) -> None:
    assert (await shared.client.get(f"{BASE}/tokens")).status_code == 401


async def test_accounts_are_listed_flat_and_masked() -> None:
    async with running_gateway(Web(), tokens={}) as gateway, gateway.operator() as admin:
        await _import(gateway)
        tokens = (await admin.get(f"{BASE}/tokens")).json()["tokens"]

    assert [(one["token"], one["pool"]) for one in tokens] == [
        ("…aaaaa1", "basic"),
        ("…aaaaa2", "super"),
    ]
    assert (tokens[0]["use_count"], tokens[0]["tags"]) == (7, ["x"])
    assert tokens[0]["quota"]["auto"] == {"remaining": -1, "total": 0}


async def test_pools_are_saved() -> None:
    async with running_gateway(Web(), tokens={}) as gateway, gateway.operator() as admin:
        await _import(gateway)
        body = {"basic": [{"token": FIRST}, "credential-of-account-bbbbb3"]}
        reply = await admin.post(f"{BASE}/tokens", json=body)
        pool = {"pool": "super", "tokens": [FIRST], "tags": ["y"]}
        replaced = await admin.put(f"{BASE}/tokens/pool", json=pool)
        records = _records(gateway)

    assert reply.json() == {"status": "success", "count": 2}
    assert replaced.json() == {"pool": "super", "count": 1}
    assert {token: one.pool for token, one in records.items()} == {
        FIRST: "ssoSuper",
        "credential-of-account-bbbbb3": "ssoBasic",
    }
    assert records[FIRST].state.use_count == 7


async def test_accounts_are_added_and_deleted() -> None:
    async with running_gateway(Web(), tokens={}) as gateway, gateway.operator() as admin:
        body = {"tokens": [FIRST, f"sso={SECOND}"], "pool": "heavy", "tags": ["x"]}
        added = (await admin.post(f"{BASE}/tokens/add", json=body)).json()
        again = (await admin.post(f"{BASE}/tokens/add", json=body)).json()
        gone = await admin.request("DELETE", f"{BASE}/tokens", json=[FIRST])

        assert set(_records(gateway)) == {SECOND}
    assert (added["count"], added["skipped"], again["count"], again["skipped"]) == (2, 0, 0, 2)
    assert gone.json() == {"deleted": 1}


async def test_account_gets_another_credential_and_pool() -> None:
    async with running_gateway(Web(), tokens={}) as gateway, gateway.operator() as admin:
        await _import(gateway)
        new = "credential-of-account-ccccc9"
        body = {"old_token": FIRST, "token": new, "pool": "super"}
        reply = (await admin.put(f"{BASE}/tokens/edit", json=body)).json()
        taken = await admin.put(
            f"{BASE}/tokens/edit", json={"old_token": new, "token": SECOND, "pool": "basic"}
        )
        record = _records(gateway)[new]

    assert (reply["token"], reply["pool"], taken.status_code) == ("…ccccc9", "super", 400)
    assert (record.pool, record.state.use_count, record.tags) == ("ssoSuper", 7, ("x",))


async def test_credential_that_is_none_is_refused() -> None:
    async with running_gateway(Web(), tokens={}) as gateway, gateway.operator() as admin:
        await _import(gateway)
        body = {"old_token": FIRST, "token": "x"}
        edited = await admin.put(f"{BASE}/tokens/edit", json=body)
        added = (await admin.post(f"{BASE}/tokens/add", json={"tokens": ["bad token!"]})).json()

    assert (edited.status_code, edited.json()["error"]["param"]) == (400, "token")
    assert (added["count"], len(added["rejected"])) == (0, 1)


async def test_accounts_are_switched_off() -> None:
    async with running_gateway(Web(), tokens={}) as gateway, gateway.operator() as admin:
        await _import(gateway)
        one = await admin.post(f"{BASE}/tokens/disabled", json={"token": FIRST, "disabled": True})
        body = {"tokens": [FIRST, SECOND, "none-such-credential"], "disabled": True}
        many = (await admin.post(f"{BASE}/tokens/disabled/batch", json=body)).json()
        states = {record.state.status for record in _records(gateway).values()}

    assert one.json() == {"status": "success", "token": "…aaaaa1", "disabled": True}
    assert many["summary"] == {"total": 3, "ok": 2, "fail": 1}
    assert states == {"disabled"}


async def test_sync_has_no_effect(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        assert (await admin.post(f"{BASE}/sync")).json()["changed"] is False
