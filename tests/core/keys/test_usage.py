"""Daily quotas: all or none, by day, and soon on disk (F-KEY-04 to F-KEY-07, I6)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
import structlog

from grokgate.errors import DailyQuotaExceeded
from grokgate.keys import DailyUsage
from grokgate.storage import Database, open_database
from grokgate.storage.keys import KeyRow, insert_key
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db") as database:
        async with database.write() as connection:
            await insert_key(connection, row_of("key_1"))
        yield database


def row_of(key_id: str) -> KeyRow:
    return KeyRow(
        id=key_id,
        digest=key_id.encode(),
        prefix="sk-abc",
        name="",
        is_active=True,
        limits=b"{}",
        created_at=0,
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def usage(database: Database, clock: FakeClock) -> DailyUsage:
    return await _opened(database, clock)


async def _opened(database: Database, clock: FakeClock, offset_minutes: int = 0) -> DailyUsage:
    usage = DailyUsage(database, clock, lambda: offset_minutes)
    await usage.load()
    return usage


async def take(usage: DailyUsage, amounts: dict[str, int], **limits: int) -> str:
    return await usage.take("key_1", amounts, limits=limits)


async def test_last_of_a_quota_is_taken_and_no_more(usage: DailyUsage) -> None:
    await take(usage, {"chat": 3}, chat=3)

    with pytest.raises(DailyQuotaExceeded, match=r"^Daily quota exceeded: chat$"):
        await take(usage, {"chat": 1}, chat=3)
    assert usage.used("key_1") == {"chat": 3}


@pytest.mark.parametrize("limits", [{"heavy": 0}, {"heavy": 5, "chat": 0}])
async def test_of_two_quotas_both_are_taken_or_none(
    usage: DailyUsage, limits: dict[str, int]
) -> None:
    with pytest.raises(DailyQuotaExceeded, match="heavy/chat"):
        await take(usage, {"heavy": 1, "chat": 1}, **limits)

    assert not any(usage.used("key_1").values())


async def test_use_without_a_limit_is_counted(usage: DailyUsage) -> None:
    await take(usage, {"image": 4}, image=-1)

    assert usage.used("key_1") == {"image": 4}


async def test_what_is_given_back_can_be_taken_again(usage: DailyUsage) -> None:
    day = await take(usage, {"image": 4}, image=4)
    usage.give_back("key_1", day, {"image": 3})
    await take(usage, {"image": 3}, image=4)

    assert usage.used("key_1") == {"image": 4}


async def test_new_day_begins_by_the_operators_clock(database: Database, clock: FakeClock) -> None:
    usage = await _opened(database, clock, offset_minutes=480)
    before = usage.day()
    await take(usage, {"chat": 1}, chat=1)
    clock.advance(usage.left_s())

    assert usage.day() > before
    assert usage.used("key_1") == {}
    local = clock.now().timestamp() + 480 * 60
    assert datetime.fromtimestamp(local, UTC).date().isoformat() == usage.day()


async def test_what_yesterday_took_is_given_back_to_yesterday(
    usage: DailyUsage, clock: FakeClock
) -> None:
    day = await take(usage, {"chat": 1}, chat=1)
    clock.advance(usage.left_s())
    usage.give_back("key_1", day, {"chat": 1})

    assert usage.used("key_1") == {}


async def test_counts_survive_a_restart(
    usage: DailyUsage, database: Database, clock: FakeClock
) -> None:
    await take(usage, {"chat": 2})
    await usage.flush()
    await take(usage, {"chat": 1})
    await usage.flush()

    assert (await _opened(database, clock)).used("key_1") == {"chat": 3}


async def test_changes_are_written_soon_by_themselves(
    usage: DailyUsage, database: Database, clock: FakeClock
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(usage.run, structlog.get_logger())
        await take(usage, {"chat": 2})
        with anyio.fail_after(1):
            while (await _opened(database, clock)).used("key_1") != {"chat": 2}:  # noqa: ASYNC110 - of the database
                await anyio.sleep(0.02)
        tasks.cancel_scope.cancel()


async def test_old_rows_go_after_90_days(
    usage: DailyUsage, database: Database, clock: FakeClock
) -> None:
    day = await take(usage, {"chat": 2})
    await usage.flush()
    clock.advance(91 * 86400)
    await usage.flush()
    async with database.read() as connection:
        found = await connection.exec_driver_sql("SELECT count(*) FROM key_usage")

    assert (day, found.scalar()) == (day, 0)


async def test_forgotten_key_leaves_nothing_to_write(
    usage: DailyUsage, database: Database, clock: FakeClock
) -> None:
    day = await take(usage, {"chat": 2})
    usage.forget("key_1")
    usage.give_back("key_1", day, {"chat": 1})
    await usage.flush()

    assert (await _opened(database, clock)).used("key_1") == {}


async def test_rows_of_keys_that_are_gone_are_removed(
    usage: DailyUsage, database: Database, clock: FakeClock
) -> None:
    await usage.take("key_gone", {"chat": 2}, limits={})
    await take(usage, {"chat": 1})
    await usage.flush()
    again = await _opened(database, clock)

    assert (again.used("key_gone"), again.used("key_1")) == ({}, {"chat": 1})


async def test_no_day_is_left_with_less_than_nothing(usage: DailyUsage, clock: FakeClock) -> None:
    await take(usage, {"image": 2}, image=2)
    clock.advance(usage.left_s())
    day = await take(usage, {"image": 1}, image=2)
    usage.give_back("key_1", day, {"image": 3})

    assert usage.used("key_1") == {"image": 0}
    with pytest.raises(DailyQuotaExceeded):
        await take(usage, {"image": 3}, image=2)
