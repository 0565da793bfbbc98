"""A predecessor's names for jobs."""

from typing import Any

import anyio
import httpx
import pytest

from admin.jobs_world import World, world
from grokgate.sandbox import AccountFixture

pytestmark = pytest.mark.anyio

TOKEN = "token-number-one-a1b2c3d4"


async def call(at: World, path: str, body: Any, **query: Any) -> httpx.Response:
    url = f"{at.admin.base_url.copy_with(path='/admin/api')}{path}"
    with anyio.fail_after(20):
        return await at.admin.post(url, json=body, params=query)


async def test_preference_is_switched_both_ways() -> None:
    async with world(AccountFixture(token=TOKEN)) as at:
        on = (await call(at, "/batch/nsfw", {"tokens": [TOKEN]}, enabled="true")).json()
        tags = at.tags(TOKEN)
        await call(at, "/batch/nsfw", {}, enabled="false")

        assert at.tags(TOKEN) == ()
    assert (on["summary"], tags) == ({"total": 1, "ok": 1, "fail": 0}, ("nsfw",))


async def test_refresh_answers_whole_or_as_a_job() -> None:
    async with world(AccountFixture(token=TOKEN)) as at:
        whole = (await call(at, "/batch/refresh", {"tokens": [TOKEN]})).json()
        query = {"async": "true", "concurrency": 3}
        job = (await call(at, "/batch/refresh", {"tokens": [TOKEN]}, **query)).json()
        end = (await at.events(job["task_id"]))[-1]

    assert whole["results"] == end["result"]["results"] == {"…b2c3d4": True}


async def test_clear_needs_accounts() -> None:
    async with world(AccountFixture(token=TOKEN)) as at:
        at.keep(TOKEN, 2)
        refused = await call(at, "/batch/cache-clear", {})
        cleared = (await call(at, "/batch/cache-clear", {"tokens": [TOKEN]})).json()

    assert refused.status_code == 400
    assert cleared["results"]["…b2c3d4"]["result"]["success"] == 2
