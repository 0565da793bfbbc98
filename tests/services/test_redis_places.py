"""How many may be inside at once, and come within a minute, over all processes (F-KEY-08, I6)."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from grokgate.bus import Entry
from grokgate.clock import SystemClock
from grokgate.errors import Conflict, LimitExceeded, StoreUnavailable
from grokgate.keys import Rates
from grokgate.objects import Replies, Reply, Reservation
from grokgate.plugin import Caller
from grokgate.scheduler.redis import RedisPlaces
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault
from services.redis_world import Member, World, frozen, until
from services.valkey import ValkeyServer, own_valkey

pytestmark = pytest.mark.anyio

HELD_S = 1.5


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def world(server: ValkeyServer) -> AsyncIterator[World]:
    world = World(server.url, limit_s=1.0)
    yield world
    await world.aclose()


class Process:
    """What limits one process, as far as it shares that."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.lets_in = True
        self.places = RedisPlaces(
            member.home.outbox,
            ready=lambda: self.lets_in and member.home.ready,
            clock=SystemClock(),
            held_s=HELD_S,
        )
        self.rates = Rates(lambda: self.places)

    async def enter(self, place: str, *, most: int = 1, room: str = "r") -> Entry:
        return await self.places.enter(room, place, most=most)

    async def come(self, caller: Caller) -> bool:
        try:
            await self.rates.enter(caller)
        except LimitExceeded:
            return False
        return True


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Process]:
    async with world.member(lease_s=HELD_S) as member, anyio.create_task_group() as group:
        process = Process(member)
        group.start_soon(process.places.run)
        yield process
        group.cancel_scope.cancel()


@pytest.fixture
async def both(world: World) -> AsyncIterator[tuple[Process, Process]]:
    async with running(world) as one, running(world) as other:
        yield one, other


def caller(rpm: int | None = None, max_inflight: int | None = None) -> Caller:
    return Caller(key_id="k", name="k", rpm=rpm, max_inflight=max_inflight)


# Places


async def test_of_many_at_once_so_many_are_let_in(both: tuple[Process, Process]) -> None:
    came: list[bool] = []

    async def come(process: Process) -> None:
        came.append(await process.come(caller(max_inflight=7)))

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(come, both[number % 2])

    assert came.count(True) == 7


async def test_place_that_was_left_is_another_processes_at_once(
    both: tuple[Process, Process],
) -> None:
    one, other = both
    for number in range(20):
        here, there = (one, other) if number % 2 else (other, one)
        assert await here.come(caller(max_inflight=1))
        assert not await there.come(caller(max_inflight=1))
        here.rates.leave(caller(max_inflight=1))
        assert await there.come(caller(max_inflight=1))
        there.rates.leave(caller(max_inflight=1))


async def test_refused_hears_who_is_inside(both: tuple[Process, Process]) -> None:
    one, other = both
    await one.enter("a")

    refused = await other.enter("b")
    assert (refused.is_in, refused.holder) == (False, "a")


async def test_places_last_as_long_as_their_process(world: World) -> None:
    async with running(world) as other:
        async with world.member(lease_s=HELD_S) as member:
            dead = Process(member)
            await dead.enter("a")
            await other.enter("b", room="of the living")
            began = time.monotonic()
            with anyio.fail_after(3 * HELD_S):
                while not (await other.enter("c")).is_in:
                    pass
            assert time.monotonic() - began > HELD_S / 2

        assert not (await other.enter("d", room="of the living")).is_in


async def test_cancelled_entry_gives_its_place_back(both: tuple[Process, Process]) -> None:
    one, other = both
    with anyio.CancelScope() as scope:
        scope.cancel()
        await one.enter("a")
    await one.member.settled()

    assert (await other.enter("b")).is_in


# Minutes


async def test_minute_counts_everywhere(both: tuple[Process, Process]) -> None:
    one, other = both
    came = [await both[number % 2].come(caller(rpm=5)) for number in range(6)]
    with pytest.raises(LimitExceeded) as refused:
        await one.rates.enter(caller(rpm=5))

    assert came == [True] * 5 + [False]
    assert 58 < (refused.value.retry_after_s or 0) <= 60
    rate = other.rates.rate(caller(rpm=5))
    assert rate is not None
    assert (rate.limit, rate.remaining) == (5, 0)


async def test_who_is_refused_a_place_uses_up_no_minute(both: tuple[Process, Process]) -> None:
    one, other = both
    key = caller(rpm=2, max_inflight=1)
    assert [await one.come(key), await other.come(key), await other.come(key)] == [True] + 2 * [
        False
    ]
    one.rates.leave(key)

    assert await other.come(key)


async def test_lowered_limit_lets_nobody_in_until_enough_is_forgotten(
    both: tuple[Process, Process],
) -> None:
    one, other = both
    for _ in range(3):
        await one.come(caller(rpm=3))
    await one.come(caller(rpm=4))

    entry = await other.places.enter("key:k", "p", per_minute=1)
    assert entry.came == 4
    assert entry.wait_s == pytest.approx(entry.reset_s)


# Outages


async def test_server_that_forgot_learns_who_is_inside_and_who_came(
    both: tuple[Process, Process], world: World
) -> None:
    one, other = both
    key = caller(rpm=2)
    assert [await one.come(key), await other.come(key)] == [True, True]
    await one.enter("a")
    await world.client.flushall()
    await until(lambda: one.member.home.outages > 0 and other.member.home.outages > 0)
    await until(lambda: one.member.home.ready and other.member.home.ready)

    assert not (await other.enter("b")).is_in
    assert not await other.come(key)


async def test_nobody_is_let_in_by_a_frozen_server(
    both: tuple[Process, Process], server: ValkeyServer
) -> None:
    one, other = both
    with frozen(server):
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await one.enter("a")
            assert time.monotonic() - began < 1.5
    await until(lambda: one.member.home.ready and other.member.home.ready)
    await one.member.settled()

    assert (await other.enter("b")).is_in


async def test_places_are_kept_while_nobody_is_let_in(
    both: tuple[Process, Process], world: World
) -> None:
    one, _ = both
    await one.enter("a")
    (inside,) = await world.client.keys(f"{world.keys.places}*:r/inside")
    until_ms = await world.client.zscore(inside, "a")
    one.lets_in = False

    with anyio.fail_after(HELD_S):
        while (await world.client.zscore(inside, "a") or 0) <= until_ms:
            pass


async def test_places_that_ended_in_an_outage_are_taken_in_again(
    both: tuple[Process, Process], world: World, server: ValkeyServer
) -> None:
    one, _ = both
    await one.enter("a")
    (inside,) = await world.client.keys(f"{world.keys.places}*:r/inside")
    async with anyio.create_task_group() as group:
        with frozen(server):
            await until(lambda: not one.member.home.ready)
            group.start_soon(world.client.delete, inside)  # as its time does

    with anyio.fail_after(10):
        while await world.client.zscore(inside, "a") is None:
            pass


# Idempotency keys


class Once:
    """Idempotency keys of two processes that share a database."""

    def __init__(self, database: Database, both: tuple[Process, Process]) -> None:
        self.one, self.other = (self._replies(database, process) for process in both)

    def _replies(self, database: Database, process: Process) -> Replies:
        replies = Replies(database, Vault(bytes(32)), FakeClock())
        replies.join(process.places)
        return replies

    async def ask(self, replies: Replies, request: str = "a") -> Reservation | Reply:
        return await replies.reserve("k", "order-1", request=request)

    async def conflict(self, replies: Replies, request: str) -> str | None:
        with pytest.raises(Conflict) as refused:
            await self.ask(replies, request)
        return refused.value.code


@pytest.fixture
async def once(tmp_path: Path, both: tuple[Process, Process]) -> AsyncIterator[Once]:
    async with open_database(tmp_path / "grokgate.db") as database:
        yield Once(database, both)


async def test_running_request_holds_its_key_everywhere(once: Once) -> None:
    await once.ask(once.one)

    assert await once.conflict(once.other, "a") == "idempotency_in_progress"
    assert await once.conflict(once.other, "b") == "idempotency_mismatch"


async def test_recorded_reply_is_everywhere_at_once(once: Once) -> None:
    reply = Reply(status=200, content_type="text/plain", body=b"done")
    reservation = await once.ask(once.one)
    assert isinstance(reservation, Reservation)
    await once.one.complete(reservation, reply)

    assert await once.ask(once.other) == reply
    assert await once.conflict(once.other, "b") == "idempotency_mismatch"


async def test_released_key_is_free_everywhere(once: Once) -> None:
    reservation = await once.ask(once.one)
    assert isinstance(reservation, Reservation)
    once.one.release(reservation)

    assert isinstance(await once.ask(once.other, "b"), Reservation)
