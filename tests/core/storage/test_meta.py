from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from grokgate.errors import StateError
from grokgate.storage import Database, open_database
from grokgate.storage.meta import (
    begin_run,
    bind_vault,
    end_run,
    read_fact,
    remove_fact,
    write_fact,
)
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db") as database:
        yield database


async def test_fact_is_overwritten_and_removed(database: Database) -> None:
    async with database.write() as connection:
        await write_fact(connection, "a", b"1")
        await write_fact(connection, "a", b"2")
        written = await read_fact(connection, "a")
        await remove_fact(connection, "a")
        removed = await read_fact(connection, "a")

    assert (written, removed) == (b"2", None)


async def test_run_after_a_crash_is_told_so(database: Database) -> None:
    clean = []
    async with database.write() as connection:
        clean.append(await begin_run(connection))
        clean.append(await begin_run(connection))
        await end_run(connection)
        clean.append(await begin_run(connection))

    assert clean == [True, False, True]


async def test_database_takes_only_the_vault_it_began_with(database: Database) -> None:
    async with database.write() as connection:
        await bind_vault(connection, Vault(bytes(32)))
        await bind_vault(connection, Vault(bytes(32)))

        with pytest.raises(StateError, match="does not belong"):
            await bind_vault(connection, Vault(b"\x01" * 32))
