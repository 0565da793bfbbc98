"""Transactions on a real PostgreSQL do what they do on a SQLite file, and one process has it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import text
from structlog.testing import CapturingLogger

from core.storage import test_engine as on_sqlite
from grokgate.background import background
from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage import Database, ask_server, open_database
from grokgate.storage.meta import read_fact, write_fact
from grokgate.storage.migrate import HEAD
from grokgate.upstream import Secret
from services.conftest import PostgresServer
from services.takeover import taken_over

pytestmark = pytest.mark.anyio

Administer = Callable[..., None]
Empty = Callable[[], AbstractContextManager[Secret]]


@pytest.fixture
def empty(empty_postgres: Empty) -> Iterator[Secret]:
    """Address of a database without any table."""
    with empty_postgres() as address:
        yield address


async def put(database: Database, value: bytes = b"1") -> None:
    async with database.write() as connection:
        await write_fact(connection, "a", value)


# As on a file

test_cancelled_writer_still_commits_whole = on_sqlite.test_cancelled_writer_still_commits_whole
test_error_in_the_block_undoes_the_transaction = (
    on_sqlite.test_error_in_the_block_undoes_the_transaction
)
test_fault_of_a_query_does_not_repeat_its_values = (
    on_sqlite.test_fault_of_a_query_does_not_repeat_its_values
)
test_fault_of_a_query_passes_unchanged = on_sqlite.test_fault_of_a_query_passes_unchanged
test_readers_do_not_wait_for_the_writer = on_sqlite.test_readers_do_not_wait_for_the_writer
test_task_cancelled_from_outside_leaves_the_database_usable = (
    on_sqlite.test_task_cancelled_from_outside_leaves_the_database_usable
)
test_task_cancelled_without_a_scope_leaves_no_lock_behind = (
    on_sqlite.test_task_cancelled_without_a_scope_leaves_no_lock_behind
)
test_writers_take_turns = on_sqlite.test_writers_take_turns


# One process


async def test_second_process_is_refused_and_told_who_holds_it(postgres: Secret) -> None:
    async with open_database(postgres):
        with pytest.raises(StateError, match=r"in use by another process \(.*process \d+ on "):
            async with open_database(postgres):
                pass


async def test_start_waits_for_the_one_before_to_end(postgres: Secret) -> None:
    waits: list[str] = []
    async with open_database(postgres) as first:

        def let_go(reason: str) -> None:
            waits.append(reason)
            group.start_soon(first.aclose)

        later = open_database(postgres, wait_s=30, interval_s=0.05, waiting=let_go)
        async with anyio.create_task_group() as group, later as database:
            await put(database)

    assert "in use by another process" in waits[0]


async def test_lost_connections_are_made_again_with_the_lock(
    postgres: Secret, database: Database, administer: Administer
) -> None:
    await put(database)
    await anyio.to_thread.run_sync(administer, CUT_OFF)
    await put(database, b"2")

    with pytest.raises(StateError, match="in use"):
        async with open_database(postgres):
            pass


CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'tables'"


@pytest.mark.parametrize("goes_on", [True, False])
async def test_nothing_is_written_once_another_process_had_it(
    postgres: Secret, database: Database, *, goes_on: bool
) -> None:
    log, lost = CapturingLogger(), anyio.Event()
    async with background(partial(database.watch, log=log, lost=lost.set), log=log):
        await wait_for_mark(database)
        async with taken_over(postgres) as other:
            if not goes_on:
                await other.close()
            with anyio.fail_after(10):
                await lost.wait()
            with pytest.raises(StoreUnavailable):
                await put(database)

    assert [call.args for call in log.calls if call.method_name == "error"] == [
        ("database_taken_over",)
    ]


async def wait_for_mark(database: Database) -> None:
    found = None
    with anyio.fail_after(10):
        while found is None:
            async with database.read() as connection:
                found = await read_fact(connection, "holder")


# What is there at the start


async def test_tables_are_made_and_marked(empty: Secret) -> None:
    found: list[bool] = []
    for _ in range(2):
        opened = open_database(empty, found=found.append)
        async with opened as database, database.read() as connection:
            mark = text("SELECT version_num FROM alembic_version")
            assert (await connection.execute(mark)).scalar() == HEAD

    assert found == [True, False]


async def test_refusal_before_anything_is_made(empty: Secret) -> None:
    def refuse(_is_new: object) -> None:
        raise StateError("no")

    with pytest.raises(StateError, match="no"):
        async with open_database(empty, found=refuse):
            pass
    assert (await ask_server(empty)).is_new


async def test_newer_database_is_refused(empty: Secret, administer: Administer) -> None:
    async with open_database(empty):
        pass
    newer = "UPDATE alembic_version SET version_num = '9999'"
    await anyio.to_thread.run_sync(administer, newer, empty.reveal())

    with pytest.raises(StateError, match="a newer one made it"):
        async with open_database(empty):
            pass


async def test_tables_of_another_program_are_left_alone(
    empty: Secret, administer: Administer
) -> None:
    await anyio.to_thread.run_sync(administer, "CREATE TABLE tokens (a int)", empty.reveal())

    with pytest.raises(StateError, match=r"another program \(tokens\).*migrate --from"):
        async with open_database(empty):
            pass


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://me:hunter2@h/d", "is not the address of a PostgreSQL"),
        ("postgresql://me:hunter2@h:port/d", "address cannot be read"),
        ("postgres://me:hunter2@127.0.0.1:1/d", "does not answer"),
        ("postgresql+asyncpg://postgres:hunter2@/nowhere?host={host}", "does not exist"),
        ("postgresql://postgres:hunter2@/postgres?host={host}&odd=1", "SQLSTATE 42704"),
        ("pgsql://nobody:hunter2@/postgres?host={host}", "refuses the user"),
    ],
)
async def test_reason_tells_nothing_of_the_address(
    postgres_server: PostgresServer, address: str, words: str
) -> None:
    host = postgres_server.url.partition("host=")[2]
    with pytest.raises(StateError, match=words) as caught:
        async with open_database(Secret(address.format(host=host))):
            pass

    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


async def test_server_tells_its_version_while_it_is_in_use(
    postgres: Secret, database: Database
) -> None:
    answer = await ask_server(postgres)

    assert database.kind == "pgsql"
    assert answer.version[0].isdecimal()
    assert (answer.is_new, 0 < answer.latency_ms < 5000) == (False, True)
