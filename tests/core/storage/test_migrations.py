"""What single steps make of the rows that are there."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from grokgate.objects import Replies, Reply
from grokgate.storage import Database, open_database
from grokgate.storage.chores import find_chore, find_result
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio


async def migrate(path: Path, revision: str) -> None:
    """Make a database as a program of that time left it."""

    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "grokgate.storage:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    database = Database(path)
    async with database.write() as connection:
        await connection.run_sync(run)
    await database.aclose()


async def test_replies_recorded_before_they_had_an_owner_still_answer(tmp_path: Path) -> None:
    path, vault, clock = tmp_path / "grokgate.db", Vault(bytes(32)), FakeClock()
    reply = Reply(status=200, content_type="text/plain", body=b"forty-two")
    identity = vault.digest("idempotency key", "k1\0order-1")
    sealed = vault.seal(msgspec.msgpack.encode(reply), context=f"reply:{identity.hex()}")
    expires_at = int((clock.now() + timedelta(hours=1)).timestamp() * 1000)
    await migrate(path, "0001")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO idempotent_replies VALUES (?, ?, ?, ?)",
            (identity, vault.digest("idempotent request", "a"), sealed, expires_at),
        )

    async with open_database(path) as database:
        assert await Replies(database, vault, clock).reserve("k1", "order-1", request="a") == reply


async def test_results_of_chores_are_moved_out_of_their_rows(tmp_path: Path) -> None:
    path, result = tmp_path / "grokgate.db", b'{"results":{"a":true}}'
    row = ("poke", "done", 1, 1, 0, b'{"warning":"w","result":' + result + b"}", "gw_1", 1, 1, 1)
    await migrate(path, "0004")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO chores VALUES ('job_1', {', '.join('?' * 10)})", row)

    async with open_database(path) as database, database.read() as reading:
        chore = await find_chore(reading, "job_1")
        kept = await find_result(reading, "job_1")
    assert kept.result == result
    assert chore is not None
    assert (chore.detail, chore.actor) == (b'{"warning":"w"}', "")
