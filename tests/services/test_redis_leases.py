from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import anyio
import pytest

from grokgate.clock import SystemClock
from grokgate.scheduler.home import LeaseEnded
from grokgate.upstream import Kind, Stage
from services.redis_world import World, books, expires_ms, token, until

pytestmark = pytest.mark.anyio

SHORT = {"lease_s": 1.5, "reap_s": 0.05}


class Clock(SystemClock):
    """Goes on while the process stands still."""

    ahead_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


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
        one.home.sent(lease)
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


async def test_process_that_stood_still_sends_nothing_on_its_old_lease(world: World) -> None:
    clock = Clock()
    async with world.member(token("a"), clock=clock) as one:
        old, sent = await one.lease(), await one.lease()
        one.home.sent(sent)
        clock.ahead_s = 56.0  # others may end leases after 60 s
        with pytest.raises(LeaseEnded):
            one.home.sent(old)
        one.home.sent(sent)
        one.settle(old, Kind.CONNECT, Stage.UNSENT)
        one.home.sent(await one.lease())
        await one.settled()

        row = await world.row("a")
        assert (row.use_count, row.held["default"].refunded, books(row)) == (2, 1, 0)


async def test_lease_that_others_have_ended_is_not_used(world: World) -> None:
    async with world.member(token("a"), **SHORT) as one, world.member(token("a"), **SHORT):
        lease = await one.lease()
        with anyio.fail_after(10):
            while one.home.view().leases_open:
                await world.client.zadd(world.keys.leases, {f"{lease.fence}:a": 1}, xx=True)

        with pytest.raises(LeaseEnded):
            one.home.sent(lease)


async def test_fences_only_grow(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        fences = [(await member.lease()).fence for member in (one, other, one, other)]

        assert fences == sorted(set(fences))
