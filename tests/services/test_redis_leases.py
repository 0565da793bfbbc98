from collections.abc import AsyncIterator

import anyio
import pytest

from grokgate.upstream import Kind
from services.redis_world import World, books, expires_ms, token, until

pytestmark = pytest.mark.anyio

SHORT = {"lease_s": 1.5, "reap_s": 0.05}


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    world = World(valkey_url)
    yield world
    await world.aclose()


async def test_lease_lives_as_long_as_its_process(world: World) -> None:
    async with world.member(token("a"), **SHORT) as one, world.member(token("a"), **SHORT) as other:
        lease = await one.lease()
        before = await expires_ms(world)
        with anyio.fail_after(10):
            while await expires_ms(world) <= before + 300:
                assert other.home.inflight("a") <= 1
        one.settle(lease)
        await one.settled()

        assert one.home.view().fence_rejected == 0
        assert (await world.row("a")).held["default"].settled == 1


async def test_dead_process_gives_back_what_was_not_sent(world: World) -> None:
    async with world.member(token("a"), **SHORT) as one, world.member(token("a"), **SHORT) as other:
        await one.lease(units=4)
        await until(lambda: other.left("a") == 6)
        one.stop()

        await until(lambda: other.left("a") == 10)
        assert other.doubted == []
        assert books(await world.row("a")) == 0


async def test_dead_process_is_charged_for_what_was_sent(world: World) -> None:
    async with world.member(token("a"), **SHORT) as one, world.member(token("a"), **SHORT) as other:
        one.home.sent(await one.lease(units=4))
        await one.settled()
        one.stop()
        await until(lambda: other.doubted == ["a"])

        row = await world.row("a")
        assert (row.held["default"].spent, row.held["default"].known) == (4, False)
        assert (row.inflight, books(row)) == (0, 0)
        await until(lambda: other.store.states.get("a") == other.home.state("a"))


async def test_late_settlement_of_a_fenced_lease_changes_nothing(world: World) -> None:
    async with world.member(token("a"), **SHORT) as other:
        async with world.member(token("a"), **SHORT) as one:
            lease = await one.lease(units=4)
            await until(lambda: other.left("a") == 6)
            one.stop()
            await until(lambda: other.left("a") == 10)
            one.settle(lease)
        before = await world.row("a")

        assert one.home.view().fence_rejected == 1
        assert before.held["default"].settled == 0
        assert other.left("a") == 10


async def test_process_that_slept_learns_that_its_lease_is_gone(world: World) -> None:
    async with world.member(token("a"), **SHORT) as one, world.member(token("a"), **SHORT) as other:
        lease = await one.lease()
        await until(lambda: other.left("a") == 9)
        with anyio.fail_after(5):
            while other.left("a") == 9:
                await world.client.zadd(world.keys.leases, {f"{lease.fence}:a": 1}, xx=True)
        await until(lambda: one.home.view().leases_open == 0)
        one.settle(lease, Kind.OK)

        assert one.home.view().fence_rejected == 1


async def test_fences_only_grow(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        fences = [(await member.lease()).fence for member in (one, other, one, other)]

        assert fences == sorted(set(fences))
