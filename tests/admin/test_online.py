"""Operators count, list and delete the files that accounts have at their upstream."""

from typing import Any, get_args

import pytest

from admin.jobs_world import PICTURE, world
from grokgate.sandbox import AccountFixture, Protocol, faults

pytestmark = pytest.mark.anyio

ONE, TWO = "token-number-one-a1b2c3d4", "token-number-two-e5f6a7b8"


def accounts() -> list[AccountFixture]:
    return [AccountFixture(token=token) for token in (ONE, TWO)]


async def test_files_of_an_unknown_account_cannot_be_cleared() -> None:
    async with world(*accounts()) as at:
        reply = await at.post("/cache/online/clear", {"token": "tok_nobody"})

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


async def test_without_a_selection_nothing_is_asked() -> None:
    async with world(*accounts()) as at:
        reply = (await at.get("/cache")).json()

        assert not list(at.sandbox.journal)
    assert (reply["online"]["status"], reply["online_scope"]) == ("not_loaded", "none")
    assert reply["local_image"]["count"] == 0
    assert [one["token_masked"] for one in reply["online_accounts"]] == ["…b2c3d4", "…f6a7b8"]
    assert [one["last_asset_clear_at"] for one in reply["online_accounts"]] == [None, None]


@pytest.mark.parametrize("protocol", get_args(Protocol))
async def test_files_of_one_account_are_counted(protocol: Any) -> None:
    async with world(*accounts(), protocol=protocol) as at:
        at.keep(ONE, 60)
        at.keep(TWO, 1)
        reply = (await at.get("/cache", token=ONE)).json()
        token_id = at.id_of(ONE)

    assert reply["online"] == {
        "count": 60,
        "bytes": 60 * len(PICTURE),
        "status": "ok",
        "token": token_id,
        "last_asset_clear_at": None,
    }
    assert reply["online_scope"] == "selected"
    (detail,) = reply["online_details"]
    assert (detail["token"], detail["token_masked"]) == (token_id, "…b2c3d4")
    assert (detail["count"], detail["bytes"], detail["status"]) == (60, 60 * len(PICTURE), "ok")


@pytest.mark.parametrize("query", [{"scope": "all"}, {"tokens": f"{ONE},{TWO}"}])
async def test_files_of_several_accounts_are_counted_together(query: dict[str, str]) -> None:
    async with world(*accounts()) as at:
        at.keep(ONE, 2)
        at.keep(TWO, 3)
        reply = (await at.get("/cache", **query)).json()

    assert (reply["online"]["count"], len(reply["online_details"])) == (5, 2)
    assert reply["online_scope"] == ("all" if "scope" in query else "selected")


async def test_count_as_a_job_ends_with_the_same_reply() -> None:
    async with world(*accounts()) as at:
        at.keep(ONE, 2)
        started = (await at.post("/cache/online/load/async", {"scope": "all"})).json()
        end = (await at.events(started["task_id"]))[-1]

    assert started["total"] == 2
    assert (end["type"], end["result"]["online"]["count"]) == ("done", 2)
    assert end["result"]["online_scope"] == "all"


async def test_clear_deletes_the_files_of_the_named_account_and_no_other() -> None:
    async with world(*accounts()) as at:
        at.keep(ONE, 60)
        at.keep(TWO, 1)
        reply = (await at.post("/cache/online/clear", {"token": ONE})).json()
        cleared_at = (await at.get("/cache")).json()["online_accounts"]

        assert not at.sandbox.accounts[ONE].files
        assert at.sandbox.accounts[TWO].files
    assert reply == {"status": "success", "result": {"total": 60, "success": 60, "failed": 0}}
    assert [one["last_asset_clear_at"] is not None for one in cleared_at] == [True, False]


async def test_clear_of_several_tells_each() -> None:
    async with world(*accounts()) as at:
        at.keep(ONE, 1)
        reply = (await at.post("/cache/online/clear", {"tokens": [ONE, TWO]})).json()

    nothing = {"total": 0, "success": 0, "failed": 0, "skipped": True}
    assert reply["results"] == {
        "…b2c3d4": {"status": "ok", "result": {"total": 1, "success": 1, "failed": 0}},
        "…f6a7b8": {"status": "ok", "result": nothing},
    }


@pytest.mark.parametrize("path", ["/cache/online/clear", "/cache/online/clear/async"])
async def test_clear_of_nobody_means_nobody(path: str) -> None:
    async with world(*accounts()) as at:
        at.keep(ONE)
        reply = await at.post(path)

        assert at.sandbox.accounts[ONE].files
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "empty_payload")


@pytest.mark.parametrize("path", ["/tokens/explain", "/cache/online/files"])
async def test_parameter_that_is_missing_is_named(path: str) -> None:
    async with world() as at:
        reply = await at.get(path)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "missing_required_parameter")
    assert error["param"] == ("model" if path == "/tokens/explain" else "token")


async def test_files_that_cannot_be_deleted_are_told_and_not_noted_as_cleared() -> None:
    async with world(*accounts()) as at:
        at.keep(ONE, 3)
        at.sandbox.rules.add(faults.HttpStatus(code=500), endpoint="delete")
        reply = (await at.post("/cache/online/clear", {"tokens": [ONE]})).json()
        record = at.running.gateway.tokens.records[at.id_of(ONE)]

    assert record.last_asset_clear_at_ms is None
    assert reply["results"]["…b2c3d4"] == {
        "status": "error",
        "result": {"total": 3, "success": 0, "failed": 3},
        "error": "3 of 3 files could not be deleted.",
    }


async def test_hopeless_account_is_asked_no_further() -> None:
    async with world(*accounts()) as at:
        at.keep(ONE, 60)
        at.sandbox.rules.add(faults.CfChallenge(), endpoint="delete")
        reply = (await at.post("/cache/online/clear", {"tokens": [ONE]})).json()
        calls = len(list(at.sandbox.journal.of("delete")))

    assert reply["results"]["…b2c3d4"]["result"]["failed"] == 60
    assert calls <= 10


async def test_files_are_listed() -> None:
    async with world(*accounts()) as at:
        at.keep(ONE, 2)
        items = (await at.get("/cache/online/files", token=ONE)).json()["items"]

    assert items[1] == {
        "asset_id": "00000000-0000-4000-8000-000000000000",
        "name": "0.jpg",
        "mime": "image/jpeg",
        "size_bytes": len(PICTURE),
        "created_at": 0,
        "url": None,
    }
    assert len(items) == 2


async def test_one_file_is_deleted_and_once_more() -> None:
    async with world(*accounts()) as at:
        first, second = at.keep(ONE, 2)
        body = {"token": at.id_of(ONE), "asset_id": first}
        replies = [await at.post("/cache/online/item/delete", body) for _ in range(2)]

        assert list(at.sandbox.accounts[ONE].files) == [second]
    assert [reply.json() for reply in replies] == [{"status": "success"}] * 2


async def test_account_that_refuses_is_a_502_in_our_words() -> None:
    async with world(*accounts()) as at:
        at.sandbox.rules.add(faults.AccountState(state="expired"), endpoint="assets")
        reply = await at.get("/cache/online/files", token=ONE)

    assert (reply.status_code, reply.json()["detail"]) == (502, "The credential is dead.")


async def test_unknown_account_is_not_found() -> None:
    async with world(*accounts()) as at:
        reply = await at.get("/cache/online/files", token="nobody")

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
