"""What is in a database whatever kind it is: the rows that another one would get, in portions."""

import hashlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import LargeBinary, Select, String, Table, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from grokgate.storage.batch import ROWS
from grokgate.storage.meta import HOLDER, INSTALLATION, OLDEST, RUNNING
from grokgate.storage.tables import admin_sessions, meta, metadata

PORTION_BYTES: Final = 8 << 20
_MODULUS: Final = 1 << 256

_OF_A_PLACE: Final = (HOLDER, INSTALLATION, OLDEST)
"""Facts about one database and the processes on it, which mean nothing in another."""
_OF_A_MOMENT: Final = (*_OF_A_PLACE, RUNNING)
"""Facts that say nothing of what is stored."""


class Tally(Struct, frozen=True, kw_only=True):
    """What a table comes to."""

    rows: int
    digest: bytes
    """Equal for the same rows, whatever their order and the kind of the database."""


def moved_tables(without: Collection[str] = ()) -> list[Table]:
    """Return the tables whose rows move, those that others refer to first.

    Logins of operators never do: they end with the database that they were made on.

    Args:
        without: Names of further tables that stay behind.
    """
    stay = {admin_sessions.name, *without}
    return [table for table in metadata.sorted_tables if table.name not in stay]


async def count_rows(connection: AsyncConnection, table: Table) -> int:
    """Count all rows of a table."""
    return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def moved_rows(
    connection: AsyncConnection, table: Table
) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
    """Yield the rows of *table* that move, in portions that bound the memory."""
    async for rows in _portions(connection, table, _without(table, _OF_A_PLACE)):
        yield rows


async def tally(connection: AsyncConnection, table: Table) -> Tally:
    """Read all of *table*, as far as it says what is stored."""
    rows, digest = 0, 0
    async for portion in _portions(connection, table, _without(table, _OF_A_MOMENT)):
        rows += len(portion)
        # A sum: databases need not agree about the order of keys.
        digest = (digest + sum(map(_digest, portion))) % _MODULUS
    return Tally(rows=rows, digest=digest.to_bytes(32, "big"))


def rows_at_once(largest_bytes: int) -> int:
    """Return how many rows make a portion, where the largest row has so many bytes."""
    return max(1, min(ROWS, PORTION_BYTES // max(1, largest_bytes)))


async def _portions(
    connection: AsyncConnection, table: Table, query: Select[Any]
) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
    # Page by page: a cursor on a server is read 50 rows at a time, however long they are.
    largest = (await connection.execute(select(func.max(_size(table))))).scalar() or 0
    key = [*table.primary_key.columns]
    page = query.order_by(*key).limit(rows_at_once(int(largest)))
    rows = (await connection.execute(page)).mappings().all()
    while rows:
        yield rows
        last = [literal(rows[-1][column.name], column.type) for column in key]
        behind = page.where(tuple_(*key) > tuple_(*last))
        rows = (await connection.execute(behind)).mappings().all()


def _size(table: Table) -> ColumnElement[int]:
    """Return about how long a row is; numbers do not count."""
    lengths = (
        func.coalesce(func.length(column), 0)
        for column in table.c
        if isinstance(column.type, String | LargeBinary)
    )
    return sum(lengths, start=func.length(""))


def _without(table: Table, facts: Collection[str]) -> Select[Any]:
    query = select(table)
    return query.where(meta.c.key.not_in(facts)) if table is meta else query


def _digest(row: Mapping[str, Any]) -> int:
    content = msgspec.msgpack.encode([_stored(value) for value in row.values()])
    return int.from_bytes(hashlib.blake2b(content, digest_size=32).digest(), "big")


def _stored(value: Any) -> Any:
    """Return *value* as every kind of database stores it; PostgreSQL has no NUL in texts."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
