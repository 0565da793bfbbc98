"""What other processes do is read from a stream; what is missing there, from the rows."""

from collections.abc import AsyncIterator
from typing import Any

import anyio.lowlevel
import pytest
from msgspec import structs

from grokgate.scheduler.redis.scripts import text
from grokgate.tokens.record import TokenRecord
from services.redis_world import World, token, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    world = World(valkey_url)
    yield world
    await world.aclose()


async def test_gap_in_the_stream_is_made_up_for(world: World) -> None:
    records = token("a"), token("b")
    async with world.member(*records) as one, world.member(*records) as other:
        other.stop()
        one.settle(await one.lease(only="a"))
        one.settle(await one.lease(only="b"))
        await one.settled()
        await world.client.xtrim(world.keys.changes, maxlen=1, approximate=False)
        other.start(other.group)

        await until(lambda: other.left("a") == other.left("b") == 9)


async def test_stream_that_is_gone_is_made_up_for(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        other.stop()
        one.settle(await one.lease())
        await one.settled()
        await world.client.delete(world.keys.changes)
        other.start(other.group)

        await until(lambda: other.left("a") == 9)


async def test_more_changes_than_are_read_at_once_are_all_taken_over(world: World) -> None:
    records = [token(f"{number:03}", 10) for number in range(450)]
    async with world.member(*records) as one, world.member(*records) as other:
        other.stop()
        one.home.stored_as(records)
        await one.home.edited([_disabled(record) for record in records])
        await one.settled()
        other.start(other.group)

        await until(lambda: other.home.view().tokens["ssoBasic", "disabled"] == 450)


async def test_row_that_changed_often_is_read_once(world: World) -> None:
    async with world.member(token("a"), process="one") as one:
        for _ in range(3):
            one.settle(await one.lease())
            await one.settled()

        first, last, newest, _, *rows = await _follow(world, process="other")
        assert last == newest > first
        assert rows == [b"a", await world.client.hget(world.keys.rows, "a")]


async def test_own_changes_are_not_read(world: World) -> None:
    async with world.member(token("a"), process="one") as one:
        await one.lease()

        _, last, newest, _, *rows = await _follow(world, process="one")
        assert (last, rows) == (newest, [])


async def test_what_nobody_waits_for_goes_with_what_comes_next(world: World) -> None:
    async with world.member(token("a")) as one:
        lease = await one.lease()
        before = await _newest(world)
        one.home.sent(lease)
        await anyio.lowlevel.checkpoint()
        one.settle(lease)
        await one.settled()

        assert await _newest(world) == before + 1


async def test_view_is_never_younger_than_the_ledger(world: World) -> None:
    """Own answers and the stream may come in any order; the youngest row stays."""
    async with world.member(token("a", 500)) as one, world.member(token("a", 500)) as other:
        for _ in range(50):
            for member in (one, other):
                member.settle(await member.lease())
        await one.settled()
        await other.settled()

        await until(lambda: one.left("a") == other.left("a") == 400)
        assert (await world.row("a")).held["default"].spent == 100


async def test_installations_on_one_server_do_not_meet(valkey_url: str, world: World) -> None:
    neighbour = World(valkey_url)
    async with world.member(token("a")) as one, neighbour.member(token("a")) as other:
        one.settle(await one.lease())
        await one.settled()

        assert other.left("a") == 10
        assert (await neighbour.row("a")).revision == 0
    await neighbour.aclose()


def _disabled(record: TokenRecord) -> TokenRecord:
    return structs.replace(record, state=structs.replace(record.state, status="disabled"))


async def _newest(world: World) -> int:
    return int(await world.client.hget(world.keys.facts, "change"))


async def _follow(world: World, *, process: str) -> Any:
    """Read all that *process* has not done itself."""
    ((first, _),) = await world.client.xrange(world.keys.changes, count=1)
    since = int(first.partition(b"-")[0]) - 1
    epoch = await world.client.hget(world.keys.facts, "epoch")
    follow = world.client.register_script(text("follow"))
    keys = [world.keys.facts, world.keys.rows, world.keys.changes]
    return await follow(keys=keys, args=[epoch, process, since, 200])
