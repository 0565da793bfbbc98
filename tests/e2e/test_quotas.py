"""Daily quotas of keys hold at every instant, and charge what was produced (V14, V15, I6)."""

from typing import Any

import anyio
import httpx
import pytest

from e2e.conftest import ENDPOINT, Start
from e2e.endpoints import CHAT, Endpoint
from e2e.probe import QUOTA, Probe, at_once
from grokgate import control
from grokgate.testing import kept_port

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


async def make_key(gateway: Probe, **limits: int) -> tuple[str, str]:
    """Make a key with daily limits; return its id and its text."""
    made = await control.ask(
        gateway.service.data_dir, "keys.create", {"name": "", "limits": limits}
    )
    return made["record"]["id"], made["key"]


async def used(gateway: Probe, key_id: str) -> dict[str, int]:
    """Return what a key used today, quotas it used nothing of left out."""
    rows = await control.ask(gateway.service.data_dir, "keys.list", {})
    (row,) = (row for row in rows if row["id"] == key_id)
    return {quota: count for quota, count in row["used_today"].items() if count}


async def ask(gateway: Probe, key: str, to: Endpoint = CHAT, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return await gateway.http.post(to.path, json=to.body("hi", **more), headers=headers)


@ENDPOINT
async def test_limit_of_one_key_is_met_exactly_and_another_has_its_own(
    gateway: Probe, endpoint: Endpoint
) -> None:
    await gateway.fill(*[QUOTA] * 10)
    (first, key), (second, other) = await make_key(gateway, chat=20), await make_key(gateway)

    async def one(number: int) -> int:
        mine = key if number < 100 else other
        return (await ask(gateway, mine, endpoint)).status_code

    statuses = await at_once(120, one)

    assert sorted(statuses[:100]) == [200] * 20 + [429] * 80
    assert statuses[100:] == [200] * 20
    assert (await used(gateway, first), await used(gateway, second)) == ({"chat": 20}, {"chat": 20})
    await gateway.idle(1)


async def test_unreachable_upstream_costs_a_key_nothing(start: Start) -> None:
    async with start() as gateway:
        await gateway.fill(QUOTA, QUOTA)
    with kept_port() as port:
        nowhere = {"GROK__WEB_BASE": f"http://127.0.0.1:{port}", "GROK__MAX_RETRY": "1"}
        async with start(nowhere) as gateway:
            key_id, key = await make_key(gateway, chat=10)
            replies = await at_once(10, lambda _: ask(gateway, key))

            assert {reply.status_code for reply in replies} <= {502, 503}
            await gateway.becomes({}, lambda: used(gateway, key_id), within_s=1)


async def test_what_was_used_survives_a_crash(start: Start) -> None:
    async with start() as gateway:
        await gateway.fill(QUOTA)
        key_id, key = await make_key(gateway, chat=10)
        for _ in range(3):
            await ask(gateway, key)
        await anyio.sleep(1)  # what is lost is the last second at most (P8)
        gateway.service.crash()
    async with start() as gateway:
        assert await used(gateway, key_id) == {"chat": 3}
