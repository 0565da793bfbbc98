"""Moves everything from one database to an empty one of another kind, sealed bytes as they are.

1. `prepare` makes the tables, and marks the target as incomplete: no service starts on it, whatever
   happens from now on. Preparing it again removes what an interrupted move left.
2. `complete` fills it in portions, reads both anew, and takes the mark away if they are the same.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import anyio
from msgspec import Struct
from sqlalchemy import Table, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage.contents import Tally, count_rows, moved_rows, moved_tables, tally
from grokgate.storage.engine import Database, Place
from grokgate.storage.meta import bound_key
from grokgate.storage.migrate import (
    HEAD,
    INCOMPLETE,
    bring_up_to_date,
    check_revision,
    mark,
    remove_all,
    stored_revision,
)
from grokgate.storage.tables import metadata

Told: TypeAlias = Callable[[str, float], None]
"""Gets a table and the share of it that is done, 0 to 1."""


class Comparison(Struct, frozen=True, kw_only=True):
    """A table in two databases."""

    table: str
    source: Tally
    target: Tally

    @property
    def is_same(self) -> bool:
        """Whether both hold the same."""
        return self.source == self.target


@asynccontextmanager
async def looked_at(place: Place) -> AsyncIterator[Database]:
    """Open a database as it is: nothing is made or migrated, and a service may run on it.

    Its transactions raise `StateError`, which says why, where others raise `StoreUnavailable`: of
    two databases it has to be told which one does not answer.
    """
    database = _Outspoken(place)
    try:
        yield database
    finally:
        await database.aclose()


async def require_current(database: Database) -> None:
    """Make sure that this program can read all of *database* without changing it first.

    Raises:
        StateError: Nothing was ever stored in it, it is incomplete, or older or newer.
    """
    name = database.backend.name
    async with database.read() as connection:
        revision = await connection.run_sync(stored_revision, name)
    if revision is None:
        raise StateError(f"{name} is new: nothing is stored in it.")
    check_revision(revision, name)
    if revision != HEAD:
        raise StateError(
            f"{name} has the schema {revision!r} of an older program. Start this one on it first."
        )


async def prepare(target: Database, *, key_id: bytes | None = None) -> None:
    """Make the tables of a database in which nothing is stored, and mark it as incomplete.

    Args:
        target: Will be filled.
        key_id: Of the first key of what it will get; for messages.

    Raises:
        StateError: It holds something, or cannot be used; it was left as it is.
    """
    backend = target.backend
    revision = await backend.find_revision(target.write)
    backend.make_ready()
    async with target.write() as connection:
        if revision == INCOMPLETE:
            await connection.run_sync(remove_all)
            revision = None
        if revision is not None:
            check_revision(revision, backend.name)
        await connection.run_sync(bring_up_to_date, revision, backend.name)
        await _refuse_rows(connection, backend.name, key_id)
        await mark(connection, INCOMPLETE)


async def complete(
    source: Database, target: Database, *, told: Told = lambda _table, _share: None
) -> list[Comparison]:
    """Fill a prepared database, and compare both; it stays incomplete where they differ."""
    async with source.read() as rows:
        await fill(rows, target, told=told)
    compared = await compare(source, target)
    if all(table.is_same for table in compared):
        await release(target)
    return compared


async def fill(
    source: AsyncConnection,
    target: Database,
    *,
    without: Collection[str] = (),
    told: Told = lambda _table, _share: None,
) -> None:
    """Write the rows that *source* sees to a prepared database, each portion for itself.

    Args:
        source: A transaction, which sees one consistent state.
        target: See `prepare`.
        without: Tables to leave out.
        told: Told after each portion.

    Raises:
        StateError: The target does not take a row, or cannot be used.
    """
    for table in moved_tables(without):
        total, done = await count_rows(source, table), 0
        async for rows in moved_rows(source, table):
            await _insert(target, table, rows)
            done += len(rows)
            told(table.name, done / total)


async def release(target: Database) -> None:
    """Take the mark of a prepared database away: services may start on it."""
    async with target.write() as connection:
        await mark(connection, HEAD)


async def compare(source: Database, target: Database) -> list[Comparison]:
    """Read two databases, each as it is at one moment; services may run on them.

    Raises:
        StateError: One of them cannot be read.
    """
    tallies: dict[Database, Mapping[str, Tally]] = {}

    async def read(database: Database) -> None:
        tallies[database] = await _tally(database)

    # At once: a server ends a transaction that waits for the other database for a minute.
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(read, source)
            group.start_soon(read, target)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [
        Comparison(table=name, source=found, target=tallies[target][name])
        for name, found in tallies[source].items()
    ]


class _Outspoken(Database):
    """Says which database cannot be used, and why."""

    @asynccontextmanager
    async def _transaction(
        self, engine: AsyncEngine, turns: anyio.Semaphore
    ) -> AsyncIterator[AsyncConnection]:
        try:
            async with super()._transaction(engine, turns) as connection:
                yield connection
        except StoreUnavailable as error:
            raise StateError(self.backend.reason(error)) from error


async def _insert(target: Database, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    try:
        async with target.write() as connection:
            await connection.execute(insert(table), rows)
    except DBAPIError as error:
        reason = type(error).__name__
        raise StateError(
            f"{target.backend.name} does not take a row of {table.name} ({reason})."
        ) from error


async def _tally(database: Database) -> dict[str, Tally]:
    async with database.read() as connection:
        return {table.name: await tally(connection, table) for table in moved_tables()}


async def _refuse_rows(connection: AsyncConnection, name: str, key_id: bytes | None) -> None:
    counts = {table.name: await count_rows(connection, table) for table in metadata.sorted_tables}
    found = ", ".join(f"{table} {count}" for table, count in counts.items() if count)
    if not found:
        return
    bound = await bound_key(connection)
    other = " They belong to another secret key." if key_id and bound not in {None, key_id} else ""
    raise StateError(
        f"{name} is not empty: it has rows in {found}.{other} Empty it, or name another."
    )
