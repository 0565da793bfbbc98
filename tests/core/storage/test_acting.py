"""What an operator changes is noted in the transaction of the change, or not at all."""

from pathlib import Path

import pytest

from grokgate.storage import Database, open_database
from grokgate.storage.acting import Act, acting
from grokgate.storage.audit import list_acts
from grokgate.storage.meta import read_fact, write_fact

pytestmark = pytest.mark.anyio


def deletion() -> Act:
    return Act(actor="as_1", address="127.0.0.1", action="tokens.delete", target="3 accounts")


async def fail_after_writing(database: Database) -> None:
    async with database.write() as connection:
        await write_fact(connection, "one")
        raise RuntimeError


async def test_first_transaction_of_an_act_notes_it(tmp_path: Path) -> None:
    async with open_database(tmp_path / "db") as database:
        with acting(deletion()):
            for name in ("one", "two"):
                async with database.write() as connection:
                    await write_fact(connection, name)

        async with database.read() as connection:
            (row,) = await list_acts(connection, limit=10)
    assert (row.actor, row.action, row.target) == ("as_1", "tokens.delete", "3 accounts")


async def test_undone_change_leaves_no_line(tmp_path: Path) -> None:
    async with open_database(tmp_path / "db") as database:
        act = deletion()
        with acting(act), pytest.raises(RuntimeError):
            await fail_after_writing(database)

        async with database.read() as connection:
            assert await list_acts(connection, limit=10) == []
            assert await read_fact(connection, "one") is None
    assert act.pending


async def test_work_without_an_actor_is_not_noted(tmp_path: Path) -> None:
    async with open_database(tmp_path / "db") as database:
        with acting(deletion()), acting(None):
            async with database.write() as connection:
                await write_fact(connection, "one")

        async with database.read() as connection:
            assert await list_acts(connection, limit=10) == []


async def test_pages_of_the_trail_follow_each_other(tmp_path: Path) -> None:
    async with open_database(tmp_path / "db") as database:
        for number in range(3):
            with acting(Act(actor="as_1", action=f"act.{number}")):
                async with database.write():
                    pass

        async with database.read() as connection:
            first = await list_acts(connection, limit=2)
            rest = await list_acts(connection, limit=2, before=first[-1].id)
    assert sorted(row.action for row in (*first, *rest)) == ["act.0", "act.1", "act.2"]
