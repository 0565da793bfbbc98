"""What other processes do is read from a stream; what is missing there, from the rows."""

from collections.abc import AsyncIterator

import pytest

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
