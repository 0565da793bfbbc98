"""Operators refresh quotas and switch content preferences, one account or many."""

from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from admin.jobs_world import world
from grokgate.chores import Task
from grokgate.errors import StoreUnavailable
from grokgate.sandbox import AccountFixture, faults
from grokgate.sandbox.fixtures import Nsfw
from grokgate.storage.audit import list_acts
from grokgate.tokens.editing import Change

pytestmark = pytest.mark.anyio

ONE, TWO = "token-number-one-a1b2c3d4", "token-number-two-e5f6a7b8"


def account(token: str = ONE, **more: object) -> AccountFixture:
    return AccountFixture(token=token, **more)  # type: ignore[arg-type]  # what a test states


# -- refresh ---------------------------------------------------------------------------------


async def test_refresh_tells_by_masked_token_who_answered() -> None:
    async with world(account(), account(TWO, status="expired")) as at:
        reply = await at.post("/tokens/refresh", {"tokens": [ONE, at.id_of(TWO), "nobody"]})

    assert reply.json() == {
        "status": "success",
        "results": {"…b2c3d4": True, "…f6a7b8": False},
        "unknown": ["…"],
    }
    assert ONE not in reply.text


async def test_refresh_learns_the_quota() -> None:
    async with world(account()) as at:
        await at.post("/tokens/refresh", {"token": ONE})
        state = at.running.gateway.home.state(at.id_of(ONE))

    assert state is not None
    assert any(bucket.source == "real" for bucket in state.buckets.values())


async def test_refresh_of_nothing_is_refused() -> None:
    async with world(account()) as at:
        reply = await at.post("/tokens/refresh", {"tokens": []})

    assert (reply.status_code, reply.json()["detail"]) == (400, "No tokens provided")


@pytest.mark.parametrize("path", ["/tokens/refresh", "/tokens/refresh/async"])
async def test_refresh_without_any_account_named_has_an_empty_payload(path: str) -> None:
    async with world(account()) as at:
        reply = await at.post(path, {})

    assert reply.json()["error"]["code"] == "empty_payload"


async def test_refresh_of_unknown_accounts_alone_fails_for_none() -> None:
    async with world(account()) as at:
        started = (await at.post("/tokens/refresh/async", {"tokens": ["tok_none"]})).json()
        events = await at.events(started["task_id"])

    assert (started["total"], started["unknown"]) == (0, ["tok_none"])
    assert (events[-1]["type"], events[-1]["fail"]) == ("done", 0)


async def test_job_tells_the_ids_of_accounts() -> None:
    async with world(account()) as at:
        token = at.id_of(ONE)
        started = (await at.post("/tokens/refresh/async", {"tokens": [ONE]})).json()
        result = (await at.events(started["task_id"]))[-1]["result"]

    assert result["ids"] == {"…b2c3d4": token}


async def test_refresh_as_a_job_ends_with_the_same_result() -> None:
    async with world(account(), account(TWO)) as at:
        started = (await at.post("/tokens/refresh/async", {"tokens": [ONE, TWO]})).json()
        events = await at.events(started["task_id"])

    assert (started["status"], started["total"]) == ("success", 2)
    assert events[0]["type"] == "snapshot"
    assert events[-1]["type"] == "done"
    assert events[-1]["result"]["results"] == {"…b2c3d4": True, "…f6a7b8": True}


async def test_expired_account_that_answers_is_active_again() -> None:
    async with world(account()) as at:
        gateway = at.running.gateway
        at.sandbox.rules.add(faults.AccountState(state="expired"), endpoint="rate_limits")
        await at.post("/tokens/refresh", {"token": ONE})
        dead = gateway.home.state(at.id_of(ONE))
        at.sandbox.rules.clear()
        await at.post("/tokens/refresh", {"token": ONE})
        alive = gateway.home.state(at.id_of(ONE))

    assert dead is not None
    assert alive is not None
    assert (dead.status, alive.status) == ("expired", "active")


async def test_disabled_account_is_not_asked() -> None:
    async with world(account()) as at:
        await at.running.gateway.tokens.set_enabled([at.id_of(ONE)], enabled=False)
        refreshed = await at.post("/tokens/refresh", {"token": ONE})
        switched = await at.post("/tokens/nsfw/enable", {"token": ONE})

    assert refreshed.json()["results"] == {"…b2c3d4": False}
    (detail,) = switched.json()["results"].values()
    assert detail["error"] == "The account is disabled; enable it first."
    assert not list(at.sandbox.journal)


async def test_start_is_noted_once_as_who_asked_and_the_work_as_nobody() -> None:
    async with world(account(), account(TWO)) as at:
        await at.post("/tokens/nsfw/enable", {"tokens": [ONE, TWO]})
        async with at.running.gateway.database.read() as connection:
            acts = await list_acts(connection, limit=10)
        target = f"{at.id_of(ONE)}, {at.id_of(TWO)}"

    assert [(act.action, act.target) for act in acts] == [("tokens.nsfw.enable", target)]


async def test_second_job_on_the_same_accounts_is_refused() -> None:
    async with world(account()) as at:
        at.sandbox.rules.add(faults.AntiBot(place="silent"), endpoint="preference")
        first = (await at.post("/tokens/nsfw/enable/async", {"token": ONE})).json()["task_id"]
        second = await at.post("/tokens/nsfw/enable", {"token": ONE})

    assert (second.status_code, second.json()["error"]["code"]) == (409, "job_running")
    assert first in second.json()["detail"]


@pytest.mark.parametrize("concurrency", [0, 101])
async def test_concurrency_is_1_to_100(concurrency: int) -> None:
    async with world(account()) as at:
        reply = await at.post("/tokens/refresh/async", {"token": ONE}, concurrency=concurrency)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "concurrency")


async def test_store_that_fails_is_a_503_and_a_defect_a_500() -> None:
    async def fail(_task: Task) -> Any:
        raise errors.pop()

    errors: list[Exception] = [RuntimeError("a defect"), StoreUnavailable()]
    async with world(account()) as at:
        kinds = at.running.gateway.chores.kinds
        kinds["refresh_usage"] = replace(kinds["refresh_usage"], run=fail)
        replies = [await at.post("/tokens/refresh", {"token": ONE}) for _ in range(2)]

    codes = [(reply.status_code, reply.json()["error"]["code"]) for reply in replies]
    assert codes == [(503, "storage_unavailable"), (500, "internal_error")]


# -- preference ------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["2026-02", "2026-04", "2026-08"])
async def test_preference_goes_on_and_off_with_its_tag(protocol: Any) -> None:
    async with world(account(), protocol=protocol) as at:
        on = (await at.post("/tokens/nsfw/enable", {"token": ONE})).json()
        tagged, enabled = at.tags(ONE), at.sandbox.accounts[ONE].nsfw_enabled
        await at.post("/tokens/nsfw/disable", {"token": ONE})

        assert (at.tags(ONE), at.sandbox.accounts[ONE].nsfw_enabled) == ((), False)
    assert (tagged, enabled) == (("nsfw",), True)
    assert on["summary"] == {"total": 1, "ok": 1, "fail": 0}
    assert on["results"] == {
        "…b2c3d4": {
            "success": True,
            "http_status": 200,
            "grpc_status": 0,
            "grpc_message": None,
            "error": None,
            "code": None,
        }
    }


async def test_account_that_is_not_entitled_gets_no_tag_and_its_owner_a_hint() -> None:
    refusing = account(TWO, nsfw=Nsfw(entitled=False))
    async with world(account(), refusing) as at:
        reply = (await at.post("/tokens/nsfw/enable")).json()
        calls = at.sandbox.journal.of("preference")

        assert (at.tags(ONE), at.tags(TWO)) == (("nsfw",), ())
    detail = reply["results"]["…f6a7b8"]
    assert reply["summary"] == {"total": 2, "ok": 1, "fail": 1}
    assert (detail["success"], detail["code"]) == (False, "nsfw_not_entitled")
    assert "the upstream's own site" in detail["error"]
    assert len(list(calls)) == len(list(at.sandbox.journal)) == 2, "one call each, and no other"


async def test_preference_of_all_usable_accounts() -> None:
    async with world(account(), account(TWO)) as at:
        await at.running.gateway.tokens.set_enabled([at.id_of(TWO)], enabled=False)
        reply = (await at.post("/tokens/nsfw/enable")).json()

    assert list(reply["results"]) == ["…b2c3d4"]


async def test_preference_of_what_a_filter_finds() -> None:
    async with world(account(), account(TWO)) as at:
        await at.running.gateway.tokens.edit_many([at.id_of(TWO)], Change(note="mine"))
        found = (await at.post("/tokens/nsfw/enable", {"filter": {"q": "mine"}})).json()
        nothing = await at.post("/tokens/nsfw/enable", {"filter": {"q": "theirs"}})

    assert list(found["results"]) == ["…f6a7b8"]
    assert nothing.status_code == 400


async def test_preference_of_nobody_is_refused() -> None:
    async with world() as at:
        reply = await at.post("/tokens/nsfw/enable")

    assert (reply.status_code, reply.json()["detail"]) == (400, "No tokens available")


async def test_dead_credential_is_told_and_the_text_of_the_upstream_is_not() -> None:
    async with world(account(status="expired")) as at:
        reply = (await at.post("/tokens/nsfw/enable", {"token": ONE})).json()

    assert reply["results"]["…b2c3d4"]["error"] == "The credential is dead."


# -- long lists ------------------------------------------------------------------------------


async def test_predecessors_list_is_cut_with_a_warning_and_ids_are_not() -> None:
    names = [f"nobody-{number}" for number in range(1001)]
    async with world(account()) as at:
        cut = (await at.post("/tokens/nsfw/enable/async", {"tokens": names})).json()
        whole = (await at.post("/tokens/nsfw/enable/async", {"ids": names})).json()
        with anyio.fail_after(10):
            events = await at.events(cut["task_id"])

    warning = "Only the first 1000 of 1001 accounts are worked on."
    assert (cut["total"], cut["warning"]) == (1000, warning)
    assert (events[-1]["warning"], events[-1]["result"]["warning"]) == (warning, warning)
    assert whole["total"] == 1001
    assert "warning" not in whole
