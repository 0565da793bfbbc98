import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from structlog.testing import CapturingLogger

from grokgate.clock import SystemClock
from grokgate.errors import StartupError, StateError, StoreUnavailable
from grokgate.scheduler.home import Lease
from grokgate.scheduler.redis.client import Link
from grokgate.testing import free_port
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import Secret
from services.redis_world import Member, World, books, expires_ms, frozen, token, until
from services.valkey import ValkeyServer, own_valkey

pytestmark = pytest.mark.anyio

_BEATS = 3
"""After so many signs of life a home has heard the answer to one."""
_WAIT_S = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def world(server: ValkeyServer) -> AsyncIterator[World]:
    world = World(server.url, limit_s=0.25)
    yield world
    await world.aclose()


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    """Look after a connection to a server without a ledger."""

    async def join() -> None:
        link.epoch = ""

    address, log = Secret(url), CapturingLogger()
    link = Link(address, installation="linked", process="one", clock=SystemClock(), log=log)
    await link.open(join, within_s=_WAIT_S)
    async with anyio.create_task_group() as group:
        group.start_soon(link.run, join)
        yield link
        group.cancel_scope.cancel()
    await link.aclose()


async def use_many(link: Link) -> None:
    """Have several connections at once."""

    async def use() -> None:
        with link.guard():
            await link.client.blpop("nothing", 0.1)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(use)


async def test_frozen_server_is_a_short_loud_outage(world: World, server: ValkeyServer) -> None:
    async with world.member(token("a")) as one:
        lease = await one.lease()
        with frozen(server):
            await _refused(one)
            _refused_at_once(one)
            one.home.sent(lease)
            one.settle(lease)
            assert len(one.home.outbox) >= 2
        await until(lambda: one.home.ready)
        await one.settled()

        row = await world.row("a")
        assert (row.held["default"].settled, row.use_count, row.inflight) == (1, 1, 0)
        assert books(row) == 0


async def test_server_that_stops_for_a_moment_is_no_outage(server: ValkeyServer) -> None:
    async with linked(server.url) as link:
        await link.client.execute_command("CLIENT", "PAUSE", 300)
        await link.measure()

        assert link.failures == 0


async def test_connections_from_before_an_outage_are_no_second_one() -> None:
    with own_valkey(free_port()) as server:
        async with linked(server.tcp_url) as link:
            await use_many(link)
            server.stop()
            await until(lambda: not link.up)
            await anyio.to_thread.run_sync(server.start)
            await until(lambda: link.up)
            await use_many(link)

            assert link.failures == 1


async def test_leases_outlive_an_outage_that_was_longer(world: World, server: ValkeyServer) -> None:
    short = {"lease_s": 1.5, "reap_s": 0.5}
    async with world.member(token("a"), **short) as one, world.member(token("a"), **short) as other:
        lease = await one.lease()
        before = await expires_ms(world)
        ends = time.monotonic() + 1.5
        with frozen(server):
            await until(lambda: not one.home.ready and not other.home.ready)
            await until(lambda: time.monotonic() > ends)
        with anyio.fail_after(20):
            while await expires_ms(world) == before:
                pass
        one.settle(lease)
        await one.settled()

        assert one.home.view().fence_rejected == 0
        assert (await world.row("a")).held["default"].settled == 1


async def test_nobody_waits_for_a_home_that_does_not_run(world: World) -> None:
    async with world.member(token("a")) as one:
        one.stop()

        with pytest.raises(StoreUnavailable):
            await one.lease()


async def test_waiting_requests_are_told_at_once(world: World, server: ValkeyServer) -> None:
    async with world.member(token("a"), settings={"max_inflight": 1}) as one:
        await one.lease()
        began: list[float] = []

        async def wait() -> None:
            with pytest.raises(StoreUnavailable):
                await one.lease(wait_s=_WAIT_S)
            began.append(time.monotonic() - began.pop())

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await until(lambda: one.home.view().queue_depth == 1)
            with frozen(server):
                began.append(time.monotonic())
                await _refused_soon(one)
                await until(lambda: one.home.view().queue_depth == 0)
        assert began[0] < _WAIT_S / 2


async def test_answer_that_was_lost_changes_nothing_twice(
    world: World, server: ValkeyServer
) -> None:
    """What a frozen server still had in its socket is carried out when it thaws."""
    async with world.member(token("a")) as one:
        leases = [await one.lease() for _ in range(5)]
        with frozen(server):
            for lease in leases:
                one.settle(lease)
            await until(lambda: not one.home.ready)
        await until(lambda: one.home.ready)
        await one.settled()

        row = await world.row("a")
        assert (row.held["default"].settled, row.held["default"].spent) == (5, 5)
        assert one.home.view().fence_rejected == 0


async def test_reservation_whose_answer_was_lost_is_given_back(
    world: World, server: ValkeyServer
) -> None:
    async with world.member(token("a")) as one:
        with frozen(server):
            await _refused(one)
        await until(lambda: one.home.ready)
        await one.settled()

        await until(lambda: one.left("a") == 10)
        row = await world.row("a")
        assert (row.inflight, row.held["default"].open, books(row)) == (0, 0, 0)


async def test_flush_brings_rows_and_leases_back(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        mine, theirs = await one.lease(units=2), await other.lease(units=3)
        await until(lambda: one.home.inflight("a") == other.home.inflight("a") == 2)
        await world.client.flushall()
        await until(lambda: one.home.outages == other.home.outages == 1)
        await until(lambda: one.home.ready and other.home.ready)
        await one.settled()
        await other.settled()

        row = await world.row("a")
        assert row.leases.keys() == {str(mine.fence), str(theirs.fence)}
        assert row.held["default"].open == 5
        one.settle(mine)
        other.settle(theirs)
        await one.settled()
        await other.settled()
        row = await world.row("a")
        assert (row.inflight, row.held["default"].settled, books(row)) == (0, 2, 0)
        assert (await one.lease()).fence > theirs.fence


async def test_flush_is_over_as_soon_as_all_have_told_what_they_know(world: World) -> None:
    """How long those are waited for who may be dead does not matter while all are there."""
    async with (
        world.member(token("a")) as one,
        _patient(world, token("a")) as other,
    ):
        await world.client.flushall()
        await until(lambda: one.home.outages == other.home.outages == 1)
        await until(lambda: one.home.ready and other.home.ready)


async def test_process_that_is_late_is_waited_for_after_a_flush(world: World) -> None:
    async with world.member(token("a", 5)) as one, _patient(world, token("a", 5)) as other:
        other.stop()
        for _ in range(3):
            one.settle(await one.lease())
        await one.settled()
        one.stop()
        await world.client.flushall()
        other.start(other.group)
        await until(lambda: other.home.outages == 1)
        with anyio.fail_after(20):
            while not await world.client.exists(world.keys.rows):
                pass
        assert await other.try_lease() is None
        one.start(one.group)
        await until(lambda: one.home.ready and other.home.ready)

        await until(lambda: other.left("a") == 2)


async def test_nothing_is_sold_twice_over_a_flush(world: World) -> None:
    async with world.member(token("a", 5)) as one, world.member(token("a", 5)) as other:
        first = [await one.lease() for _ in range(2)] + [await other.lease()]
        await until(lambda: one.left("a") == other.left("a") == 2)
        await world.client.flushall()
        second: list[Lease | None] = []
        with anyio.fail_after(20):
            while one.left("a") or other.left("a"):
                second += [await one.try_lease(), await other.try_lease()]
                await anyio.sleep(0.01)

        assert len(first) + len([lease for lease in second if lease]) == 5


async def test_restarted_server_is_filled_again(world: World, server: ValkeyServer) -> None:
    async with world.member(token("a")) as one:
        settled, lease = await one.lease(), await one.lease()
        one.settle(settled)
        await one.settled()
        server.stop()
        await _refused_soon(one)
        one.settle(lease)
        server.start()
        began = time.monotonic()
        await until(lambda: one.home.ready)
        await one.settled()

        assert time.monotonic() - began < 5
        row = await world.row("a")
        assert (row.held["default"].spent, row.inflight, books(row)) == (2, 0, 0)
        assert one.left("a") == 8


async def test_backlog_is_bounded(world: World, server: ValkeyServer) -> None:
    async with world.member(token("a", 100), backlog_size=20) as one:
        leases = [await one.lease() for _ in range(8)]
        with frozen(server):
            await _refused_soon(one)
            for _ in range(50):
                one.home.survey_begun("a")
            for lease in leases:
                one.settle(lease)

            assert len(one.home.outbox) == 20
            assert one.home.outbox.dropped == 50 + 2 * 8 - 20
        await until(lambda: one.home.ready)


async def test_edits_find_room_where_accounting_does_not(
    world: World, server: ValkeyServer
) -> None:
    stored = [token(f"t{number}") for number in range(300)]
    edited = [token(f"t{number}", 77) for number in range(300)]
    async with world.member(*stored, backlog_size=20) as one:
        with frozen(server):
            await _refused_soon(one)
            one.home.stored_as(stored)
            for _ in range(50):
                one.home.survey_begun("t0")
            await one.home.edited(edited)
            with pytest.raises(StoreUnavailable):  # what nobody could be told of is not begun
                one.home.stored_as(stored)
        await until(lambda: one.home.ready)
        await until(lambda: one.left("t299") == 77)
        await one.settled()

        rows = await world.rows()
        assert {row.held["default"].base for row in rows.values()} == {77}
        assert one.home.outbox.dropped == 30
        one.home.stored_as(edited)


async def test_full_memory_is_an_outage_until_there_is_room(world: World) -> None:
    async with world.member(token("a")) as one:
        await world.client.config_set("maxmemory", 1)
        try:
            await _refused_soon(one)
            await _tried_in_vain(world)
            _refused_at_once(one)
            assert one.home.outages == 1
        finally:
            await world.client.config_set("maxmemory", 0)
        await until(lambda: one.home.ready)

        assert (await one.lease()).token == "a"


async def test_start_is_refused_while_the_memory_is_full(world: World) -> None:
    await world.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StartupError, match="memory of the Redis server is full"):
            async with world.member(start_s=0.1):
                pass
    finally:
        await world.client.config_set("maxmemory", 0)


async def test_what_cannot_be_carried_out_stops_nothing_else(world: World) -> None:
    async with world.member(token("a")) as one:
        rows = await world.client.hgetall(world.keys.rows)
        await world.client.set(world.keys.rows, "not a hash")
        with pytest.raises(StoreUnavailable):
            await one.lease()
        await world.client.delete(world.keys.rows)
        await world.client.hset(world.keys.rows, mapping=rows)

        assert (await one.lease()).token == "a"
        assert one.home.outbox.dropped == 1


async def test_server_that_evicts_is_refused(world: World) -> None:
    await world.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StateError, match="noeviction"):
            async with world.member():
                pass
    finally:
        await world.client.config_set("maxmemory-policy", "noeviction")


async def test_server_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    world = World(f"unix://{tmp_path}/nobody.sock")

    with pytest.raises(StartupError, match="does not answer"):
        async with world.member(start_s=0.1):
            pass


@asynccontextmanager
async def _patient(world: World, record: TokenRecord) -> AsyncIterator[Member]:
    """Run a home that waits very long for others, and knows who takes part."""
    await world.client.hset(world.keys.facts, "begun_ms", 0)
    async with world.member(record, process="patient", regain_s=60.0) as member:
        said: set[bytes] = set()
        with anyio.fail_after(10):
            while len(said) < _BEATS:
                said.add(await world.client.hget(world.keys.members, "patient"))
                await anyio.sleep(0.02)
        yield member


async def _refused(member: Member) -> None:
    with anyio.fail_after(_WAIT_S / 2), pytest.raises(StoreUnavailable) as caught:
        await member.lease()
    assert caught.value.code == "runtime_store_unavailable"
    assert not member.home.ready


async def _tried_in_vain(world: World) -> None:
    """Wait until a home has looked a few times, found the server there, and been refused."""

    async def refused() -> int:
        return int((await world.client.info("stats"))["total_error_replies"])

    enough = await refused() + 3
    with anyio.fail_after(20):
        while await refused() < enough:  # noqa: ASYNC110 - a server sets no event of ours
            await anyio.sleep(0.02)


def _refused_at_once(member: Member) -> None:
    """Ask for a lease, and be refused before anything is waited for."""
    with pytest.raises(StoreUnavailable):
        member.lease().send(None)


async def _refused_soon(member: Member) -> None:
    """Wait until the outage is noticed, by whatever comes first."""
    await until(lambda: not member.home.ready)


async def test_nothing_is_lost_or_sold_twice_whatever_happens(world: World) -> None:
    """Calls go on while connections break, scripts are forgotten, and the data, too."""
    records = [token(f"t{number}", 200) for number in range(5)]
    charged, over = 0, anyio.Event()

    async def calls(member: Member) -> None:
        nonlocal charged
        while not over.is_set():
            lease = await member.try_lease()
            if lease is not None:
                member.home.sent(lease)
                await anyio.sleep(0.002)
                member.settle(lease)
                charged += 1
            await anyio.sleep(0.002)

    async with world.member(*records) as one, world.member(*records) as other:
        async with anyio.create_task_group() as group:
            for member in (one, other) * 4:
                group.start_soon(calls, member)
            for trouble in ("CLIENT KILL TYPE normal", "SCRIPT FLUSH", "FLUSHALL", "FLUSHALL"):
                enough = charged + 20
                await until(lambda enough=enough: charged >= enough)
                await world.client.execute_command(*trouble.split())
                await until(lambda: one.home.ready and other.home.ready)
            names = [record.id for record in records]
            await until(lambda: not any(map(one.left, names)), within_s=60)
            over.set()
        await one.settled()
        await other.settled()
        rows = await world.rows()

    assert charged == sum(row.held["default"].spent for row in rows.values()) == 1000
    assert [books(row) for row in rows.values()] == [0] * 5
