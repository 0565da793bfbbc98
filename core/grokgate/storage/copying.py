"""Copies a database to a file of its own, whatever writes to it meanwhile (F-STO-09).

A file is copied as it is. What lies on a server is written anew, as at one moment.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from grokgate.errors import StateError
from grokgate.storage.engine import open_database
from grokgate.storage.migrate import HEAD, check_revision, known_revisions, read_revision
from grokgate.storage.moving import (
    complete,
    fill,
    looked_at,
    prepare,
    release,
    require_current,
)
from grokgate.storage.sealed import KEY_ID_AT, SEALED_TABLES
from grokgate.upstream import Secret

_LEFT_BEHIND: Final = ("admin_sessions", "idempotent_replies")
"""What a copy must not bring back to life: logins, and replies that hold for a day."""


def copy_database(source: Path, target: Path) -> None:
    """Copy the database *source* as it is at one moment; *target* must not exist.

    Blocks the thread for about a second per 500 MB. The service that writes to *source* goes on.
    Tables that an older program did not have are no fault.

    Raises:
        StateError: It cannot be read, is incomplete or of a newer program, or the copy cannot be
            written; there is no *target* then.
    """
    revision = read_revision(source)
    if revision is not None:
        check_revision(revision, f"The database {source}")
    target.touch(mode=0o600)
    try:
        with closing(_reader(source)) as reader:
            reader.execute("VACUUM INTO ?", (str(target),))
        with closing(sqlite3.connect(target)) as writer, writer:
            for table in _tables_of(writer, _LEFT_BEHIND):
                writer.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own tables
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise StateError(f"The database {source} cannot be copied ({error}).") from error


async def copy_server(source: Secret, target: Path) -> None:
    """Copy the database at the address *source* as it is at one moment; *target* must not exist.

    Raises:
        StateError: It cannot be read, or is not of this program's version.
    """
    async with looked_at(source) as server, looked_at(target) as file:
        await require_current(server)
        await prepare(file)
        async with server.read() as rows:
            await fill(rows, file, without=_LEFT_BEHIND)
        await release(file)


@asynccontextmanager
async def filled_server(source: Path, address: Secret) -> AsyncIterator[None]:
    """Fill the database at *address*, in which nothing may be stored, from the file *source*.

    It is incomplete, so that no service starts on it, from before the block until it is filled.

    Args:
        source: A copy, see `check_copy`; brought up to date.
        address: Of the database.

    Raises:
        StateError: The database holds something, or cannot be used.
    """
    async with open_database(source) as copy, looked_at(address) as server:
        await prepare(server)
        yield
        if not all(table.is_same for table in await complete(copy, server)):
            raise StateError(f"{server.backend.name} does not hold what was written. Try again.")


def check_copy(path: Path) -> None:
    """Make sure that *path* is a whole database which this program can use.

    Raises:
        StateError: It is damaged, or made by a newer program.
    """
    revision = read_revision(path)
    try:
        with closing(_reader(path)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise StateError("The database in this backup is damaged.") from error
    if verdict != "ok" or revision is None:
        raise StateError("The database in this backup is damaged.")
    if revision != HEAD and revision not in known_revisions():
        raise StateError("This backup was made by a newer program. Use that one.")


def vault_of(path: Path) -> bytes | None:
    """Return the id of the first key that the database *path* belongs to; None: of none yet."""
    with closing(_reader(path)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'vault'").fetchone()
    return row[0] if row else None


def sealing_ids(path: Path) -> frozenset[bytes]:
    """Return the ids of all keys that sealed something in the database *path*."""
    with closing(_reader(path)) as connection:
        return frozenset(
            key_id
            for table in _tables_of(connection, SEALED_TABLES)
            for (key_id,) in connection.execute(
                f"SELECT DISTINCT substr(sealed, ?, ?) FROM {table} WHERE sealed IS NOT NULL",  # noqa: S608 - names of our own tables
                KEY_ID_AT,
            )
        )


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)


def _tables_of(connection: sqlite3.Connection, wanted: Iterable[str]) -> list[str]:
    """Return those tables of *wanted* that are there."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    names = {name for (name,) in found}
    return [table for table in wanted if table in names]
