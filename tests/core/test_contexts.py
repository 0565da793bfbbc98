"""What the context of a plugin offers while a gateway runs."""

from datetime import timedelta
from typing import Any

import anyio
import pytest

from grokgate.errors import Overloaded
from grokgate.plugin import RouteSpec, hookimpl
from grokgate.testing import running_gateway

pytestmark = pytest.mark.anyio


class Notes:
    """A plugin that does nothing by itself."""

    @hookimpl
    def grokgate_routes(self) -> list[RouteSpec]:
        return []


class Diary(Notes):
    """Another one."""


class Entry:
    """Work that keeps how it ended, and reads that again."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self.read: bytes | None = None

    async def __call__(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await keep(self._ctx, b"cancelled")
                self.read = await self._ctx.objects.get("a", owner="k1")


async def keep(ctx: Any, value: bytes) -> None:
    expires_at = ctx.clock.now() + timedelta(hours=1)
    await ctx.objects.put("a", value, owner="k1", expires_at=expires_at)


async def test_each_plugin_keeps_objects_of_its_own() -> None:
    async with running_gateway(Notes(), Diary()) as running:
        notes, diary = running.gateway.context("notes"), running.gateway.context("diary")
        await keep(notes, b"kept")

        assert await notes.objects.get("a", owner="k1") == b"kept"
        assert await diary.objects.get("a", owner="k1") is None


async def test_job_that_runs_at_the_stop_can_still_write() -> None:
    async with running_gateway(Notes()) as running:
        ctx = running.gateway.context("notes")
        entry = Entry(ctx)
        ctx.jobs.start("entry", "a", entry, owner="k1")

    assert entry.read == b"cancelled"
    with pytest.raises(Overloaded):
        ctx.jobs.start("entry", "b", entry, owner="k1")


async def test_fault_of_a_job_counts_against_its_plugin() -> None:
    async def fail() -> None:
        raise RuntimeError

    async with running_gateway(Notes()) as running:
        await running.gateway.context("notes").jobs.start("entry", "a", fail, owner="k1").wait()

        assert b'plugin="notes"' in running.gateway.metrics.render()
    assert [entry["kind"] for entry in running.logs if entry["event"] == "job_failed"] == ["entry"]
