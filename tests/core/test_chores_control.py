"""The command line has a running service work on many accounts."""

from typing import Any

import anyio
import pytest

from admin.jobs_world import world
from grokgate import control
from grokgate.control import OperationFailed
from grokgate.sandbox import AccountFixture

pytestmark = pytest.mark.anyio

TOKENS = ("token-number-one-a1b2c3d4", "token-number-two-e5f6a7b8")


async def asked(at: Any, told: Any = None, **wanted: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    folder = at.running.gateway.options.data_dir
    with anyio.fail_after(20):
        await control.ask(folder, "tokens.chore", wanted, told or events.append)
    return events


async def test_all_usable_accounts_are_switched_and_told_by_id() -> None:
    async with world(*(AccountFixture(token=token) for token in TOKENS)) as at:
        events = await asked(at, kind="nsfw_enable")
        ids = {at.id_of(token) for token in TOKENS}

        assert {at.tags(token) for token in TOKENS} == {("nsfw",)}
        (chore,) = await at.running.gateway.chores.listing()
    assert chore.actor == "command"
    assert [event["type"] for event in events] == ["snapshot", "progress", "progress", "done"]
    assert {event["item"] for event in events[1:3]} == ids


async def test_pool_without_accounts_is_refused() -> None:
    async with world(AccountFixture(token=TOKENS[0])) as at:
        with pytest.raises(OperationFailed, match="no usable account in the pool 'ssoHeavy'"):
            await asked(at, kind="nsfw_enable", pool="ssoHeavy")


async def test_unknown_id_fails_alone() -> None:
    async with world(AccountFixture(token=TOKENS[0])) as at:
        events = await asked(at, kind="assets_load", ids=["tok_none", at.id_of(TOKENS[0])])

    assert (events[-1]["ok"], events[-1]["fail"]) == (1, 1)
    assert "There is no such account." in {event.get("error") for event in events}
