"""Logins are kept, found and ended (F-AUTH-03, S6)."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from grokgate.access import Sessions
from grokgate.errors import AuthenticationFailed
from grokgate.storage import Database, open_database
from grokgate.testing import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "db") as opened:
        yield opened


def make(database: Database, clock: FakeClock | None = None, *, most: int = 10) -> Sessions:
    return Sessions(database, Vault(bytes(32)), clock or FakeClock(), most=most)


async def loaded(database: Database, clock: FakeClock) -> Sessions:
    sessions = make(database, clock)
    await sessions.load()
    return sessions


async def test_a_session_and_its_last_use_outlive_the_process(database: Database) -> None:
    clock = FakeClock()
    sessions = make(database, clock)
    _, text = await sessions.open(address="192.0.2.1", agent="a browser\n")
    clock.advance(60)
    sessions.find(text)
    await sessions.flush()

    (kept,) = (await loaded(database, clock)).listing()
    assert (kept.address, kept.agent, kept.used_at_ms - kept.created_at_ms) == (
        "192.0.2.1",
        "a browser",
        60_000,
    )


async def test_an_ended_session_does_not_come_back(database: Database) -> None:
    sessions = make(database)
    session, text = await sessions.open(address="", agent="")
    await sessions.end(session.id)

    assert sessions.find(text) is None
    assert (await loaded(database, FakeClock())).listing() == []


async def test_a_session_that_begins_while_all_are_ended_ends_too(database: Database) -> None:
    """Its password was right when it was compared, and is no longer."""
    sessions = make(database)
    refused = []

    async def begin() -> None:
        try:
            await sessions.open(address="", agent="")
        except AuthenticationFailed as error:
            refused.append(error)

    async with anyio.create_task_group() as group, database.write():
        group.start_soon(begin)
        await anyio.wait_all_tasks_blocked()
        sessions.drop_all()

    assert (len(refused), sessions.listing()) == (1, [])
    assert (await loaded(database, FakeClock())).listing() == []


async def test_of_too_many_the_one_used_longest_ago_ends(database: Database) -> None:
    clock = FakeClock()
    sessions = make(database, clock, most=2)
    texts = []
    for _ in range(3):
        clock.advance(1)
        texts.append((await sessions.open(address="", agent=""))[1])

    assert [sessions.find(text) is not None for text in texts] == [False, True, True]
