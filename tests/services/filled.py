"""A database with rows in every table, made from the types of the columns."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Boolean, Column, Integer, LargeBinary, String, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage import Database, Place, Transaction, open_database
from grokgate.storage.meta import bind_vault
from grokgate.storage.tables import metadata
from grokgate.upstream import Secret
from grokgate.vault import Vault

T = TypeVar("T")
Contents: TypeAlias = dict[str, list[tuple[Any, ...]]]
"""The rows of each table."""

LOGINS = "admin_sessions"
ROWS = 3
"""Of each table."""
WORDS = ["", "ä 中 😀", "NUL \0 and\ttab"]
"""Texts that databases disagree about."""


async def fill_every_table(database: Database, vault: Vault) -> None:
    """Write rows to every table there is; what is sealed opens with *vault*."""
    async with database.write() as connection:
        for table in metadata.sorted_tables:
            rows = [
                {column.name: value_of(column, number, vault) for column in table.c}
                for number in range(ROWS)
            ]
            await connection.execute(insert(table), rows)
        await bind_vault(connection, vault)


async def contents(connection: AsyncConnection) -> Contents:
    """Return the rows of every table, in one order."""
    found: Contents = {}
    for table in metadata.sorted_tables:
        rows = await connection.execute(select(table))
        found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def fill_file(path: Path, vault: Vault) -> None:
    on(path, lambda database: fill_every_table(database, vault))


def on(place: Place, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do *work* on an open database."""

    async def do() -> T:
        async with open_database(place) as database:
            return await work(database)

    return asyncio.run(do())


def write_to(place: Place, work: Callable[[Transaction], Awaitable[Any]]) -> None:
    """Do *work* in a transaction."""

    async def do(database: Database) -> None:
        async with database.write() as connection:
            await work(connection)

    on(place, do)


def stored(place: Place) -> Contents:
    async def read(database: Database) -> Contents:
        async with database.read() as connection:
            return await contents(connection)

    return on(place, read)


def as_on_postgresql(rows: Contents) -> Contents:
    """Return what PostgreSQL can store of *rows*, without logins."""
    kept = {
        table: [
            tuple(v.replace("\0", "\ufffd") if isinstance(v, str) else v for v in row)
            for row in found
        ]
        for table, found in rows.items()
    }
    return {**kept, LOGINS: []}


@contextmanager
def served(address: Secret) -> Iterator[None]:
    """Have another process's lock of the server's database."""

    async def hold() -> None:
        async with open_database(address):
            held.set()
            await asyncio.to_thread(ended.wait)

    held, ended = threading.Event(), threading.Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        holding = pool.submit(asyncio.run, hold())
        try:
            assert held.wait(10)
            yield
        finally:
            ended.set()
        holding.result(10)


def value_of(column: Column[Any], number: int, vault: Vault) -> Any:
    """Return a value for the row *number*, the same for a key and for what refers to it."""
    if column.nullable and number == 0:
        return None
    match column.type:
        case _ if column.name == "sealed":
            return vault.seal(f"secret {number}".encode(), context="test")
        case Boolean():
            return bool(number % 2)
        case LargeBinary():
            return bytes([0, 255, number])
        case Integer():
            return 2**40 + number
        case String():
            is_key = column.primary_key or column.foreign_keys
            return f"row {number}" if is_key else WORDS[number]
    raise AssertionError(f"no value is known for {column}")
