"""Daily quotas of keys are exact over all processes (I6)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from grokgate.clock import SystemClock
from grokgate.errors import DailyQuotaExceeded, StoreUnavailable
from grokgate.keys import DailyUsage
from grokgate.scheduler.redis import RedisUsage
from grokgate.storage import Database, open_database
from grokgate.storage.keys import KeyRow, insert_key, load_usage
from services.redis_world import Member, World

pytestmark = pytest.mark.anyio


class Counting:
    """What one process counts."""

    def __init__(self, member: Member, database: Database) -> None:
        self.member = member
        self.book = DailyUsage(database, SystemClock(), lambda: 0)
        self._database = database
        self.usage = RedisUsage(self.book, member.home.outbox, self._stored)

    async def take(self, amount: int, limit: int) -> str:
        return await self.usage.take("key_1", {"images": amount}, limits={"images": limit})

    async def _stored(self, key_id: str, day: str) -> Mapping[str, int]:
        async with self._database.read() as connection:
            rows = await load_usage(connection, [day])
        return {row.quota: row.used for row in rows if row.key_id == key_id}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    key = KeyRow(
        id="key_1", digest=b"d", prefix="sk", name="", is_active=True, limits=b"{}", created_at=0
    )
    async with open_database(tmp_path / "grokgate.db") as database:
        async with database.write() as connection:
            await insert_key(connection, key)
        yield database


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    world = World(valkey_url)
    yield world
    await world.aclose()


@pytest.fixture
async def both(world: World, database: Database) -> AsyncIterator[tuple[Counting, Counting]]:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(world.member()) for _ in range(2)]
        yield Counting(one, database), Counting(other, database)


async def test_quota_is_never_passed(both: tuple[Counting, Counting]) -> None:
    taken: list[str] = []

    async def take(counting: Counting) -> None:
        try:
            taken.append(await counting.take(2, limit=20))
        except DailyQuotaExceeded:
            return

    async with anyio.create_task_group() as group:
        for number in range(60):
            group.start_soon(take, both[number % 2])

    assert len(taken) == 10
    assert sum(one.book.used("key_1").get("images", 0) for one in both) == 20


async def test_what_was_given_back_may_be_taken_by_another(
    both: tuple[Counting, Counting],
) -> None:
    one, other = both
    day = await one.take(5, limit=5)
    one.usage.give_back("key_1", day, {"images": 2})
    await one.member.settled()

    await other.take(2, limit=5)
    with pytest.raises(DailyQuotaExceeded):
        await other.take(1, limit=5)


async def test_all_quotas_or_none(both: tuple[Counting, Counting]) -> None:
    one, _ = both
    with pytest.raises(DailyQuotaExceeded):
        await one.usage.take("key_1", {"chat": 1, "images": 2}, limits={"images": 1})

    await one.usage.take("key_1", {"chat": 1}, limits={"chat": 1})


async def test_server_that_forgot_learns_what_is_stored(
    both: tuple[Counting, Counting], world: World
) -> None:
    one, other = both
    day = await one.take(4, limit=5)
    await one.book.flush()
    await world.client.delete(world.keys.usage + day)

    with pytest.raises(DailyQuotaExceeded):
        await other.take(2, limit=5)
    await other.take(1, limit=5)


async def test_nothing_is_taken_while_the_server_is_gone(both: tuple[Counting, Counting]) -> None:
    one, _ = both
    one.member.stop()
    await one.member.home.aclose()

    with pytest.raises(StoreUnavailable):
        await one.take(1, limit=5)
    assert one.book.used("key_1") == {}


async def test_take_that_was_cancelled_is_given_back(both: tuple[Counting, Counting]) -> None:
    one, other = both
    await one.take(1, limit=9)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await one.take(5, limit=9)
    await one.member.settled()

    await other.take(8, limit=9)
