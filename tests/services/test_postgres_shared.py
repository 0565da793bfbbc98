"""Several processes share one PostgreSQL; one that does not know of them is kept out."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial

import anyio
import anyio.to_thread
import asyncpg
import pytest
from structlog.testing import CapturingLogger

from grokgate.background import background
from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage import Database, open_database
from grokgate.storage.holding import LOCK_KEY
from grokgate.storage.meta import read_fact, write_fact
from grokgate.storage.migrate import HEAD
from grokgate.upstream import Secret

pytestmark = pytest.mark.anyio

CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'tables'"


async def test_processes_share_and_see_what_others_wrote(postgres: Secret) -> None:
    async with shared(postgres) as one, shared(postgres) as two:
        async with one.write() as connection:
            await write_fact(connection, "a", b"1")

        async with two.read() as connection:
            assert await read_fact(connection, "a") == b"1"


async def test_process_that_does_not_share_is_kept_out(postgres: Secret) -> None:
    async with shared(postgres):
        with pytest.raises(StateError, match="in use by another process"):
            async with open_database(postgres):
                pass


async def test_process_that_does_not_share_keeps_others_out(postgres: Secret) -> None:
    async with open_database(postgres):
        with pytest.raises(StateError, match="in use by another process"):
            async with shared(postgres):
                pass


async def test_transactions_that_write_take_turns(postgres: Secret) -> None:
    async def count(database: Database) -> None:
        for _ in range(20):
            async with database.write() as connection:
                before = int(await read_fact(connection, "n") or b"0")
                await write_fact(connection, "n", b"%d" % (before + 1))

    async with shared(postgres) as one, shared(postgres) as two:
        async with anyio.create_task_group() as group:
            group.start_soon(count, one)
            group.start_soon(count, two)
        async with one.read() as connection:
            assert await read_fact(connection, "n") == b"40"


async def test_transaction_that_never_ends_fails_the_others_in_time(postgres: Secret) -> None:
    async with shared(postgres) as one, shared(postgres, busy_timeout_ms=50) as two:
        async with one.write():
            with pytest.raises(StoreUnavailable):
                async with two.write():
                    pass
        async with two.write():
            pass


async def test_two_starts_on_an_empty_database_make_its_tables_once(
    empty_postgres: Callable[[], AbstractContextManager[Secret]],
) -> None:
    found: list[bool] = []

    async def start() -> None:
        starting = open_database(address, shared=True, wait_s=5, found=found.append)
        async with starting as database, database.read() as connection:
            await read_fact(connection, "a")

    with empty_postgres() as address:
        async with anyio.create_task_group() as group:
            group.start_soon(start)
            group.start_soon(start)

    assert found[0]


@pytest.mark.parametrize("name", ["grokgate 1 schema 0004, process 7", "grokgate 1", ""])
async def test_tables_are_not_changed_while_older_programs_use_them(
    postgres: Secret, administer: Callable[..., None], name: str
) -> None:
    def mark(revision: str) -> None:
        administer(f"UPDATE alembic_version SET version_num = '{revision}'", postgres.reveal())

    async with older_program(postgres, name):
        await anyio.to_thread.run_sync(mark, "0004")
        try:
            with pytest.raises(StateError, match=rf"in use by another process \({name}"):
                async with shared(postgres):
                    pass
        finally:
            await anyio.to_thread.run_sync(mark, HEAD)


async def test_lost_connection_goes_on_among_others(
    postgres: Secret, administer: Callable[..., None]
) -> None:
    log, lost = CapturingLogger(), anyio.Event()
    async with (
        shared(postgres) as one,
        shared(postgres) as two,
        background(partial(one.watch, log=log, lost=lost.set), log=log),
        background(partial(two.watch, log=log, lost=lost.set), log=log),
    ):
        await wait_for_mark(one)
        await anyio.to_thread.run_sync(administer, CUT_OFF)
        for database in (one, two):
            async with database.write() as connection:
                await write_fact(connection, "a", b"2")

    assert not lost.is_set()


async def test_nothing_is_written_once_one_had_it_that_does_not_share(
    postgres: Secret, administer: Callable[..., None]
) -> None:
    log, lost = CapturingLogger(), anyio.Event()
    async with shared(postgres) as one:
        async with background(partial(one.watch, log=log, lost=lost.set), log=log):
            await wait_for_mark(one)
            stolen = "UPDATE meta SET value = 'alone' WHERE key = 'holder'"
            await anyio.to_thread.run_sync(administer, stolen, postgres.reveal())
            await anyio.to_thread.run_sync(administer, CUT_OFF)
            with anyio.fail_after(10):
                await lost.wait()
        with pytest.raises(StoreUnavailable):
            async with one.write():
                pass


@asynccontextmanager
async def older_program(address: Secret, name: str) -> AsyncIterator[None]:
    """Hold the lock as a program does that knows an older schema."""
    settings = {"application_name": name}
    connection = await asyncpg.connect(address.reveal(), server_settings=settings)
    try:
        await connection.execute(f"SELECT pg_advisory_lock_shared({LOCK_KEY})")
        yield
    finally:
        await connection.close()


shared = partial(open_database, shared=True, busy_timeout_ms=2000)


async def wait_for_mark(database: Database) -> None:
    found = None
    with anyio.fail_after(10):
        while found is None:
            async with database.read() as connection:
                found = await read_fact(connection, "holder")
