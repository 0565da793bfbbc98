"""Processes that keep the ledger in different ways do not touch each other's."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from grokgate.errors import StateError
from grokgate.scheduler.redis import rows
from grokgate.scheduler.redis.layout import LAYOUT, await_own_layout
from grokgate.upstream import Secret
from services.redis_world import World, token, until

pytestmark = pytest.mark.anyio

OTHER = LAYOUT + 1


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    made = World(valkey_url)
    yield made
    await made.client.aclose()


async def keep_otherwise(world: World) -> None:
    """Make the ledger one that processes of another version keep."""
    await world.client.hset(world.keys.facts, mapping={"layout": OTHER, "epoch": "theirs"})
    seconds, _ = await world.client.time()
    await world.client.hset(world.keys.members, "another", f"theirs 2 {1000 * seconds}")


async def leave(world: World) -> None:
    """Have those processes end."""
    await world.client.hdel(world.keys.members, "another")


def what_is_kept() -> dict[str, object]:
    """Return what other processes have to understand."""
    structs = (rows.Row, rows.HoldingRow, rows.LeaseRow)
    names = {struct.__name__: " ".join(struct.__struct_fields__) for struct in structs}
    return {"layout": LAYOUT, **names}


def test_layout_is_another_one_when_what_is_kept_is() -> None:
    """Raise `LAYOUT` unless an older version gets along with the change, then correct this here."""
    assert what_is_kept() == {
        "layout": 1,
        "Row": "revision assumed held leases inflight bar status since_ms evidence reason fence"
        " last_used_at_ms surveys use_count consumed tier cool_until_ms cool_level faults"
        " fail_count last_fail_at_ms last_fail_reason last_sync_at_ms sync_count kept gone record",
        "HoldingRow": "base known spent open recent counted granted settled refunded expired total"
        " window_s refill_at_ms blind synced_at_ms source",
        "LeaseRow": "parts cost sent",
    }


async def test_ledger_tells_its_layout(world: World) -> None:
    async with world.member(token("a")):
        assert await world.client.hget(world.keys.facts, "layout") == str(LAYOUT).encode()


async def test_start_is_refused_while_another_version_keeps_the_ledger(world: World) -> None:
    async with world.member(token("a")):
        pass
    await keep_otherwise(world)
    before = await world.client.hgetall(world.keys.rows)

    with pytest.raises(StateError, match=r"of another version.*Stop all 1 of them"):
        async with world.member(token("b")):
            pass
    assert await world.client.hgetall(world.keys.rows) == before


async def test_ledger_of_another_version_is_begun_anew_when_its_processes_have_ended(
    world: World,
) -> None:
    async with world.member(token("a")):
        pass
    await keep_otherwise(world)
    await leave(world)

    async with world.member(token("b", 3)) as member:
        assert member.left("b") == 3
        assert list(await world.client.hgetall(world.keys.rows)) == [b"b"]


async def test_process_is_not_ready_while_another_version_keeps_the_ledger(world: World) -> None:
    with capture_logs() as logs:
        async with world.member(token("a")) as member:
            await keep_otherwise(world)
            await until(lambda: any(line["log_level"] == "error" for line in logs))
            await until(lambda: not member.home.ready)

            assert await member.try_lease() is None
            await leave(world)
            await until(lambda: "runtime_store_of_another_version" in events(logs))
            assert await world.client.hget(world.keys.facts, "epoch") == b"theirs"


async def test_start_waits_until_processes_of_another_version_have_ended(world: World) -> None:
    await keep_otherwise(world)
    reasons: list[str] = []

    async with anyio.create_task_group() as group:
        with anyio.fail_after(10):
            group.start_soon(wait, world, reasons)
            await until(lambda: bool(reasons))
            await leave(world)

    assert "of another version" in reasons[0]


async def test_start_does_not_wait_for_ever(world: World) -> None:
    await keep_otherwise(world)

    with pytest.raises(StateError, match="of another version"):
        await wait(world, [], within_s=0)


async def wait(world: World, reasons: list[str], within_s: float = 10) -> None:
    await await_own_layout(
        Secret(world.url), world.keys.installation, within_s=within_s, waiting=reasons.append
    )


def events(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs]
