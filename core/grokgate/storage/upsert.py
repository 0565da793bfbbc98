"""Inserts that meet a row of the same primary key, in the words of the database at hand."""

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Upsert: TypeAlias = "sqlite.Insert | postgresql.Insert"


def upsert(
    connection: AsyncConnection,
    table: Table,
    *,
    replace: Collection[str] = (),
    add: Collection[str] = (),
) -> Upsert:
    """Return an insert into *table* that changes the row which has the key already.

    Args:
        connection: Where it will be executed.
        table: Has a primary key.
        replace: Columns that get the new value.
        add: Columns to which the new value is added.
    """
    return _made(connection.dialect.name, table, tuple(replace), tuple(add))


@cache
def _made(dialect: str, table: Table, replace: tuple[str, ...], add: tuple[str, ...]) -> Upsert:
    """Make a statement once: it is a second table of columns, which only the collector removes."""
    statement = _insert(dialect, table)
    replaced = {name: statement.excluded[name] for name in replace}
    added = {name: table.c[name] + statement.excluded[name] for name in add}
    return statement.on_conflict_do_update(
        index_elements=[*table.primary_key.columns], set_=replaced | added
    )


def _insert(dialect: str, table: Table) -> Upsert:
    if dialect == "sqlite":
        return sqlite.insert(table)
    # Takes 50 ms to import, and most installations have no use for it.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - see above

    return postgresql.insert(table)
