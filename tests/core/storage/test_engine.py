import asyncio
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage import Database, open_database
from grokgate.storage.meta import read_fact, write_fact

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grokgate.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with open_database(path, busy_timeout_ms=50) as database:
        yield database


async def test_files_are_for_the_owner_only(database: Database) -> None:
    files = list(database.path.parent.iterdir())

    assert database.path in files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 50)],
)
async def test_connections_are_set_up(database: Database, pragma: str, value: object) -> None:
    async with database.write() as connection:
        found = (await connection.execute(text(f"PRAGMA {pragma}"))).scalar()

    assert found == value


async def test_committed_fact_is_read_after_reopening(path: Path) -> None:
    async with open_database(path) as database, database.write() as connection:
        await write_fact(connection, "a", b"1")

    async with open_database(path) as database, database.read() as connection:
        assert await read_fact(connection, "a") == b"1"


async def test_error_in_the_block_undoes_the_transaction(database: Database) -> None:
    with pytest.raises(LookupError):
        await _write_and_fail(database)

    async with database.read() as connection:
        assert await read_fact(connection, "a") is None


async def test_fault_of_a_query_passes_unchanged(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO meta (key) VALUES ('a')"))


async def test_fault_of_a_query_does_not_repeat_its_values(database: Database) -> None:
    insert = text("INSERT INTO meta (key, value) VALUES (:key, NULL)")
    with pytest.raises(IntegrityError) as caught:
        async with database.write() as connection:
            await connection.execute(insert, {"key": "CANARY"})

    assert "CANARY" not in str(caught.value)


async def test_writers_take_turns(database: Database) -> None:
    async def add_one() -> None:
        async with database.write() as connection:
            seen = int(await read_fact(connection, "count") or b"0")
            await anyio.lowlevel.checkpoint()
            await write_fact(connection, "count", str(seen + 1).encode())

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(add_one)

    async with database.read() as connection:
        assert await read_fact(connection, "count") == b"50"


async def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    async with database.write() as writer:
        await write_fact(writer, "a", b"1")
        with anyio.fail_after(5):
            async with database.read() as reader:
                assert await read_fact(reader, "a") is None


async def test_cancelled_writer_still_commits_whole(database: Database) -> None:
    with anyio.CancelScope() as scope:
        async with database.write() as connection:
            await write_fact(connection, "a", b"1")
            scope.cancel()
            await write_fact(connection, "b", b"2")

    async with database.read() as connection:
        assert await read_fact(connection, "b") == b"2"


async def test_task_cancelled_from_outside_leaves_the_database_usable(database: Database) -> None:
    with anyio.fail_after(10):
        for _ in range(5):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(_write_something, database)
                tasks.cancel_scope.cancel()
        async with database.write() as connection:
            await write_fact(connection, "a", b"1")

    async with database.read() as connection:
        assert await read_fact(connection, "a") == b"1"


async def test_task_cancelled_without_a_scope_leaves_no_lock_behind(database: Database) -> None:
    """Litestar and asyncio cancel tasks where no shield of ours holds."""
    for rounds in range(40):
        begun = asyncio.Event()
        task = asyncio.create_task(_write_at_length(database, begun))
        await begun.wait()
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await _write_something(database)

    async with database.read() as connection:
        assert await read_fact(connection, "half") is None


async def _write_at_length(database: Database, begun: asyncio.Event) -> None:
    async with database.write() as connection:
        await write_fact(connection, "half", b"1")
        begun.set()
        while True:
            await read_fact(connection, "half")


async def _write_and_fail(database: Database) -> None:
    async with database.write() as connection:
        await write_fact(connection, "a", b"1")
        raise LookupError


async def _write_something(database: Database) -> None:
    async with database.write() as connection:
        await write_fact(connection, "x", b"1")


async def test_database_locked_from_outside_is_unavailable_and_heals(
    database: Database, path: Path
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable):
        await _write_something(database)
    other.execute("ROLLBACK")
    other.close()
    await _write_something(database)


async def test_lock_from_outside_is_waited_for_once_by_all_who_queue(path: Path) -> None:
    async with open_database(path, busy_timeout_ms=200) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(_refused_write, database)
        seconds = time.monotonic() - began
        other.close()

    assert seconds < 0.6


async def _refused_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        await _write_something(database)


async def test_patience_is_back_after_the_queue_behind_a_lock(path: Path) -> None:
    async with open_database(path, busy_timeout_ms=5000) as database:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_write_something, database)
            tasks.start_soon(_write_something, database)
            await anyio.to_thread.run_sync(other.rollback)
        async with database.write() as connection:
            patience = (await connection.execute(text("PRAGMA busy_timeout"))).scalar()
        other.close()

    assert patience == 5000


async def test_full_disk_is_unavailable_and_heals(database: Database) -> None:
    async with database.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))

    with pytest.raises(StoreUnavailable):
        async with database.write() as connection:
            await write_fact(connection, "a", bytes(1 << 20))
    async with database.write() as connection:
        await connection.execute(text("PRAGMA max_page_count=1000000"))
        await write_fact(connection, "a", bytes(1 << 20))


async def test_read_only_database_is_unavailable(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("PRAGMA query_only=ON"))

    with pytest.raises(StoreUnavailable):
        await _write_something(database)


async def test_damage_found_late_is_a_state_error(path: Path) -> None:
    async with open_database(path) as database, database.write() as connection:
        await write_fact(connection, "a", bytes(100_000))
    _overwrite_end(path, 50_000)

    with pytest.raises(StateError, match="damaged"):
        async with open_database(path) as database, database.read() as connection:
            await read_fact(connection, "a")


def _overwrite_end(path: Path, length: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-length] + b"\xff" * length)


async def test_commit_survives_kill_9(path: Path) -> None:
    program = (
        "import anyio, os, pathlib, signal, sys\n"
        "from grokgate.storage import open_database\n"
        "from grokgate.storage.meta import write_fact\n"
        "async def main():\n"
        "    async with open_database(pathlib.Path(sys.argv[1])) as database:\n"
        "        async with database.write() as connection:\n"
        "            await write_fact(connection, 'acknowledged', b'yes')\n"
        "        async with database.write() as connection:\n"
        "            await write_fact(connection, 'open', b'yes')\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "anyio.run(main)\n"
    )
    killed = await anyio.run_process([sys.executable, "-c", program, str(path)], check=False)

    async with open_database(path) as database, database.read() as connection:
        assert killed.returncode == -signal.SIGKILL
        assert await read_fact(connection, "acknowledged") == b"yes"
        assert await read_fact(connection, "open") is None
        assert (await connection.execute(text("PRAGMA integrity_check"))).scalar() == "ok"


def test_import_of_storage_leaves_alembic_out() -> None:
    program = "import sys, grokgate.storage; sys.exit('alembic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
